//! From the bytes of an event to the rules that match it, without building the event: scanned once, told by
//! its head, judged by the index of its trigger. It refuses whatever is not plainly sound, which the door
//! then judges: the same event by the same rules, at the price of building it.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use crate::core::event::catalogue::Catalogue;
use crate::core::event::datum::Datum;
use crate::core::event::decode::{Told, head};
use crate::core::event::head::Head;
use crate::core::event::tape::Tape;
use crate::core::event::{Brief, Event};
use crate::core::matching::extract::{Extracted, Room};
use crate::core::matching::index::{self, Slots};
use crate::core::matching::ruleset::RuleSet;
use crate::core::rule::condition::Predicate;
use crate::core::rule::jobspec::Rule;
use crate::core::rule::operator::Verdict;
use crate::core::rule::path::{Found, Path};
use crate::core::scope::Scope;

/// Room that finding needs, kept from one event to the next so that nothing is allocated anew.
#[derive(Debug, Default)]
pub struct Scratch {
    tape: Tape,
    found: Finding,
}

/// The same without the tape, which the event borrows.
#[derive(Debug, Default)]
struct Finding {
    room: Room,
    index: index::Scratch,
    matches: Vec<u32>,
    /// Those of one index.
    some: Vec<u32>,
}

/// An event that was found in its bytes, and the rules that match it.
#[derive(Debug)]
pub struct Sighting<'a> {
    pub head: Head<'a>,
    /// Their numbers in the set, ascending.
    pub matches: &'a [u32],
    /// What was scanned.
    pub text: &'a str,
    catalogue: &'a Catalogue,
    event: OnceCell<Event>,
}

impl Sighting<'_> {
    /// The event, built.
    pub fn event(self) -> Event {
        let built = self.event.into_inner();
        built.unwrap_or_else(|| self.head.event(self.catalogue))
    }

    pub fn brief(&self) -> Brief {
        self.head.brief(self.catalogue)
    }
}

impl RuleSet {
    /// Finds the rules that match the event in these bytes, without those that are disabled. None where
    /// the bytes are no single event, or not plainly sound.
    pub fn find<R>(
        &self,
        bytes: &[u8],
        told: Told<'_>,
        catalogue: &Catalogue,
        scratch: &mut Scratch,
        answer: impl FnOnce(Sighting<'_>) -> R,
    ) -> Option<R> {
        let scanned = scratch.tape.scan(bytes)?;
        let document = Datum::Taped(scanned.root());
        let head = head(document, told, catalogue).ok()?;
        let event = OnceCell::new();
        let built = || event.get_or_init(|| head.event(catalogue));
        let found = &mut scratch.found;
        found.matches.clear();
        for listening in self.listeners.of(head.source, &head.named.tag) {
            let extraction = listening.extraction(&head);
            let slots = extraction.take(&scanned, &head, &mut || built(), &mut found.room);
            let mut whole = |rule, predicate: &Predicate| self.holds(rule, predicate, built());
            let (index, some) = (&mut found.index, &mut found.some);
            listening.index.find(&slots, &mut whole, index, some);
            merge(&mut found.matches, some);
        }
        Some(answer(Sighting {
            head,
            matches: &found.matches,
            text: scanned.text(),
            catalogue,
            event,
        }))
    }

    /// The rules that match an event that is built, without those that are disabled.
    pub fn matches(&self, event: &Event) -> Vec<&Arc<Rule>> {
        let mut scratch = index::Scratch::default();
        let (mut matches, mut some) = (Vec::new(), Vec::new());
        for listening in self.listeners.of(&event.source, &event.event_type) {
            let slots = Built::new(event, listening.index.paths());
            let mut whole = |rule, predicate: &Predicate| self.holds(rule, predicate, event);
            listening
                .index
                .find(&slots, &mut whole, &mut scratch, &mut some);
            merge(&mut matches, &mut some);
        }
        let rules = matches.into_iter();
        rules.map(|number| &self.rules[number as usize]).collect()
    }

    fn holds(&self, rule: u32, predicate: &Predicate, event: &Event) -> bool {
        let scope = Scope::new(event, &self.rules[rule as usize].vars);
        predicate.judge(&scope) == Verdict::Match
    }
}

/// Adds what one more index found; several families may find the same rule.
fn merge(matches: &mut Vec<u32>, some: &mut Vec<u32>) {
    if matches.is_empty() {
        return std::mem::swap(matches, some);
    }
    if !some.is_empty() {
        matches.append(some);
        matches.sort_unstable();
        matches.dedup();
    }
}

impl Slots for Extracted<'_> {
    fn slot(&self, number: usize) -> Option<Datum<'_>> {
        self.get(number)
    }
}

/// The values at the paths of an index in an event that is built.
struct Built<'a> {
    values: Vec<Option<&'a Value>>,
}

impl<'a> Built<'a> {
    fn new(event: &'a Event, paths: &[Path]) -> Self {
        let scope = Scope::new(event, &Value::Null);
        let values = paths.iter().map(|path| match path.resolve(&scope) {
            Found::One(value) => Some(value),
            Found::Absent | Found::Many(_) => None,
        });
        Self {
            values: values.collect(),
        }
    }
}

impl Slots for Built<'_> {
    fn slot(&self, number: usize) -> Option<Datum<'_>> {
        self.values[number].map(Datum::Built)
    }
}
