//! The events from which a test is searched: those of the rule's own tests, and the samples of its event types.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::report::event_sample::TypeSample;
use crate::report::input;
use crate::report::rule_test::mutants::killer::TestedRule;
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::suite::{TestCase, folder_of};
use flowtrigger_core::analysis::Witness;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::event_type::{EventType, FieldLookup};
use flowtrigger_core::event::catalogue::field_type::FieldType;

use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::flow::simulate::Mocks;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::matching::explain;
use flowtrigger_core::mutation::difference::{DifferenceSearch, FieldDifference};
use flowtrigger_core::path::Path;
use flowtrigger_core::path::set::set_described;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test::entry::{TestEntry, TestEvent};
use flowtrigger_core::rule::test::{RuleTest, TestForm};

/// More events of tests than this are not tried.
const MAX_BASES: usize = 24;
/// An event whose JSON is longer than this is not short.
const MAX_SHORT: usize = 300;
/// The samples of more types than this are not tried.
const MAX_SAMPLES: usize = 6;

/// An event as a test writes it.
#[derive(Debug, Clone)]
pub struct BaseEvent {
    /// The value of `event`.
    pub written: Value,
    pub set: Map<String, Value>,
    pub mocks: Mocks,
    pub now: Option<Timestamp>,
    pub event: Event,
}

impl BaseEvent {
    /// The event of a proof, if it can be written.
    pub fn of_witness(witness: &Witness) -> Option<Self> {
        Some(Self {
            written: witness.payload.clone()?,
            set: Map::new(),
            mocks: Mocks::new(),
            now: None,
            event: witness.event.clone(),
        })
    }

    /// Whether a test with it needs many lines.
    pub fn is_long(&self) -> bool {
        self.written.to_string().len() > MAX_SHORT
    }

    /// The same event with some fields changed; none if they cannot be set.
    pub fn with(&self, changes: &[FieldDifference], runner: &TestRunner<'_>) -> Option<Self> {
        let mut changed = self.clone();
        let description = runner.book.config.description_of(&self.event.source);
        for FieldDifference { path, value } in changes {
            set_described(&mut changed.event, path, value.clone(), description).ok()?;
            changed.set.shift_remove(&path.text);
            changed.set.insert(path.text.clone(), value.clone());
        }
        Some(changed)
    }

    pub fn matches(&self, rule: &Rule) -> bool {
        let event = &self.event;
        let listens = rule.listens_to(&event.source, &event.event_type);
        listens && explain::is_match(rule, event)
    }

    /// The known types of a field.
    pub fn types_at(&self, path: &Path, runner: &TestRunner<'_>) -> Vec<FieldType> {
        let catalogue = &runner.book.config.catalogue;
        let known = catalogue.by_name(&self.event.source, &self.event.event_type);
        match known.map(|known| known.field(&path.text)) {
            Some(FieldLookup::Known(found)) => vec![found.clone()],
            Some(_) | None => Vec::new(),
        }
    }

    /// The fewest changes with which one condition holds and the other does not.
    pub fn difference(
        &self,
        one: &Condition,
        other: &Condition,
        vars: &Value,
        runner: &TestRunner<'_>,
    ) -> Option<Vec<FieldDifference>> {
        let config = &runner.book.config;
        let types = |path: &Path| self.types_at(path, runner);
        let search = DifferenceSearch {
            one,
            other,
            event: &self.event,
            vars,
            types: &types,
            description: config.description_of(&self.event.source),
        };
        search.changes()
    }
}

/// The events of the rule's tests, and a sample for each of its event types.
pub fn of_rule(tested: &TestedRule<'_>, runner: &TestRunner<'_>) -> Vec<BaseEvent> {
    let rule = &tested.rule;
    let folder = folder_of(rule.version.file());
    let mut bases = Vec::new();
    for test in &tested.tests {
        for entry in &test.case.test.entries {
            if bases.len() < MAX_BASES {
                bases.extend(of_entry(test.case, entry, &folder, runner));
            }
        }
    }
    bases.extend(samples(rule, runner));
    bases
}

/// The event of a test, read as that of a test with one event.
fn of_entry(
    case: &TestCase,
    entry: &TestEntry,
    folder: &FilePath,
    runner: &TestRunner<'_>,
) -> Option<BaseEvent> {
    let written = match &entry.event {
        // A file is named relative to the test.
        TestEvent::File(file, _) if case.folder == folder => json!(file),
        TestEvent::File(..) => return None,
        TestEvent::Inline(event, _) => event.clone(),
        TestEvent::Tick(Some(at), _) => json!({ "tick": at.to_string() }),
        TestEvent::Tick(None, _) => json!("tick"),
    };
    let alone = TestCase {
        test: Arc::new(RuleTest {
            form: TestForm::Single,
            entries: vec![TestEntry {
                offset: Duration::ZERO,
                ..entry.clone()
            }],
            ..RuleTest::clone(&case.test)
        }),
        ..case.clone()
    };
    let event = runner.read_events(&alone).ok()?.pop()?;
    let set = entry.set.iter();
    Some(BaseEvent {
        written,
        set: set
            .map(|(path, value)| (path.text.clone(), value.clone()))
            .collect(),
        mocks: entry.mocks(),
        now: case.test.now,
        event,
    })
}

fn samples(rule: &Rule, runner: &TestRunner<'_>) -> Vec<BaseEvent> {
    let patterns = rule.event_types.iter();
    let samples = patterns.flat_map(|pattern| of_pattern(pattern, rule, runner));
    samples.take(MAX_SAMPLES).collect()
}

/// A sample of each known type, as a test of the rule has it.
pub fn of_pattern(pattern: &TypePattern, rule: &Rule, runner: &TestRunner<'_>) -> Vec<BaseEvent> {
    let catalogue = &runner.book.config.catalogue;
    let types = match pattern {
        TypePattern::Name(name) => catalogue
            .by_name(&rule.event_source, name)
            .into_iter()
            .collect(),
        TypePattern::Family(prefix) => {
            catalogue.matching(&rule.event_source, &format!("{prefix}*"))
        }
    };
    let types = types.into_iter().take(MAX_SAMPLES);
    types.filter_map(|of| sample(of, rule, runner)).collect()
}

fn sample(event_type: &EventType, rule: &Rule, runner: &TestRunner<'_>) -> Option<BaseEvent> {
    let config = &runner.book.config;
    let sample = TypeSample::new(event_type, &config.catalogue)?;
    let written: Value = serde_json::from_str(&sample.text).ok()?;
    let event = input::from_value(written.clone(), Some(&rule.event_source), config).ok()?;
    Some(BaseEvent {
        written,
        set: Map::new(),
        mocks: Mocks::new(),
        now: None,
        event,
    })
}
