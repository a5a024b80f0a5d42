//! Proves from the values of one field whether a condition can hold. Comparisons with other fields count as
//! possible.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;

use crate::event::catalogue::field_type::FieldType;
use crate::event::{Event, ReceivedDocument};
use crate::language::condition::candidates::{Candidates, verdict};
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::{Operator, Verdict};
use crate::path::scope::Scope;
use crate::path::{Path, PathKind};

/// An event with only a time, for comparisons that count from it.
pub static EVENT: LazyLock<Event> = LazyLock::new(|| Event {
    source: String::new(),
    endpoint: String::new(),
    event_type: String::new(),
    id: String::new(),
    key: None,
    time: Timestamp::from_second(1_772_791_200).ok(),
    envelope: Value::Null,
    body: Value::Null,
    raw: ReceivedDocument::null(),
    about: Value::Null,
    format: "",
    warnings: Vec::new(),
    trace: None,
});

/// More different comparisons with other fields than this are not combined.
const MAX_UNKNOWN: usize = 4;

/// The predicates of one field.
pub struct FieldPredicates<'c> {
    pub predicates: Vec<&'c Predicate>,
}

impl FieldPredicates<'_> {
    pub fn path(&self) -> &Path {
        &self.predicates[0].path
    }
}

/// Groups the predicates of a condition by the place that they read.
pub fn fields(condition: &Condition) -> Vec<FieldPredicates<'_>> {
    let mut fields: Vec<FieldPredicates<'_>> = Vec::new();
    for predicate in condition.predicates() {
        match fields
            .iter_mut()
            .find(|field| reads_same(field.path(), &predicate.path))
        {
            Some(field) => field.predicates.push(predicate),
            None => fields.push(FieldPredicates {
                predicates: vec![predicate],
            }),
        }
    }
    fields
}

/// Whether two paths read the same place, also in different notations.
pub fn reads_same(a: &Path, b: &Path) -> bool {
    match (&a.route, &b.route) {
        (PathKind::Plain { .. }, PathKind::Plain { .. }) => a.route == b.route,
        (PathKind::Query(_), PathKind::Query(_)) => a.text == b.text,
        (PathKind::Plain { .. }, PathKind::Query(_))
        | (PathKind::Query(_), PathKind::Plain { .. }) => false,
    }
}

/// The values with which a condition on one field is tried.
pub struct Proof<'c> {
    scope: Scope<'c>,
    pub candidates: Candidates,
    /// Different comparisons whose result is not known: each may hold or not.
    pub unknown: Vec<Operator>,
    /// The candidates that stand for no other text, so that a pattern can be tested with them.
    single_texts: Vec<String>,
}

impl<'c> Proof<'c> {
    pub fn new(
        field: &FieldPredicates<'_>,
        types: &[FieldType],
        scope: &Scope<'c>,
    ) -> Option<Self> {
        let is_query = matches!(field.path().route, PathKind::Query(_));
        let (known, unknown): (Vec<&Predicate>, Vec<&Predicate>) = field
            .predicates
            .iter()
            .partition(|predicate| !is_query && is_known(predicate, scope.vars));
        if mixes_times(&known, scope.vars) {
            return None;
        }
        let mut operators: Vec<Operator> = Vec::new();
        for predicate in unknown {
            if !operators.contains(&predicate.operator) {
                operators.push(Operator::clone(&predicate.operator));
            }
        }
        if operators.len() > MAX_UNKNOWN {
            return None;
        }
        let candidates = Candidates::of(&known, types, scope)?;
        let has_values = types.iter().any(|known| known.values().is_some());
        let is_single = |text: &&str| has_values || is_single(text, &known, scope);
        let texts = candidates.iter().flatten().filter_map(Value::as_str);
        let single_texts = texts.filter(is_single).map(str::to_owned).collect();
        Some(Self {
            scope: *scope,
            candidates,
            unknown: operators,
            single_texts,
        })
    }

