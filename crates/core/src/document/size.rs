//! Parses sizes on disk or in memory: a number and a unit, such as `256MB`, `1GB`, `64KiB`.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;

const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// The allowed limits on disk usage.
const DISK_RANGE: RangeInclusive<u64> = 1_000_000..=1_000_000_000_000_000;

/// Reads a limit on disk usage; `None` after an error was reported.
pub fn lower_cap(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<u64> {
    lower(node, key, DISK_RANGE, diagnostics)
}

/// Reads the size under a key; `None` after an error was reported.
pub fn lower(
    node: &Node,
    key: &str,
    range: RangeInclusive<u64>,
    diagnostics: &mut Diagnostics,
) -> Option<u64> {
    let parsed = node.as_text().and_then(bytes);
    let (message, help) = match parsed {
        Some(size) if range.contains(&size) => return Some(size),
        Some(_) => (
            format!(
                "`{key}` is at least {} and at most {}",
                format_size(*range.start()),
                format_size(*range.end())
            ),
            match range == DISK_RANGE {
                true => "a smaller size keeps too little, a larger one exceeds any disk",
                false => "a smaller size is not usable, a larger one limits nothing",
            }
            .to_owned(),
        ),
        None => (
            format!("`{key}` takes a size"),
            node.as_text()
                .and_then(correct_unit)
                .unwrap_or("write a number and a unit: 64KiB, 256MB, 1GB".into()),
        ),
    };
    diagnostics.reject_value(node.at, message, &help)
}

/// Writes a size in the largest unit that gives an integer.
fn format_size(size: u64) -> String {
    let fitting = UNITS.iter().filter(|(_, unit)| size.is_multiple_of(*unit));
    let (name, unit) = fitting.max_by_key(|(_, unit)| *unit).unwrap_or(&UNITS[0]);
    format!("{}{name}", size / unit)
}

/// Corrects the unit of a text such as `1gb` or `256M`.
fn correct_unit(text: &str) -> Option<String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let meant = |name: &str| {
        name.eq_ignore_ascii_case(unit) || name.eq_ignore_ascii_case(&format!("{unit}B"))
    };
    let (name, _) = UNITS.iter().rev().find(|(name, _)| meant(name))?;
    let text = format!("{}{name}", number.trim_end());
    bytes(&text).map(|_| format!("write `{text}`"))
}

/// Parses a text such as `1.5GB` into bytes.
fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number = number.trim_end();
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*size);
    }
    let (whole, part) = number.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let scaled: u128 = format!("{whole}{part}").parse().ok()?;
    u64::try_from(scaled.checked_mul(u128::from(*size))? / scale).ok()
}

pub fn schema() -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9]+(\\.[0-9]{1,6})? *(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
        "examples": ["256MB", "1GB"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_size() {
        for (text, expected) in [
            ("256MB", Some(256_000_000)),
            ("1GB", Some(1_000_000_000)),
            ("64KiB", Some(65_536)),
            ("1.5 GiB", Some(1_610_612_736)),
            ("0.25TB", Some(250_000_000_000)),
            ("7B", Some(7)),
            ("7", None),
            ("MB", None),
            ("1e9B", None),
            ("-1MB", None),
            ("1.MB", None),
            (".5MB", None),
            ("1mb", None),
            ("1G", None),
            ("99999999999999TB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
