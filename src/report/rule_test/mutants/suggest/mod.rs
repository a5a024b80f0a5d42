//! Searches for a test that passes with a rule and fails with a mutant. Each one that is proposed was tried with both.

mod base_event;
mod duration_text;
mod flow;
mod gates;
mod matching;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::report::error::CommandError;
use crate::report::rule_test::entry_text::entry_text;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::killer::TestedRule;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::suite::{TestCase, folder_of, lower};
use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document;
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
            MutatedPart::Flow => search.flow(),
            MutatedPart::Gates => search.gates(),
            // The events of a sequence differ, and none is known for each step.
            MutatedPart::Sequence => Ok(None),
        }
    }
}

impl TestSearch<'_> {
    /// The start of a test: its name, its rule and its event.
    fn entry(&self, base: &BaseEvent) -> Map<String, Value> {
        let mut entry = Map::new();
        let change = self.mutation.change.replace('`', "");
        entry.insert("name".into(), format!("notices: {change}").into());
        entry.insert("rule".into(), self.rule.name.as_str().into());
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
        let Some(case) = self.read(&text) else {
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

    /// Reads a test as it is read from a file.
    fn read(&self, text: &str) -> Option<TestCase> {
        let mut diagnostics = Diagnostics::default();
        let read = document::read(FileId::default(), text, &mut diagnostics);
        let node = read.first()?.as_list()?.first()?;
        let test = lower(node, self.rule, self.runner.book, &mut diagnostics)?;
        (!diagnostics.has_errors()).then(|| TestCase {
            rule: Arc::clone(self.rule),
            test: Arc::new(test),
            folder: folder_of(self.rule.version.file()),
        })
    }
}

/// The file for the tests of a rule file: `NAME.test.yaml` beside `NAME.yaml`.
fn test_file(file: &str) -> String {
    match file.rsplit_once('.') {
        Some((name, extension)) => format!("{name}.test.{extension}"),
        None => format!("{file}.test.yaml"),
    }
}
