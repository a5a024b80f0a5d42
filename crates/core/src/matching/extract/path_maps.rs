//! The numbers that a tape has for the paths of an extractor, so that their values are found without a walk.
//! An extractor is new to a scratch for one event, which walks; the tape numbers its paths before the next event.

use rustc_hash::FxHashMap;

use crate::event::json::tape::{PathNumber, Tape, TapeDocument};

/// The maximum number of extractors. Those of rule sets that were replaced stay until then.
const MAX_EXTRACTORS: usize = 4096;

#[derive(Debug, Default)]
pub struct PathMaps {
    known: FxHashMap<ExtractorNumber, Box<[PathNumber]>>,
    wanted: Vec<(ExtractorNumber, Vec<Vec<Box<str>>>)>,
    /// The numbering of the tape that the numbers belong to.
    numbering: u64,
}

/// Distinguishes all extractors of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtractorNumber(pub u64);

impl PathMaps {
    /// Numbers the paths that were wanted. Call it before a text is scanned.
    pub fn prepare(&mut self, tape: &mut Tape) {
        if self.numbering != tape.numbering() || self.known.len() > MAX_EXTRACTORS {
            self.known.clear();
            self.numbering = tape.numbering();
        }
        for (extractor, paths) in self.wanted.drain(..) {
            let numbers = paths
                .iter()
                .map(|keys| tape.path(keys.iter().map(|key| &**key)));
            self.known.insert(extractor, numbers.collect());
        }
    }

    /// The number of each path of an extractor, if the tape has them.
    #[inline]
    pub fn get(
        &self,
        extractor: ExtractorNumber,
        scanned: &TapeDocument<'_>,
    ) -> Option<&[PathNumber]> {
        let numbers = self.known.get(&extractor)?;
        (scanned.numbering() == self.numbering).then_some(&**numbers)
    }

    pub fn want(&mut self, extractor: ExtractorNumber, paths: Vec<Vec<Box<str>>>) {
        self.wanted.push((extractor, paths));
    }
}
