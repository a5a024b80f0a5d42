//! Finds the rules that match an event by the indexes of its type: in a scanned document without
//! decoding it, or in a decoded event. Called by `evaluation` alone.

use std::cell::OnceCell;

use serde_json::Value;

use crate::event::Event;
use crate::event::format::decoder::Decoder;
use crate::event::format::{FormatHint, head};
use crate::event::json::tape::{Tape, TapeDocument};
use crate::event::json::value_ref::ValueRef;
use crate::language::condition::Predicate;
use crate::language::operator::Verdict;
use crate::matching::extract::{ExtractBuffers, ExtractedValues};
use crate::matching::index::SlotValues;
use crate::matching::rule_set::RuleSet;
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

/// Buffers of an evaluation. Reuse them from one event to the next to save allocations.
#[derive(Debug, Default)]
pub struct MatchScratch {
    pub(super) tape: Tape,
    pub(super) found: FindScratch,
}

/// The buffers without the tape, which the scanned event borrows.
#[derive(Debug, Default)]
pub(super) struct FindScratch {
    room: ExtractBuffers,
    index: crate::matching::index::scratch::IndexScratch,
    /// The numbers of the matching rules, ascending.
    pub(super) matches: Vec<u32>,
    /// The matches of one index, before they are merged.
    some: Vec<u32>,
}

impl MatchScratch {
    /// Prepares for the next text.
    pub(super) fn prepare(&mut self) {
        self.found.room.prepare(&mut self.tape);
    }
}

/// The table that read a document, and the event if it had to be decoded.
pub(super) type ReadDocument = (Option<&'static Decoder>, OnceCell<Box<Event>>);

impl RuleSet {
    /// Finds the enabled rules that match the event of a scanned document. None where it is not one event
    /// of the format.
    pub(super) fn find_in_document(
        &self,
        scanned: &TapeDocument<'_>,
        format: FormatHint<'_>,
        found: &mut FindScratch,
    ) -> Option<ReadDocument> {
        let catalogue = self.catalogue();
        let head = head(ValueRef::Taped(scanned.root()), format, catalogue).ok()?;
        let event = OnceCell::new();
        let built = || &**event.get_or_init(|| Box::new(head.event(catalogue)));
        found.matches.clear();
        self.listeners
            .for_each_of(&head, |subscription, extraction| {
                let slots = extraction.take(scanned, &head, &mut || built(), &mut found.room);
                let mut whole =
                    |rule, predicate: &Predicate| self.predicate_holds(rule, predicate, built());
                let (index, some) = (&mut found.index, &mut found.some);
                subscription.index.find(&slots, &mut whole, index, some);
                merge(&mut found.matches, some);
            });
        let decoder = head.format.decoder();
        Some((decoder, event))
    }

    /// Finds the enabled rules that match a decoded event.
    pub(super) fn find_in_event(&self, event: &Event, found: &mut FindScratch) {
        found.matches.clear();
        for subscription in self.listeners.matching(&event.source, &event.event_type) {
            let slots = BuiltValues::new(event, subscription.index.paths());
            let mut whole =
                |rule, predicate: &Predicate| self.predicate_holds(rule, predicate, event);
            let (index, some) = (&mut found.index, &mut found.some);
            subscription.index.find(&slots, &mut whole, index, some);
            merge(&mut found.matches, some);
        }
    }

    fn predicate_holds(&self, rule: u32, predicate: &Predicate, event: &Event) -> bool {
        let scope = Scope::new(event, &self.rules[rule as usize].vars);
        predicate.evaluate(&scope) == Verdict::Match
    }
}

/// Adds the matches of one more index; indexes of several families may find the same rule.
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

impl SlotValues for ExtractedValues<'_> {
    fn slot(&self, number: usize) -> Option<ValueRef<'_>> {
        self.get(number)
    }

    fn has_time_zone(&self) -> bool {
        self.has_zone()
    }
}

/// The values at the paths of an index in a decoded event.
struct BuiltValues<'a> {
    event: &'a Event,
    values: Vec<Option<&'a Value>>,
}

impl<'a> BuiltValues<'a> {
    fn new(event: &'a Event, paths: &[Path]) -> Self {
        let scope = Scope::new(event, &Value::Null);
        let values = paths.iter().map(|path| match path.resolve(&scope) {
            Resolved::One(value) => Some(value),
            Resolved::Absent | Resolved::Many(_) => None,
        });
        Self {
            event,
            values: values.collect(),
        }
    }
}

impl SlotValues for BuiltValues<'_> {
    fn slot(&self, number: usize) -> Option<ValueRef<'_>> {
        self.values[number].map(ValueRef::Built)
    }

    fn has_time_zone(&self) -> bool {
        self.event.time_zone().is_some()
    }
}
