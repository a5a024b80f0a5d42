//! Values with which tests are tried whose verdict is not decided: comparisons of two fields, times relative to the
//! event, schedules and conditions of elements. They give examples, and prove nothing.

use serde_json::{Value, json};

use crate::language::condition::Condition;
use crate::language::condition::proof::EVENT;
use crate::language::operator::{Operator, Verdict};
use crate::path::scope::Scope;
use crate::path::{PathKind, Resolved, Root};

/// More elements than this are not combined from the fields of one condition.
const MAX_ELEMENTS: usize = 24;

/// Returns values on which a test can have different verdicts.
pub fn values(operator: &Operator) -> Vec<Value> {
    let scope = Scope::new(&EVENT, &Value::Null);
    let mut values = match operator {
        Operator::AnyOf(any_of) => lists(&any_of.condition),
        Operator::During(_) => Vec::new(),
        _ => operator.constants(&scope),
    };
    if operator.reads_times() {
        let now = json!(time_of_event());
        let found = Resolved::One(&now);
        values.extend(operator.satisfying(&found, &scope));
        values.extend(operator.violating(&found, &scope));
        values.extend(around(operator, &scope));
        values.push(now.clone());
    }
    values.extend([json!(1), json!(2), json!("a"), json!("b"), json!(["a"])]);
    values
}

/// The time of the events that are built.
pub fn time_of_event() -> String {
    EVENT.time.map(|time| time.to_string()).unwrap_or_default()
}

/// Times a second before and after the constants of a test.
fn around(operator: &Operator, scope: &Scope<'_>) -> Vec<Value> {
    let constants = operator.constants(scope).into_iter();
    let times = constants.filter_map(|value| EVENT.read_time(&value));
    let second = jiff::SignedDuration::from_secs(1);
    let near = times.flat_map(|time| [time.checked_sub(second), time.checked_add(second)]);
    near.flatten().map(|time| json!(time.to_string())).collect()
}

/// Lists of one element that fulfils the condition or not, and of both.
fn lists(condition: &Condition) -> Vec<Value> {
    let elements = elements(condition);
    let mut lists: Vec<Value> = elements.iter().map(|element| json!([element])).collect();
    lists.push(Value::Array(elements));
    lists
}

/// Elements with values for the fields of a condition: all satisfied, and each violated in turn.
fn elements(condition: &Condition) -> Vec<Value> {
    let scope = Scope::new(&EVENT, &Value::Null);
    let mut elements = vec![Value::Null];
    for predicate in condition.predicates() {
        let PathKind::Plain {
            root: Root::Local,
            keys,
        } = &predicate.path.route
        else {
            continue;
        };
        let mut choices = predicate.operator.constants(&scope);
        choices.extend(self::values(&predicate.operator));
        choices.push(json!("other"));
        let verdict = |value: &Value| predicate.verdict(&Resolved::One(value), &scope);
        let fulfilling = choices.iter().find(|v| verdict(v) == Verdict::Match);
        let failing = choices.iter().find(|v| verdict(v) == Verdict::NoMatch);
        let mut with = Vec::new();
        for element in &elements {
            for value in [fulfilling, failing].into_iter().flatten() {
                let mut element = element.clone();
                if crate::path::set::put(&mut element, keys, value.clone()).is_ok() {
                    with.push(element);
                }
            }
        }
        if !with.is_empty() {
            elements = with;
            elements.truncate(MAX_ELEMENTS);
        }
    }
    elements
}
