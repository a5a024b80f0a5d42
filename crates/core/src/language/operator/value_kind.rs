//! Compares values of one kind, as the comparisons of bundles do, and parses numbers in text.
//! A comparison by kind never reads text as a number and knows no ranks.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::language::operator::time::instant;

/// The kind of both values of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    Text,
    Number,
    Time,
}

impl ValueKind {
    /// Compares two values; `None` if one of them is of another kind.
    pub fn order(self, value: &Value, operand: &Value) -> Option<Ordering> {
        match (self, value, operand) {
            (ValueKind::Text, Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (ValueKind::Number, Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
            (ValueKind::Time, Value::String(a), Value::String(b)) => {
                Some(instant(a)?.cmp(&instant(b)?))
            }
            (ValueKind::Text | ValueKind::Number | ValueKind::Time, _, _) => None,
        }
    }
}

/// Compares two numbers; integers are compared exactly.
pub fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
        return Some(a.cmp(&b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

/// Parses a number in JSON notation: `99.99`, but not ` 99`, `1_000` or `0x1f`.
pub fn number(text: &str) -> Option<Number> {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !starts || !plain {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    Number::from_f64(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_different_kinds_have_no_order() {
        for (kind, a, b, order) in [
            (
                ValueKind::Text,
                json!("high"),
                json!("low"),
                Some(Ordering::Less),
            ),
            (
                ValueKind::Text,
                json!("10"),
                json!("9"),
                Some(Ordering::Less),
            ),
            (
                ValueKind::Number,
                json!(10),
                json!(9.5),
                Some(Ordering::Greater),
            ),
            (ValueKind::Number, json!("10"), json!(9), None),
            (
                ValueKind::Time,
                json!("2026-03-02T10:00:00+01:00"),
                json!("2026-03-02T09:00:00Z"),
                Some(Ordering::Equal),
            ),
            (ValueKind::Time, json!("soon"), json!("2026-03-02"), None),
            (ValueKind::Text, json!(null), json!("a"), None),
        ] {
            assert_eq!(kind.order(&a, &b), order, "{kind:?} {a} {b}");
        }
    }
}
