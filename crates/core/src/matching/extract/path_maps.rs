//! The numbers that a tape has for the paths of an extractor, so that their values are found without a walk.
//! An extractor is new to a scratch for one event, which walks; the tape numbers its paths before the next event.

use crate::event::json::tape::{PathNumber, Tape, TapeDocument};
use crate::matching::extract::trie::TrieSlot;

/// The maximum number of extractors. A new one takes the place of an older one then.
const MAX_EXTRACTORS: usize = 4096;

#[derive(Debug, Default)]
pub struct PathMaps {
    /// By the place of an extractor. Those of rule sets that were replaced stay until another one takes their place.
    known: Vec<Option<PathMap>>,
    /// The numbering of the tape that the numbers belong to.
    numbering: u64,
}

/// The numbers of an extractor's paths.
#[derive(Debug)]
pub struct PathMap {
    extractor: ExtractorNumber,
    /// By place in its trie.
    pub spots: Box<[PathNumber]>,
    /// By slot, for those whose values are at one place of the document; `NONE` for others.
    pub slots: Box<[PathNumber]>,
}

/// The paths of an extractor that have no numbers yet.
#[derive(Debug)]
pub struct WantedPaths {
    pub extractor: ExtractorNumber,
    /// By place in its trie.
    pub paths: Vec<Vec<Box<str>>>,
    pub slots: Box<[Option<TrieSlot>]>,
}

/// Distinguishes all extractors of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtractorNumber(pub u64);

impl ExtractorNumber {
    #[allow(clippy::cast_possible_truncation)]
    #[inline]
    fn place(self) -> usize {
        self.0 as usize % MAX_EXTRACTORS
    }
}

impl PathMaps {
    /// Numbers the paths that were wanted. Call it before a text is scanned.
    pub fn prepare(&mut self, wanted: &mut Vec<WantedPaths>, tape: &mut Tape) {
        if self.numbering != tape.numbering() {
            self.known.clear();
            self.numbering = tape.numbering();
        }
        for wanted in wanted.drain(..) {
            let map = PathMap::new(&wanted, tape);
            let place = wanted.extractor.place();
            if self.known.len() <= place {
                self.known.resize_with(place + 1, || None);
            }
            self.known[place] = Some(map);
        }
    }

    /// The numbers of an extractor's paths, if the tape has them.
    #[inline]
    pub fn get(&self, extractor: ExtractorNumber, scanned: &TapeDocument<'_>) -> Option<&PathMap> {
        let map = self.known.get(extractor.place())?.as_ref()?;
        let is_current = map.extractor == extractor && scanned.numbering() == self.numbering;
        is_current.then_some(map)
    }
}

impl PathMap {
    fn new(wanted: &WantedPaths, tape: &mut Tape) -> Self {
        let paths = wanted.paths.iter();
        let spots = paths.map(|keys| tape.path(keys.iter().map(|key| &**key)));
        let spots: Box<[PathNumber]> = spots.collect();
        let slots = wanted.slots.iter();
        let slots = slots.map(|spot| spot.map_or(PathNumber::NONE, |spot| spots[spot]));
        Self {
            extractor: wanted.extractor,
            slots: slots.collect(),
            spots,
        }
    }
}
