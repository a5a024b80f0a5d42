//! How two values are ordered: numbers by value, times by instant, ranked values by rank, other texts by their
//! characters.

use std::cmp::Ordering;

use serde_json::Value;

use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::time::instant;
use crate::language::operator::value_kind::{ValueKind, number};
use crate::number::compare_numbers;

/// The values of a field from low to high.
pub type Ranks = &'static [&'static str];

/// How texts are ordered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextOrder {
    /// The ranks of the field's types. A value has a rank in at most one of them.
    pub ranks: Vec<Ranks>,
    /// Whether every type of the field has ranks, so that other texts have no order.
    pub ranked_only: bool,
    /// The only kind of values that is compared, in bundles.
    pub kind: Option<ValueKind>,
}

impl TextOrder {
    pub fn new(types: &[FieldType]) -> Self {
        let mut ranks: Vec<Ranks> = types.iter().filter_map(FieldType::ranks).collect();
        ranks.dedup();
        let ranked_only = !types.is_empty() && types.iter().all(|field| field.ranks().is_some());
        Self {
            ranks,
            ranked_only,
            kind: None,
        }
    }

    /// Returns the ranks that contain a value, and its rank.
    pub fn rank(&self, text: &str) -> Option<(Ranks, usize)> {
        let find = |ranks: &Ranks| Some((*ranks, rank(text, ranks)?));
        self.ranks.iter().find_map(find)
    }

    pub fn describe(&self) -> String {
        let orders: Vec<_> = self.ranks.iter().map(|ranks| ranks.join(" < ")).collect();
        orders.join(", or ")
    }
}

/// Whether values of this type have an order.
pub fn is_orderable(value: &Value) -> bool {
    value.is_number() || value.is_string()
}

/// Compares two values; `None` if they have no common order. Text is a number only against a number.
pub fn order(value: &Value, operand: &Value, text_order: &TextOrder) -> Option<Ordering> {
    if let Some(kind) = text_order.kind {
        return kind.order(value, operand);
    }
    match (value, operand) {
        (Value::Number(a), Value::Number(b)) => Some(compare_numbers(a, b)),
        (Value::String(a), Value::Number(b)) => Some(compare_numbers(&number(a)?, b)),
        (Value::Number(a), Value::String(b)) => Some(compare_numbers(a, &number(b)?)),
        (Value::String(a), Value::String(b)) => order_texts(a, b, text_order),
        _ => None,
    }
}

fn order_texts(a: &str, b: &str, text_order: &TextOrder) -> Option<Ordering> {
    if let Some((ranks, b)) = text_order.rank(b)
        && let Some(a) = rank(a, ranks)
    {
        return Some(a.cmp(&b));
    }
    if text_order.ranked_only {
        return None;
    }
    if let Some(b) = instant(b) {
        return Some(instant(a)?.cmp(&b));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Some(compare_numbers(&a, &b));
    }
    Some(a.cmp(b))
}

fn rank(text: &str, ranks: Ranks) -> Option<usize> {
    ranks.iter().position(|known| *known == text)
}
