//! Searches for a test that passes with a rule and fails with a mutant. Each one that is proposed was tried with both.

mod base_event;
mod flow;
mod gates;
mod matching;
mod series;
mod series_member;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::report::error::CommandError;
use crate::report::rule_test::entry_text::entry_text;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::killer::TestedRule;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::suite::TestCase;
use crate::report::rule_test::written_events;
use flowtrigger_core::flow::step::Action;
use flowtrigger_core::mutation::equivalence::MatchDifference;
use flowtrigger_core::mutation::{Mutant, MutatedPart};
use flowtrigger_core::rule::Rule;

/// Of one rule, no more tests than this are searched: of a rule without tests every mutant survives.
const MAX_SUGGESTED: usize = 60;

/// The tests that are suggested for the mutants of one rule.
#[derive(Default)]
pub struct Suggestions {
    searched: usize,
    bases: Option<Vec<BaseEvent>>,
}

/// A mutant that no test notices.
pub struct Survivor<'s> {
    pub rule: &'s TestedRule<'s>,
    pub mutant: &'s Arc<Rule>,
    pub mutation: &'s Mutant,
    pub difference: MatchDifference,
}

/// What a test is searched with.
struct TestSearch<'s> {
    runner: &'s TestRunner<'s>,
    rule: &'s Arc<Rule>,
    mutant: &'s Arc<Rule>,
    mutation: &'s Mutant,
    bases: &'s [BaseEvent],
}

impl Suggestions {
    /// Searches for a test that fails with a mutant.
    pub fn test(
        &mut self,
        runner: &TestRunner<'_>,
        survivor: &Survivor<'_>,
    ) -> Result<Option<SuggestedTest>, CommandError> {
        if self.searched >= MAX_SUGGESTED {
            return Ok(None);
        }
        self.searched += 1;
        let bases = self
            .bases
            .get_or_insert_with(|| base_event::of_rule(survivor.rule, runner));
        let search = TestSearch {
            runner,
            rule: &survivor.rule.rule,
            mutant: survivor.mutant,
            mutation: survivor.mutation,
            bases,
        };
        match survivor.mutation.part() {
            MutatedPart::Match => search.matching(&survivor.difference),
            // What a run waits for is compared with events, and not with mocks.
            MutatedPart::Flow if search.is_of_awaited_event() => search.series(),
            MutatedPart::Flow => match search.flow()? {
                Some(test) => Ok(Some(test)),
                None if search.has_waits() => search.series(),
                None => Ok(None),
            },
            MutatedPart::Gates => search.gates(),
            MutatedPart::Sequence => search.series(),
        }
    }
}

impl TestSearch<'_> {
    /// Whether the mutant waits for other events than the rule.
    fn is_of_awaited_event(&self) -> bool {
        let key = &self.mutation.key;
        key.contains(".wait_for") && !key.contains(".otherwise")
    }

    fn has_waits(&self) -> bool {
        let steps = self.rule.flow.all_steps();
        let waits =
            |action: &Action| action.wait_for().is_some() || matches!(action, Action::Wait(_));
        steps.iter().any(|step| waits(&step.action))
    }

    /// The name and the rule of a test.
    fn title(&self) -> Map<String, Value> {
        let mut entry = Map::new();
        let change = self.mutation.change.replace('`', "");
        entry.insert("name".into(), format!("notices: {change}").into());
        entry.insert("rule".into(), self.rule.name.as_str().into());
        entry
    }

    /// The start of a test: its name, its rule and its event.
    fn entry(&self, base: &BaseEvent) -> Map<String, Value> {
        let mut entry = self.title();
        entry.insert("event".into(), base.written.clone());
        if !base.set.is_empty() {
            entry.insert("set".into(), Value::Object(base.set.clone()));
        }
        entry
    }

    /// The test if it passes with the rule and fails with the mutant.
    fn confirmed(&self, entry: Map<String, Value>) -> Result<Option<SuggestedTest>, CommandError> {
        let file = self.rule.version.file();
        let text = entry_text(entry.into(), &mut Vec::new());
        let Some(case) = written_events::read(&text, self.rule, self.runner) else {
            return Ok(None);
        };
        let mutated = TestCase {
            rule: Arc::clone(self.mutant),
            ..case.clone()
        };
        let passes = self.runner.run_alone(&case)?.failure.is_empty();
        if !passes || self.runner.run_alone(&mutated)?.failure.is_empty() {
            return Ok(None);
        }
        Ok(Some(SuggestedTest {
            text,
            file: test_file(file),
        }))
    }
}

/// The file for the tests of a rule file: `NAME.test.yaml` beside `NAME.yaml` or the bundle `NAME.json`.
fn test_file(file: &str) -> String {
    match file.rsplit_once('.') {
        Some((name, "json")) => format!("{name}.test.yaml"),
        Some((name, extension)) => format!("{name}.test.{extension}"),
        None => format!("{file}.test.yaml"),
    }
}