    /// Whether some value fulfils the condition, as far as these predicates decide it.
    pub fn can_hold(&self, condition: &Condition, deciding: &[&Predicate]) -> bool {
        let choices = 0..(1_usize << self.unknown.len());
        choices.into_iter().any(|choice| {
            let mut values = self.candidates.iter();
            values.any(|value| self.holds(condition, deciding, value, choice))
        })
    }

    pub fn holds(
        &self,
        condition: &Condition,
        deciding: &[&Predicate],
        value: Option<&Value>,
        choice: usize,
    ) -> bool {
        match condition {
            Condition::All(parts) => parts
                .iter()
                .all(|part| self.holds(part, deciding, value, choice)),
            Condition::Any(parts) => parts
                .iter()
                .any(|part| self.holds(part, deciding, value, choice)),
            Condition::Predicate(predicate) => {
                let decides = deciding
                    .iter()
                    .any(|other| std::ptr::eq(*other, &**predicate));
                !decides || self.predicate_holds(predicate, value, choice)
            }
        }
    }

    fn predicate_holds(&self, predicate: &Predicate, value: Option<&Value>, choice: usize) -> bool {
        let mut unknown = self.unknown.iter();
        let number = unknown.position(|operator| *operator == *predicate.operator);
        match number.filter(|_| !self.decides(predicate, value)) {
            Some(number) => {
                (choice & (1 << number) != 0) == (predicate.polarity == Polarity::Positive)
            }
            None => verdict(predicate, value, &self.scope) == Verdict::Match,
        }
    }

    /// Whether the verdict on this candidate is known, although others are not.
    fn decides(&self, predicate: &Predicate, value: Option<&Value>) -> bool {
        if matches!(predicate.path.route, PathKind::Query(_)) {
            return false;
        }
        let reads_others = predicate.operator.paths().next().is_some();
        match (value, &*predicate.operator) {
            // What is absent is missing for every comparison.
            (None, _) => true,
            (Some(_), _) if reads_others => false,
            (Some(Value::String(text)), Operator::Matches(_)) => self.single_texts.contains(text),
            (Some(value), Operator::Matches(_)) => !value.is_string(),
            (Some(value), Operator::AnyOf(_)) => !value.is_array(),
            (Some(_), _) => false,
        }
    }
}

/// Whether no other text has the same verdicts: the text of an `is` that regards letter case.
fn is_single(text: &str, known: &[&Predicate], scope: &Scope<'_>) -> bool {
    let compared = known.iter().any(|predicate| {
        let is = matches!(*predicate.operator, Operator::Is(_));
        let constants = || predicate.operator.settled(scope.vars).constants(scope);
        is && constants().contains(&Value::from(text))
    });
    let differs = |other: String| {
        let verdicts = |text: &str| -> Vec<Verdict> {
            let value = Value::from(text);
            let known = known.iter();
            known
                .map(|predicate| verdict(predicate, Some(&value), scope))
                .collect()
        };
        other == text || verdicts(&other) != verdicts(text)
    };
    compared && differs(text.to_uppercase()) && differs(text.to_lowercase())
}

/// Whether the verdict on a value is known when the rule is loaded.
fn is_known(predicate: &Predicate, vars: &Value) -> bool {
    let operator = predicate.operator.settled(vars);
    operator.is_decided_by_constants(&predicate.path)
}

/// Whether some times count from the event and others do not: which is earlier depends on the event.
fn mixes_times(predicates: &[&Predicate], vars: &Value) -> bool {
    let relative = |predicate: &&&Predicate| predicate.operator.settled(vars).reads_event();
    let counted = predicates.iter().filter(relative).count();
    counted > 0
        && counted
            < predicates
                .iter()
                .filter(|predicate| !is_presence(predicate))
                .count()
}

pub fn is_presence(predicate: &Predicate) -> bool {
    matches!(
        *predicate.operator,
        Operator::Exists(_) | Operator::Present(_)
    )
}
