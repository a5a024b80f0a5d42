//! Reads a scalar without quotes by the core schema of YAML 1.2: null, booleans, numbers, otherwise text.
//! What only YAML 1.1 reads as a number or boolean is text: `yes`, `0b11`, `-0x1F`, `1_000`. A number with a
//! leading zero is text as well, because it is an id.

use serde_json::Number;

use crate::document::Yaml;
use crate::number::{fits_double, parse_number};

/// A number that JSON does not have: not finite, or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFinite;

/// Returns the value of a scalar without quotes.
///
/// # Errors
/// For `.inf`, `.nan` and numbers that are too large.
pub fn plain(text: &str) -> Result<Yaml, NotFinite> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Yaml::Null),
        "true" | "True" | "TRUE" => return Ok(Yaml::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Yaml::Bool(false)),
        _ => {}
    }
    // Most scalars are words.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Ok(Yaml::Text(text.to_owned()));
    }
    match number(text)? {
        Some(number) => Ok(Yaml::Number(number)),
        None => Ok(Yaml::Text(text.to_owned())),
    }
}

/// Returns the number that a text is in the core schema; `None` if it is not a number.
fn number(text: &str) -> Result<Option<Number>, NotFinite> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_named = |name: &str| unsigned.strip_prefix('.').is_some_and(|rest| rest == name);
    if ["inf", "Inf", "INF"].into_iter().any(is_named)
        || ["nan", "NaN", "NAN"]
            .into_iter()
            .any(|name| text.strip_prefix('.') == Some(name))
    {
        return Err(NotFinite);
    }
    if let Some(number) = with_radix(text) {
        return Ok(Some(number));
    }
    if !is_decimal(unsigned) {
        return Ok(None);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Some(number.into()));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(Some(number.into()));
    }
    let double = text.parse::<f64>().ok().and_then(Number::from_f64);
    let double = double.ok_or(NotFinite)?;
    // Keeps the digits that a double cannot hold. `.5` and `5.` are no numbers in JSON.
    let exact = parse_number(text).filter(|number| !fits_double(number));
    Ok(Some(exact.unwrap_or(double)))
}

/// `0x1F` and `0o17`.
fn with_radix(text: &str) -> Option<Number> {
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 16),
        (_, Some(digits)) => (digits, 8),
        (None, None) => return None,
    };
    let valid = digits.chars().all(|c| c.is_digit(radix));
    let number = u64::from_str_radix(digits, radix).ok();
    number.filter(|_| valid).map(Number::from)
}

/// Whether a text without sign is a decimal number: `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, without
/// leading zeros.
fn is_decimal(text: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|digits| digits.strip_prefix(['-', '+']).unwrap_or(digits));
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    is_digits(whole)
        && is_digits(fraction)
        && !leading_zero
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|digits| !digits.is_empty() && is_digits(digits))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::Span;
    use crate::document::Node;

    fn read(text: &str) -> Option<serde_json::Value> {
        let value = plain(text).ok()?;
        let at = Span::default();
        Some(Node { value, at }.to_json())
    }

    #[test]
    fn scalars_are_those_of_the_core_schema() {
        for (text, value) in [
            ("~", json!(null)),
            ("NULL", json!(null)),
            ("True", json!(true)),
            ("FALSE", json!(false)),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("+12", json!(12)),
            ("-7", json!(-7)),
            (
                "18446744073709551615",
                json!(18_446_744_073_709_551_615_u64),
            ),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.5", json!(1.5)),
            ("-.5", json!(-0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("+1.5E-1", json!(0.15)),
        ] {
            assert_eq!(read(text), Some(value), "{text}");
        }
    }

    #[test]
    fn numbers_and_booleans_of_other_versions_are_text() {
        for text in [
            "yes",
            "No",
            "on",
            "y",
            "0b11",
            "-0x1F",
            "+0o7",
            "0X1f",
            "0xZZ",
            "0x",
            "0o8",
            "1_000",
            "014",
            "00",
            "01.5",
            "1:30",
            "190:20:30",
            "+",
            "-",
            ".",
            "..",
            "1e",
            "e5",
            ".e5",
            "1.2.3",
            "2026-01-01",
            "1,000",
            "--1",
            "+-1",
            "inf",
            "nan",
            "NaN",
            "-.nan",
            "5m",
            "2xx",
            "nULL",
        ] {
            assert_eq!(read(text), Some(json!(text)), "{text}");
        }
    }

    #[test]
    fn numbers_that_json_lacks_are_errors() {
        for text in [".inf", "-.Inf", "+.INF", ".nan", ".NaN", "1e400", "-1e999"] {
            assert_eq!(plain(text), Err(NotFinite), "{text}");
        }
    }
}
