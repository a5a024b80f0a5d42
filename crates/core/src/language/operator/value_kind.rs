//! Compares values of one kind, as the comparisons of bundles do, and parses numbers in text.
//! A comparison by kind never reads text as a number and knows no ranks.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::language::operator::time::instant;
use crate::number::{compare_numbers, parse_double, parse_number};

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
            (ValueKind::Number, Value::Number(a), Value::Number(b)) => Some(compare_numbers(a, b)),
            (ValueKind::Time, Value::String(a), Value::String(b)) => {
                Some(instant(a)?.cmp(&instant(b)?))
            }
            (ValueKind::Text | ValueKind::Number | ValueKind::Time, _, _) => None,
        }
    }
}

/// Parses a number in JSON notation: `99.99`, but not ` 99`, `1_000` or `0x1f`. Leading zeros are allowed.
pub fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let significant = digits.trim_start_matches('0');
    if significant.len() == digits.len() || !significant.starts_with(|c: char| c.is_ascii_digit()) {
        return parse_number(text);
    }
    let sign = &text[..text.len() - digits.len()];
    parse_number(&format!("{sign}{significant}"))
}

/// The nearest double of such a number, without an allocation.
pub fn double_of(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let significant = digits.trim_start_matches('0');
    if significant.len() == digits.len() || !significant.starts_with(|c: char| c.is_ascii_digit()) {
        return parse_double(text);
    }
    let double = parse_double(significant)?;
    Some(if digits.len() < text.len() {
        -double
    } else {
        double
    })
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

    #[test]
    fn the_double_of_a_text_is_that_of_its_number() {
        for text in [
            "",
            "-",
            "0",
            "-0",
            "00",
            "-00",
            "007",
            "-007",
            "0.5",
            "-0.5",
            "00.5",
            "007.5",
            "01e2",
            "1e400",
            "-1e400",
            "0x1",
            "abc",
            "99.99",
            " 99",
            "٣",
            "-٣",
            "0٣",
            "12345678901234567890123",
        ] {
            let double = number(text).as_ref().map(crate::number::double);
            assert_eq!(
                double_of(text).map(f64::to_bits),
                double.map(f64::to_bits),
                "{text}"
            );
        }
    }
}
