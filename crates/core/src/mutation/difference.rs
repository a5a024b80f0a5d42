//! Searches for changes of an event with which one of two conditions holds and the other does not.
//! Every result was evaluated; finding none proves nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::event::Event;
use crate::event::catalogue::field_type::FieldType;
use crate::event::format::custom::CustomFormat;
use crate::language::condition::candidates::{Candidates, readable};
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::NoTrace;
use crate::language::condition::{Condition, Predicate};
use crate::language::operator::Verdict;
use crate::path::scope::Scope;
use crate::path::set::set_described;
use crate::path::{Path, PathKind, Root};

/// The most fields that are changed together.
const MAX_CHANGES: usize = 3;
/// The most combinations of changes that are evaluated.
const MAX_COMBINATIONS: usize = 50_000;
/// The most values that are set at one path.
const MAX_VALUES: usize = 60;

/// One change of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    pub path: Arc<Path>,
    pub value: Value,
}

/// Two conditions, and an event of which some fields are changed.
pub struct DifferenceSearch<'s> {
    pub one: &'s Condition,
    pub other: &'s Condition,
    pub event: &'s Event,
    pub vars: &'s Value,
    /// The known types of a field.
    pub types: &'s dyn Fn(&Path) -> Vec<FieldType>,
    /// The description of a source of your own.
    pub description: Option<&'s CustomFormat>,
}

/// A change with the predicates that hold after it.
struct Trial {
    field: usize,
    change: FieldDifference,
    holds: Vec<bool>,
}

impl DifferenceSearch<'_> {
    /// Returns the fewest changes that were found; an empty list if none is needed.
    pub fn changes(&self) -> Option<Vec<FieldDifference>> {
        if self.differ(self.event) {
            return Some(Vec::new());
        }
        let mut predicates = self.one.predicates();
        predicates.extend(self.other.predicates());
        let base = self.holds(&predicates, self.event);
        let trials = self.trials(&predicates, &base);
        let one = trials.iter().find(|trial| self.differs(&trial.holds));
        if let Some(trial) = one {
            return Some(vec![trial.change.clone()]);
        }
        let mut left = MAX_COMBINATIONS;
        let search = Combinations {
            search: self,
            trials: &trials,
            base: &base,
        };
        (2..=MAX_CHANGES).find_map(|count| search.find(&mut Vec::new(), count, &mut left))
    }

    fn trials(&self, predicates: &[&Predicate], base: &[bool]) -> Vec<Trial> {
        let mut trials: Vec<Trial> = Vec::new();
        for (field, path) in fields(predicates).into_iter().enumerate() {
            let scope = Scope::new(self.event, self.vars);
            for value in values_to_try(&path, predicates, &(self.types)(&path), &scope) {
                let change = FieldDifference {
                    path: Arc::clone(&path),
                    value,
                };
                let Some(changed) = self.with([&change]) else {
                    continue;
                };
                let holds = self.holds(predicates, &changed);
                let mut known = trials.iter();
                if holds != base && !known.any(|trial| trial.holds == holds && trial.field == field)
                {
                    trials.push(Trial {
                        field,
                        change,
                        holds,
                    });
                }
            }
        }
        trials
    }

    fn holds(&self, predicates: &[&Predicate], event: &Event) -> Vec<bool> {
        let scope = Scope::new(event, self.vars);
        let verdicts = predicates
            .iter()
            .map(|predicate| predicate.evaluate(&scope));
        verdicts.map(|verdict| verdict == Verdict::Match).collect()
    }

    /// Whether the conditions differ with these verdicts.
    fn differs(&self, holds: &[bool]) -> bool {
        let mut holds = holds.iter().copied();
        let one = is_true(self.one, &mut holds);
        one != is_true(self.other, &mut holds)
    }

    fn differ(&self, event: &Event) -> bool {
        let scope = Scope::new(event, self.vars);
        let is_true = |condition| evaluate(condition, &scope, &mut NoTrace) == Truth::True;
        is_true(self.one) != is_true(self.other)
    }

    fn with<'c>(&self, changes: impl IntoIterator<Item = &'c FieldDifference>) -> Option<Event> {
        let mut changed = self.event.clone();
        for change in changes {
            let value = change.value.clone();
            set_described(&mut changed, &change.path, value, self.description).ok()?;
        }
        Some(changed)
    }
}

struct Combinations<'s> {
    search: &'s DifferenceSearch<'s>,
    trials: &'s [Trial],
    base: &'s [bool],
}

