//! A reference evaluator for conditions, written from the description of the language alone. It shares no
//! code with the evaluator of the program.

use serde_json::{Value, json};

use crate::strategy::conditions::{Condition, Operator, Test};

/// A truth value of three-valued logic: `None` is unknown.
pub type TruthValue = Option<bool>;

fn negate(truth: TruthValue) -> TruthValue {
    truth.map(|holds| !holds)
}

fn every(truths: &[TruthValue]) -> TruthValue {
    match truths {
        _ if truths.contains(&Some(false)) => Some(false),
        _ if truths.contains(&None) => None,
        _ => Some(true),
    }
}

fn some(truths: &[TruthValue]) -> TruthValue {
    negate(every(
        &truths
            .iter()
            .map(|truth| negate(*truth))
            .collect::<Vec<_>>(),
    ))
}

pub fn evaluate(condition: &Condition, body: &Value) -> TruthValue {
    let all = |parts: &[Condition]| parts.iter().map(|p| evaluate(p, body)).collect::<Vec<_>>();
    match condition {
        Condition::Field(path, test) => evaluate_test(test, path, body),
        Condition::All(parts) => every(&all(parts)),
        Condition::Any(parts) => some(&all(parts)),
        Condition::None(parts) => negate(some(&all(parts))),
    }
}

fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(body, |value, key| value.as_object()?.get(key))
}

fn evaluate_test(test: &Test, path: &str, body: &Value) -> TruthValue {
    match test {
        Test::Value(expected) => equal(at(body, path)?, expected),
        Test::OneOf(expected) => one_of(at(body, path)?, expected),
        Test::SameAs(other) => equal(at(body, path)?, at(body, other)?),
        Test::Not(test) => negate(evaluate_test(test, path, body)),
        Test::Operators(operators) => every(
            &operators
                .iter()
                .map(|o| holds(o, path, body))
                .collect::<Vec<_>>(),
        ),
    }
}

/// Compares two values: unknown for a scalar and a list or object, except for null.
fn equal(value: &Value, wanted: &Value) -> TruthValue {
    let scalar = |value: &Value| !value.is_array() && !value.is_object();
    let comparable = value.is_null() || wanted.is_null() || scalar(value) == scalar(wanted);
    comparable.then(|| same(value, wanted))
}

fn one_of(value: &Value, wanted: &[Value]) -> TruthValue {
    let truths: Vec<TruthValue> = wanted.iter().map(|wanted| equal(value, wanted)).collect();
    some(&truths)
}

/// Whether a list contains a value.
fn contains(items: &[Value], wanted: &Value) -> TruthValue {
    let truths: Vec<TruthValue> = items.iter().map(|item| equal(item, wanted)).collect();
    some(&truths)
}

/// Compares numbers by value, in lists too: `[2]` equals `[2.0]`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b,
    }
}

fn holds(operator: &Operator, path: &str, body: &Value) -> TruthValue {
    let value = at(body, path);
    match operator {
        Operator::Exists(expected) => Some(value.is_some() == *expected),
        Operator::Present(expected) => {
            let nothing = value.is_none_or(|v| v.is_null() || *v == json!("") || *v == json!([]));
            Some(nothing != *expected)
        }
        Operator::Lt(n) => number(value?, |value| value < *n as f64),
        Operator::Gte(n) => number(value?, |value| value >= *n as f64),
        Operator::Between(low, high) => number(value?, |value| {
            value >= *low as f64 && value <= *high as f64
        }),
        Operator::GtField(other) => greater(value?, at(body, other)?),
        Operator::Has(expected) => list(value?, |items| {
            let truths = expected.iter().map(|expected| contains(items, expected));
            some(&truths.collect::<Vec<_>>())
        }),
        Operator::HasAll(expected) => list(value?, |items| {
            let truths = expected.iter().map(|expected| contains(items, expected));
            every(&truths.collect::<Vec<_>>())
        }),
        Operator::Contains(part) => text(value?, |text| text.contains(part)),
        Operator::StartsWith(part) => text(value?, |text| text.starts_with(part)),
        Operator::Not(test) => negate(evaluate_test(test, path, body)),
    }
}

/// Compares with a number: false for null, unknown for what is not a number.
fn number(value: &Value, test: impl Fn(f64) -> bool) -> TruthValue {
    match value {
        Value::Null => Some(false),
        Value::Number(n) => n.as_f64().map(test),
        Value::String(text) => text.parse::<f64>().ok().map(test),
        _ => None,
    }
}

/// Compares with another field: as numbers if both are numbers, otherwise as texts if both are texts.
fn greater(value: &Value, other: &Value) -> TruthValue {
    let read = |value: &Value| match value {
        Value::String(text) => text.parse::<f64>().ok(),
        other => other.as_f64(),
    };
    match (value, other) {
        (Value::Null, _) => Some(false),
        (Value::Number(_) | Value::String(_), Value::Null) => Some(false),
        (Value::String(a), Value::String(b)) if read(value).is_none() || read(other).is_none() => {
            Some(a > b)
        }
        (Value::Number(_) | Value::String(_), Value::Number(_) | Value::String(_)) => {
            Some(read(value)? > read(other)?)
        }
        _ => None,
    }
}

fn list(value: &Value, test: impl Fn(&[Value]) -> TruthValue) -> TruthValue {
    match value {
        Value::Null => Some(false),
        Value::Array(items) => test(items),
        _ => None,
    }
}

fn text(value: &Value, test: impl Fn(&str) -> bool) -> TruthValue {
    match value {
        Value::Null => Some(false),
        Value::String(text) => Some(test(text)),
        _ => None,
    }
}
