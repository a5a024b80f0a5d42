//! A test for a mutant of the condition or of the event types: an event that one of the two matches.

use std::collections::BTreeSet;

use crate::report::error::CommandError;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::suggest::TestSearch;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::mutation::equivalence::MatchDifference;
use flowtrigger_core::rule::Rule;

impl TestSearch<'_> {
    /// Tries the events with the fewest changes first.
    pub(super) fn matching(
        &self,
        difference: &MatchDifference,
    ) -> Result<Option<SuggestedTest>, CommandError> {
        let mut tried = BTreeSet::new();
        let found = self.bases.iter().filter_map(|base| {
            // Tests of one event differ by what they expect.
            let key = format!("{}{:?}", base.written, base.set);
            if !tried.insert(key) {
                return None;
            }
            self.different(base)
        });
        let mut found: Vec<BaseEvent> = found.collect();
        // A test that names a file is shorter than one with the whole event.
        found.sort_by_key(|base| (base.is_long(), base.set.len()));
        if let MatchDifference::Shown(witness) = difference {
            found.extend(BaseEvent::of_witness(witness));
        }
        for base in found {
            let mut entry = self.entry(&base);
            let expect = match base.matches(self.rule) {
                true => "match",
                false => "no match",
            };
            entry.insert("expect".into(), expect.into());
            if let Some(test) = self.confirmed(entry)? {
                return Ok(Some(test));
            }
        }
        Ok(None)
    }

    /// The event with changes that make the difference.
    fn different(&self, base: &BaseEvent) -> Option<BaseEvent> {
        let never = Condition::Any(Vec::new());
        let condition = |rule: &'_ Rule| -> Condition {
            match rule.listens_to(&base.event.source, &base.event.event_type) {
                true => rule.when.clone(),
                false => never.clone(),
            }
        };
        let (one, other) = (condition(self.rule), condition(self.mutant));
        let changes = base.difference(&one, &other, &self.rule.vars, self.runner)?;
        base.with(&changes, self.runner)
    }
}
