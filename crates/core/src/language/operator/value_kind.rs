//! Orders in which values of one kind stand among themselves, as the comparisons of bundles have them.
//! It reads no text as a number, and gives words no rank.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::language::operator::time::instant;

/// What both sides of a comparison are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    Text,
    Number,
    Time,
}

impl ValueKind {
    /// None where one of them is of another kind.
    pub fn order(self, value: &Value, operand: &Value) -> Option<Ordering> {
        match (self, value, operand) {
            (ValueKind::Text, Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (ValueKind::Number, Value::Number(a), Value::Number(b)) => numbers(a, b),
            (ValueKind::Time, Value::String(a), Value::String(b)) => {
                Some(instant(a)?.cmp(&instant(b)?))
            }
            (ValueKind::Text | ValueKind::Number | ValueKind::Time, _, _) => None,
        }
    }
}

pub fn numbers(a: &Number, b: &Number) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
        return Some(a.cmp(&b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

/// A number written as text, in the JSON form: `99.99`, not ` 99`, `1_000` or `0x1f`.
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
    fn each_kind_has_its_own_order_and_takes_no_other() {
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
