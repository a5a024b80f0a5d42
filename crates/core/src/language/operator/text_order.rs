//! How two values are ordered: numbers by value, times by instant, ranked values by rank, other texts by their
//! characters.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::event::Event;
use crate::event::catalogue::field_type::FieldType;
use crate::event::time::{read_calendar_time, time_of_value};
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

/// The events in whose time zone times without a zone are read; `None` is UTC.
#[derive(Debug, Clone, Copy)]
pub struct TimeZones<'e> {
    pub value: Option<&'e Event>,
    pub operand: Option<&'e Event>,
}

impl TimeZones<'_> {
    pub const UTC: Self = Self {
        value: None,
        operand: None,
    };

    /// Orders two values as times; `None` if one of them is no time.
    fn order(self, value: &Value, operand: &Value) -> Option<Ordering> {
        Some(read(value, self.value)?.cmp(&read(operand, self.operand)?))
    }
}

fn read(value: &Value, event: Option<&Event>) -> Option<Timestamp> {
    match event {
        Some(event) => event.read_time(value),
        None => time_of_value(value),
    }
}

/// Whether a text is a time that is written as a date, in any zone.
fn is_calendar_time(text: &str) -> bool {
    read_calendar_time(text, &jiff::tz::TimeZone::UTC).is_some()
}

/// Whether values of this type have an order.
pub fn is_orderable(value: &Value) -> bool {
    value.is_number() || value.is_string()
}

/// Compares two values; `None` if they have no common order. Text is a number only against a number. If one value is a
/// time that is written as a date, both are read as times.
pub fn order(
    value: &Value,
    operand: &Value,
    text_order: &TextOrder,
    zones: TimeZones<'_>,
) -> Option<Ordering> {
    if let Some(kind) = text_order.kind {
        return kind.order(value, operand);
    }
    match (value, operand) {
        (Value::Number(a), Value::Number(b)) => Some(compare_numbers(a, b)),
        (Value::String(a), Value::Number(b)) => match number(a) {
            Some(a) => Some(compare_numbers(&a, b)),
            None => zones.order(value, operand),
        },
        (Value::Number(a), Value::String(b)) => match number(b) {
            Some(b) => Some(compare_numbers(a, &b)),
            None => zones.order(value, operand),
        },
        (Value::String(a), Value::String(b)) => match order_ranks(a, b, text_order) {
            Some(ordering) => Some(ordering),
            None if text_order.ranked_only => None,
            None if is_calendar_time(b) => zones.order(value, operand),
            None => order_texts(a, b, || zones.order(value, operand)),
        },
        _ => None,
    }
}

fn order_ranks(a: &str, b: &str, text_order: &TextOrder) -> Option<Ordering> {
    let (ranks, b) = text_order.rank(b)?;
    Some(rank(a, ranks)?.cmp(&b))
}

/// Orders two texts of which the second is not written as a date.
fn order_texts(a: &str, b: &str, as_times: impl Fn() -> Option<Ordering>) -> Option<Ordering> {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => Some(compare_numbers(&a, &b)),
        // `b` may be Unix time in digits.
        (None, Some(_)) if is_calendar_time(a) => as_times(),
        (Some(_) | None, Some(_) | None) => Some(a.cmp(b)),
    }
}

fn rank(text: &str, ranks: Ranks) -> Option<usize> {
    ranks.iter().position(|known| *known == text)
}