impl Combinations<'_> {
    /// Adds `count` trials of different fields to the chosen ones.
    fn find(
        &self,
        chosen: &mut Vec<usize>,
        count: usize,
        left: &mut usize,
    ) -> Option<Vec<FieldDifference>> {
        if count == 0 {
            *left = left.checked_sub(1)?;
            return self.confirmed(chosen);
        }
        let (from, field) = match chosen.last() {
            Some(last) => (last + 1, Some(self.trials[*last].field)),
            None => (0, None),
        };
        for number in from..self.trials.len() {
            if Some(self.trials[number].field) == field {
                continue;
            }
            chosen.push(number);
            let found = self.find(chosen, count - 1, left);
            chosen.pop();
            if found.is_some() || *left == 0 {
                return found;
            }
        }
        None
    }

    fn confirmed(&self, chosen: &[usize]) -> Option<Vec<FieldDifference>> {
        let mut holds = self.base.to_vec();
        for number in chosen {
            let changed = self.trials[*number].holds.iter().zip(self.base);
            for (position, (after, before)) in changed.enumerate() {
                if after != before {
                    holds[position] = *after;
                }
            }
        }
        if !self.search.differs(&holds) {
            return None;
        }
        let changes = chosen.iter().map(|number| &self.trials[*number].change);
        let changed = self.search.with(changes.clone())?;
        self.search
            .differ(&changed)
            .then(|| changes.cloned().collect())
    }
}

/// Whether a condition is true, given which of its predicates hold, in their order.
fn is_true(condition: &Condition, holds: &mut impl Iterator<Item = bool>) -> bool {
    // Every part is evaluated, so that the next one takes its own verdicts.
    match condition {
        Condition::All(parts) => parts
            .iter()
            .fold(true, |all, part| is_true(part, holds) & all),
        Condition::Any(parts) => parts
            .iter()
            .fold(false, |any, part| is_true(part, holds) | any),
        Condition::Predicate(_) => holds.next().unwrap_or_default(),
    }
}

/// The fields of the event, and of what steps returned, that predicates read or compare with.
pub fn fields(predicates: &[&Predicate]) -> Vec<Arc<Path>> {
    let mut fields: Vec<Arc<Path>> = Vec::new();
    let own = predicates
        .iter()
        .map(|predicate| Arc::clone(&predicate.path));
    let operands = predicates
        .iter()
        .flat_map(|predicate| predicate.operator.paths());
    for path in own.chain(operands.map(|path| Arc::new(path.clone()))) {
        let is_settable = match &path.route {
            PathKind::Plain { root, .. } => {
                matches!(
                    root,
                    Root::Body | Root::Envelope | Root::Event | Root::Steps | Root::Document
                )
            }
            PathKind::Query(_) => false,
        };
        if is_settable && !fields.iter().any(|known| known.route == path.route) {
            fields.push(path);
        }
    }
    fields
}

/// The values at which the verdicts of the predicates on a path can differ, those that look most like real ones first.
pub fn values_to_try(
    path: &Path,
    predicates: &[&Predicate],
    types: &[FieldType],
    scope: &Scope<'_>,
) -> Vec<Value> {
    let here: Vec<&Predicate> = predicates
        .iter()
        .copied()
        .filter(|predicate| predicate.paths().any(|read| read.route == path.route))
        .collect();
    let compared = here.iter().flat_map(|predicate| predicate.paths());
    let compared = compared.filter(|read| read.route != path.route);
    let compared = compared.flat_map(|read| read.resolve(scope).values().to_vec());
    let now = path.resolve(scope).values().first().cloned();
    let constants = here.iter().flat_map(|predicate| {
        let operator = predicate.operator.settled(scope.vars);
        operator.constants(scope)
    });
    let constants: Vec<Value> = constants.collect();
    let mut values = near(now.as_ref(), &constants, types);
    let candidates = Candidates::with_values(&here, compared.collect(), types, scope)
        .or_else(|| Candidates::of(&[], types, scope));
    let candidates = candidates.iter().flat_map(Candidates::iter).flatten();
    values.extend(candidates.map(readable));
    values.extend(constants);
    let mut distinct: Vec<Value> = Vec::new();
    for value in values {
        if Some(&value) != now.as_ref() && !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct.sort_by_key(|value| strangeness(value, now.as_ref()));
    distinct.truncate(MAX_VALUES);
    distinct
}

/// Values that differ little from the one of the event.
fn near(now: Option<&Value>, constants: &[Value], types: &[FieldType]) -> Vec<Value> {
    let mut values = Vec::new();
    match now {
        Some(Value::Array(items)) => {
            for constant in constants {
                if !items.contains(constant) && !constant.is_array() {
                    let mut more = items.clone();
                    more.push(constant.clone());
                    values.push(Value::Array(more));
                }
                let fewer = items.iter().filter(|item| *item != constant);
                values.push(fewer.cloned().collect());
            }
            let fewer = items.iter().filter(|item| !constants.contains(item));
            values.push(fewer.cloned().collect());
            for constant in constants {
                let fewer = items.iter().filter(|item| !constants.contains(item));
                values.push(fewer.chain([constant]).cloned().collect());
            }
        }
        Some(Value::String(_)) if types.iter().all(|known| known.values().is_none()) => {
            values.push(json!("other"));
        }
        Some(
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_),
        )
        | None => {}
    }
    values
}

/// How unlike a real value it looks: of another type than the present one, or with strange characters.
fn strangeness(value: &Value, now: Option<&Value>) -> usize {
    let kind = |value: &Value| std::mem::discriminant(value);
    let is_other = now.is_some_and(|now| kind(now) != kind(value) && !value.is_null());
    let text = value.to_string();
    let is_strange = text.contains("\\u") || text.contains('.') && value.is_number();
    usize::from(is_other) + 2 * usize::from(is_strange)
}
