//! Shifts a bound by one unit: a number, a duration, a time, a date, or a word of an order.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Number;

use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::mutation::MutationKind;

/// A shifted value.
pub struct ShiftedBound {
    pub kind: MutationKind,
    pub value: Yaml,
}

/// One unit up or down.
#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn sign(self) -> i64 {
        match self {
            Direction::Up => 1,
            Direction::Down => -1,
        }
    }
}

/// Returns the value one unit higher and one unit lower; nothing for a value that has no unit.
pub fn shifted(node: &Node) -> Vec<ShiftedBound> {
    let mut found = Vec::new();
    for (kind, direction) in [
        (MutationKind::Raise, Direction::Up),
        (MutationKind::Lower, Direction::Down),
    ] {
        let value = match &node.value {
            Yaml::Number(number) => shift_number(&number.to_string(), direction)
                .and_then(|text| text.parse::<Number>().ok())
                .map(Yaml::Number),
            Yaml::Text(text) => shift_text(text, direction).map(Yaml::Text),
            Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => None,
        };
        found.extend(value.map(|value| ShiftedBound { kind, value }));
    }
    found
}

fn shift_text(text: &str, direction: Direction) -> Option<String> {
    shift_rank(text, direction)
        .or_else(|| shift_number(text, direction))
        .or_else(|| shift_duration(text, direction))
        .or_else(|| shift_date(text, direction))
        .or_else(|| shift_time(text, direction))
}

/// The next word of an order: low < normal < high < urgent.
fn shift_rank(text: &str, direction: Direction) -> Option<String> {
    let orders = [FieldType::Priority, FieldType::Status];
    let ranks = orders.iter().filter_map(FieldType::ranks);
    for words in ranks {
        let Some(position) = words.iter().position(|word| *word == text) else {
            continue;
        };
        let next = match direction {
            Direction::Up => position.checked_add(1),
            Direction::Down => position.checked_sub(1),
        };
        return next
            .and_then(|next| words.get(next))
            .map(|word| (*word).to_owned());
    }
    None
}

/// A decimal number with its last digit changed by one.
fn shift_number(text: &str, direction: Direction) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        && digits.chars().filter(|c| *c == '.').count() <= 1
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit());
    if !is_decimal {
        return None;
    }
    let decimals = digits
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let scaled: i128 = text.replace('.', "").parse().ok()?;
    let scaled = scaled.checked_add(i128::from(direction.sign()))?;
    if decimals == 0 {
        return Some(scaled.to_string());
    }
    let sign = if scaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", scaled.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    Some(format!("{sign}{whole}.{fraction}"))
}

/// A duration whose smallest unit is changed by one. `-30d` is before the event: a higher one is later.
fn shift_duration(text: &str, direction: Direction) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    crate::document::duration::parse(unsigned)?;
    let unit = unsigned.rfind(|c: char| c.is_ascii_digit())? + 1;
    let number = &unsigned[..unit];
    let number = number
        .rfind(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map_or(0, |at| at + 1);
    let own = match (direction, sign) {
        (Direction::Up, 1) | (Direction::Down, -1) => Direction::Up,
        (Direction::Up | Direction::Down, _) => Direction::Down,
    };
    let shifted = shift_number(&unsigned[number..unit], own)?;
    if shifted.starts_with('-') {
        return None;
    }
    let prefix = &text[..text.len() - unsigned.len()];
    Some(format!(
        "{prefix}{}{shifted}{}",
        &unsigned[..number],
        &unsigned[unit..]
    ))
}

fn shift_date(text: &str, direction: Direction) -> Option<String> {
    let is_date = text.len() == "2026-01-01".len();
    let date: Date = text.parse().ok().filter(|_| is_date)?;
    let shifted = date.checked_add(direction.sign().days()).ok()?;
    Some(shifted.to_string())
}

fn shift_time(text: &str, direction: Direction) -> Option<String> {
    let time: Timestamp = text.parse().ok()?;
    let shifted = time
        .checked_add(SignedDuration::from_secs(direction.sign()))
        .ok()?;
    Some(shifted.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_bound_is_shifted_by_one_unit() {
        for (text, up, down) in [
            ("3", Some("4"), Some("2")),
            ("0", Some("1"), Some("-1")),
            ("-1", Some("0"), Some("-2")),
            ("219.00", Some("219.01"), Some("218.99")),
            ("0.05", Some("0.06"), Some("0.04")),
            ("0.0", Some("0.1"), Some("-0.1")),
            ("15m", Some("16m"), Some("14m")),
            ("1h30m", Some("1h31m"), Some("1h29m")),
            ("1.5h", Some("1.6h"), Some("1.4h")),
            ("0s", Some("1s"), None),
            ("-30d", Some("-29d"), Some("-31d")),
            ("+2h", Some("+3h"), Some("+1h")),
            ("2026-02-28", Some("2026-03-01"), Some("2026-02-27")),
            (
                "2026-03-01T00:00:00Z",
                Some("2026-03-01T00:00:01Z"),
                Some("2026-02-28T23:59:59Z"),
            ),
            ("high", Some("urgent"), Some("normal")),
            ("low", Some("normal"), None),
            ("closed", None, Some("solved")),
            ("other", None, None),
            ("", None, None),
        ] {
            assert_eq!(shift_text(text, Direction::Up).as_deref(), up, "{text} up");
            assert_eq!(
                shift_text(text, Direction::Down).as_deref(),
                down,
                "{text} down"
            );
        }
    }
}
