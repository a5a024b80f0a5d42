//! A test for a mutant of the flow: an event with mocks for which the two send something else, or end otherwise.

mod document_path;
pub mod expectation;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::rule_test::mocks;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::suggest::TestSearch;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use crate::report::rule_test::run_test::{simulated, subject};
use flowtrigger_core::flow::simulate::{Mock, Simulation};
use flowtrigger_core::flow::step::{Action, Step};
use flowtrigger_core::language::condition::Predicate;
use flowtrigger_core::mutation::difference::{FieldDifference, fields, values_to_try};
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::set::put;
use flowtrigger_core::path::{Path, PathKind};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::LogEntry;

/// The most runs that are simulated for one mutant.
const MAX_SIMULATIONS: usize = 4_000;
/// The values that are tried for one field or one part of a reply.
const MAX_VALUES: usize = 8;

/// A change of what a run is simulated with.
#[derive(Debug, Clone)]
enum Perturbation {
    Field(FieldDifference),
    /// A part of the reply of a step.
    Reply {
        step: String,
        change: FieldDifference,
    },
    /// The step fails.
    Fails(String),
}

impl TestSearch<'_> {
    /// Tries the events that make a short test first.
    pub(super) fn flow(&self) -> Result<Option<SuggestedTest>, CommandError> {
        let matching = self.bases.iter().filter(|base| base.matches(self.rule));
        let (long, short): (Vec<&BaseEvent>, Vec<&BaseEvent>) =
            matching.partition(|base| base.is_long());
        match self.flow_of(&short)? {
            Some(test) => Ok(Some(test)),
            None => self.flow_of(&long),
        }
    }

    /// Tries the events as they are, then with one change, then with two.
    fn flow_of(&self, bases: &[&BaseEvent]) -> Result<Option<SuggestedTest>, CommandError> {
        for base in bases {
            if let Some(test) = self.with_difference(base)? {
                return Ok(Some(test));
            }
        }
        let mut left = MAX_SIMULATIONS;
        for base in bases {
            for one in self.perturbations(base) {
                left = left.saturating_sub(1);
                let Some(changed) = self.perturbed(base, &one) else {
                    continue;
                };
                if let Some(test) = self.with_difference(&changed)? {
                    return Ok(Some(test));
                }
                if left == 0 {
                    return Ok(None);
                }
            }
        }
        for base in bases {
            let perturbations = self.perturbations(base);
            for (number, one) in perturbations.iter().enumerate() {
                let Some(changed) = self.perturbed(base, one) else {
                    continue;
                };
                for other in &perturbations[number + 1..] {
                    left = left.saturating_sub(1);
                    let Some(changed) = self.perturbed(&changed, other) else {
                        continue;
                    };
                    if let Some(test) = self.with_difference(&changed)? {
                        return Ok(Some(test));
                    }
                    if left == 0 {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// The events for which a wait of the rule is missing in the mutant, as they are or with one or two changes.
    pub(super) fn waiting(&self) -> Vec<BaseEvent> {
        let waits = |rule: &Rule, base: &BaseEvent| {
            let log = self.simulation(rule, base).log;
            let is_end = |entry: &&LogEntry| matches!(entry, LogEntry::Claimed { over: Some(_) });
            log.iter().filter(is_end).count()
        };
        let lacks = |base: &BaseEvent| {
            base.matches(self.rule) && waits(self.rule, base) > waits(self.mutant, base)
        };
        let mut left = MAX_SIMULATIONS;
        let found = self.bases.iter().filter_map(|base| {
            if lacks(base) {
                return Some(base.clone());
            }
            let changes = self.perturbations(base);
            let one = changes.iter().enumerate();
            let mut changed = one.filter_map(|(number, change)| {
                let changed = self.perturbed(base, change)?;
                Some((number, changed))
            });
            let more = |(number, changed): (usize, BaseEvent)| {
                let others = changes[number + 1..].iter();
                let two = others.filter_map(|other| self.perturbed(&changed, other));
                let mut tried = [changed.clone()].into_iter().chain(two);
                tried.find(|tried| {
                    left = left.saturating_sub(1);
                    left > 0 && lacks(tried)
                })
            };
            changed.find_map(more)
        });
        found.collect()
    }

    /// The test of an event for which the rule and the mutant do something else.
    fn with_difference(&self, base: &BaseEvent) -> Result<Option<SuggestedTest>, CommandError> {
        if !base.matches(self.rule) {
            return Ok(None);
        }
        let own = self.simulation(self.rule, base);
        let changed = self.simulation(self.mutant, base);
        let config = &self.runner.book.config;
        let expected = expectation::difference(self.rule, &own, &changed, config);
        if expected.is_empty() {
            return Ok(None);
        }
        let mut entry = self.entry(base);
        if let Some(now) = base.now {
            entry.insert("now".into(), now.to_string().into());
        }
        entry.insert("expect".into(), "match".into());
        if !base.mocks.is_empty() {
            let is_needed = |fewer: &_| {
                let fewer = BaseEvent {
                    mocks: Clone::clone(fewer),
                    ..base.clone()
                };
                let fewer_own = self.simulation(self.rule, &fewer);
                let fewer_changed = self.simulation(self.mutant, &fewer);
                expectation::difference(self.rule, &fewer_own, &fewer_changed, config) == expected
            };
            let needed = mocks::needed(base.mocks.clone(), is_needed);
            if !needed.is_empty() {
                entry.insert("mock".into(), mocks::to_json(&needed));
            }
        }
        entry.extend(expected);
        self.confirmed(entry)
    }

    fn simulation(&self, rule: &Rule, base: &BaseEvent) -> Simulation {
        let now = base
            .now
            .or(base.event.time)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let locals = rule.locals_of(&base.event);
        let subject = subject(rule, &base.event, &locals);
        simulated(rule, &subject, &base.mocks, now, &self.runner.book.config)
    }

    /// What can lead a run to another part of the flow: the fields and replies that conditions read, lists, failures.
    fn perturbations(&self, base: &BaseEvent) -> Vec<Perturbation> {
        let mut found = Vec::new();
        let steps: Vec<&Step> = self.rule.flow.all_steps();
        let mutated = self.mutant.flow.all_steps();
        let conditions = steps
            .iter()
            .chain(&mutated)
            .flat_map(|step| conditions(step));
        let predicates: Vec<&Predicate> = conditions.collect();
        let vars = &self.rule.vars;
        let scope = Scope::new(&base.event, vars);
        for path in fields(&predicates) {
            let types = base.types_at(&path, self.runner);
            let values = values_to_try(&path, &predicates, &types, &scope).into_iter();
            let changes = values.take(MAX_VALUES).map(|value| FieldDifference {
                path: Arc::clone(&path),
                value,
            });
            found.extend(changes.filter_map(|change| of(change, &steps)));
        }
        for step in &steps {
            if let Action::Each(each) = &step.action {
                let items = Arc::new(each.items.clone());
                let values = [json!([]), json!(["one", "two"])].into_iter();
                let changes = values.map(|value| FieldDifference {
                    path: Arc::clone(&items),
                    value,
                });
                found.extend(changes.filter_map(|change| of(change, &steps)));
            }
        }
        let senders = steps.iter().filter(|step| step.action.sends());
        found.extend(senders.map(|step| Perturbation::Fails(step.name.clone())));
        found
    }

    fn perturbed(&self, base: &BaseEvent, perturbation: &Perturbation) -> Option<BaseEvent> {
        match perturbation {
            Perturbation::Field(change) => base.with(std::slice::from_ref(change), self.runner),
            Perturbation::Reply { step, change } => {
                let mut changed = base.clone();
                let replies = changed.mocks.entry(step.clone()).or_default();
                let mut reply = replies.iter().find_map(|mock| match mock {
                    Mock::Reply(reply) => Some(reply.clone()),
                    Mock::Fails(_) | Mock::Arrives { .. } | Mock::Answers { .. } => None,
                });
                let reply_value = reply.get_or_insert_with(|| json!({}));
                let PathKind::Plain { keys, .. } = &change.path.route else {
                    return None;
                };
                put(reply_value, keys.get(1..)?, change.value.clone()).ok()?;
                *replies = reply.into_iter().map(Mock::Reply).collect();
                Some(changed)
            }
            Perturbation::Fails(step) => {
                let mut changed = base.clone();
                let fails = vec![Mock::Fails("connection refused".to_owned())];
                changed.mocks.insert(step.clone(), fails);
                Some(changed)
            }
        }
    }
}

/// The change of a field of the event, or of the reply of a step that sends something.
fn of(change: FieldDifference, steps: &[&Step]) -> Option<Perturbation> {
    if let Some(keys) = document_path::keys(&change.path) {
        return document_path::origin(keys, &change, steps);
    }
    let Some(name) = change.path.step() else {
        return is_of_event(&change.path).then_some(Perturbation::Field(change));
    };
    let mut named = steps.iter().filter(|step| step.name == name);
    let step = name.to_owned();
    named
        .any(|step| step.action.sends())
        .then_some(Perturbation::Reply { step, change })
}

fn is_of_event(path: &Path) -> bool {
    !path.is_local() && path.step().is_none()
}

/// The predicates of the conditions of a step.
fn conditions(step: &Step) -> Vec<&Predicate> {
    match &step.action {
        Action::When(condition) => condition.predicates(),
        Action::Choose(choose) => {
            let branches = choose
                .branches
                .iter()
                .filter_map(|branch| branch.when.as_ref());
            branches.flat_map(|when| when.predicates()).collect()
        }
        Action::Call(_)
        | Action::Each(_)
        | Action::Wait(_)
        | Action::WaitFor(_)
        | Action::Flow(_)
        | Action::Set(_)
        | Action::Succeed(_)
        | Action::Fail(_) => Vec::new(),
    }
}

/// Whether a value is an object without entries, or null.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}
