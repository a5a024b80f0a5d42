//! Judging an event in the bytes as they came, before anything is built of it.
//! It refuses what is not plainly one event of the source; whoever reads it whole says what is wrong.

use std::cell::RefCell;
use std::sync::Arc;

use super::Rulebook;
use super::submission::Judged;
use crate::core::config::{EventSource, Reads};
use crate::core::event::Brief;
use crate::core::event::decode::Told;
use crate::core::matching::find::{Scratch, Sighting};
use crate::store::Unmatched;

/// An event in its bytes.
pub enum Sighted {
    /// No rule wants it, and nothing was built.
    Unmatched(Box<Brief>, Unmatched),
    Judged(Judged),
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Rulebook {
    /// None where the bytes have to be read whole.
    pub fn sight(&self, source: &EventSource, body: &[u8]) -> Option<Sighted> {
        let told = match &source.reads {
            Reads::Described(description) => Told::Described(description),
            Reads::BuiltIn(_) => Told::ByContent,
        };
        let is_named = |sighting: &Sighting<'_>| match told {
            Told::Described(_) => true,
            Told::ByContent => sighting.head.source == source.source(),
        };
        let catalogue = &self.config.catalogue;
        SCRATCH.with_borrow_mut(|scratch| {
            let sight =
                |sighting: Sighting<'_>| is_named(&sighting).then(|| self.sighted(sighting));
            self.rules.find(body, told, catalogue, scratch, sight)?
        })
    }

    fn sighted(&self, sighting: Sighting<'_>) -> Sighted {
        // What is filed must be readable without this configuration.
        if sighting.matches.is_empty() && !self.config.catalogue.is_extended() {
            let brief = Box::new(sighting.brief());
            let event = Unmatched::Scanned {
                brief: Box::clone(&brief),
                raw: sighting.text.into(),
            };
            return Sighted::Unmatched(brief, event);
        }
        let matches = sighting.matches.iter();
        let rules: Vec<_> = matches
            .map(|number| Arc::clone(&self.rules.rules[*number as usize]))
            .collect();
        Sighted::Judged(Judged::by(rules, sighting.event()))
    }
}
