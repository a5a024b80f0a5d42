//! The one reader of times, for events, conditions, waits and signatures.
//! Reads RFC 3339, a date with or without a time, RFC 2822, and Unix seconds and milliseconds. A time without a
//! zone is read in the given zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::number::double;

/// Formats of times, for messages.
pub const FORMATS: &str = "2026-03-01T09:00:00Z, 2026-03-01 09:00:00, 2026-03-01, \
     Sun, 01 Mar 2026 09:00:00 GMT, or Unix seconds or milliseconds";

/// Reads a time from a text or a number; `None` for any other value.
pub fn time_of(value: ValueRef<'_>, zone: &TimeZone) -> Option<Timestamp> {
    match value.kind() {
        JsonKind::Text => read_time(&value.text()?, zone),
        JsonKind::Number => unix_time(&value.number()?),
        JsonKind::Null | JsonKind::Bool | JsonKind::List | JsonKind::Object => None,
    }
}

/// The same for a value, in UTC.
pub fn time_of_value(value: &Value) -> Option<Timestamp> {
    time_of(ValueRef::Built(value), &TimeZone::UTC)
}

/// Reads a time in any format, also Unix time in digits.
pub fn read_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    match is_unix_time(text) {
        true => unix_time(&serde_json::from_str(text).ok()?),
        false => read_calendar_time(text, zone),
    }
}

/// Reads a time that is written as a date; digits alone are a number. A date is its first instant.
pub fn read_calendar_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    // A longer text is no time, and a time starts with a digit or the name of a day or month.
    if text.len() < 10 || text.len() > MAX_LENGTH {
        return None;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return read_rfc2822(text);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    if let Some(timestamp) = read_with_zone_behind(text) {
        return Some(timestamp);
    }
    let civil = match text.parse::<DateTime>() {
        Ok(civil) if text.len() > 10 => civil,
        _ => match text.parse::<Date>() {
            Ok(date) if text.len() == 10 => date.to_datetime(Time::midnight()),
            _ => return read_rfc2822(text),
        },
    };
    let zoned = civil.to_zoned(zone.clone()).ok()?;
    Some(zoned.timestamp())
}

/// The longest text that is read as a time.
const MAX_LENGTH: usize = 64;

/// Reads `2026-03-01 09:00:00 UTC` and `2026-03-01 09:00:00 +0000`.
fn read_with_zone_behind(text: &str) -> Option<Timestamp> {
    let (time, zone) = text.rsplit_once(' ')?;
    let offset = match zone {
        "UTC" | "GMT" | "Z" | "utc" => "Z",
        offset if offset.starts_with(['+', '-']) => offset,
        _ => return None,
    };
    // A date alone has no zone: `2026-03-01 -0500` would be read as a time of that day.
    (time.len() > 10).then(|| format!("{time}{offset}").parse().ok())?
}

fn read_rfc2822(text: &str) -> Option<Timestamp> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    PARSER.parse_timestamp(text).ok()
}

/// Unix times before 1973-03-03 are no times: as seconds or milliseconds, they look like any other number.
const FIRST_SECOND: f64 = 1e8;
/// From this number on, in the year 5138, a number counts milliseconds.
const FIRST_MILLISECOND: f64 = 1e11;
const LAST_MILLISECOND: f64 = 1e14;

/// Reads Unix seconds, with or without a fraction, or milliseconds.
pub fn unix_time(number: &Number) -> Option<Timestamp> {
    let size = double(number);
    if !(FIRST_SECOND..LAST_MILLISECOND).contains(&size) {
        return None;
    }
    match (size < FIRST_MILLISECOND, number.as_i64()) {
        (true, Some(seconds)) => Timestamp::from_second(seconds).ok(),
        (false, Some(milliseconds)) => Timestamp::from_millisecond(milliseconds).ok(),
        (true, None) => from_seconds(size),
        (false, None) => from_seconds(size / 1e3),
    }
}

fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

/// Whether a text is a Unix time in digits.
fn is_unix_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (9..=14).contains(&whole.len())
        && !whole.starts_with('0')
        && !fraction.is_empty()
        && digits(whole)
        && digits(fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Option<String> {
        time_of_value(value).map(|time| time.to_string())
    }

    #[test]
    fn every_format_is_read() {
        for value in [
            json!("2026-03-06T10:00:00Z"),
            json!("2026-03-06t11:00:00+01:00"),
            json!("2026-03-06T11:00:00+0100"),
            json!("2026-03-06 10:00:00"),
            json!("2026-03-06T10:00"),
            json!("2026-03-06 10:00:00 UTC"),
            json!("2026-03-06 10:00:00 +0000"),
            json!("2026-03-06 05:00:00 -05:00"),
            json!("2026-03-06 10:00:00.000 GMT"),
            json!(" 2026-03-06T10:00:00Z "),
            json!("Fri, 06 Mar 2026 10:00:00 GMT"),
            json!("Fri, 6 Mar 2026 11:00:00 +0100"),
            json!("6 Mar 2026 10:00:00 +0000"),
            json!(1_772_791_200),
            json!(1_772_791_200.0),
            json!(1_772_791_200_000_i64),
            json!("1772791200"),
            json!("1772791200000"),
            json!("1772791200.0"),
        ] {
            assert_eq!(
                read(&value).as_deref(),
                Some("2026-03-06T10:00:00Z"),
                "{value}"
            );
        }
        assert_eq!(
            read(&json!("2026-03-06")).as_deref(),
            Some("2026-03-06T00:00:00Z")
        );
    }

    #[test]
    fn other_values_are_no_times() {
        for value in [
            json!(null),
            json!(true),
            json!(7),
            json!(-1_772_791_200),
            json!(1e300),
            json!("7"),
            json!("20260306"),
            json!("12345678901234567"),
            json!("soon"),
            json!(""),
            json!("10:00:00"),
            json!("2026-13-01"),
            json!("2026-03-06 -0500"),
            json!("Mon, 06 Mar 2026 10:00:00 GMT"),
            json!(["2026-03-06"]),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }

    #[test]
    fn a_time_without_zone_is_read_in_the_zone_of_its_source() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let read = |text| read_time(text, &zone).map(|time| time.to_string());
        assert_eq!(
            read("2026-03-06 10:00:00").as_deref(),
            Some("2026-03-06T08:00:00Z")
        );
        assert_eq!(read("2026-03-06").as_deref(), Some("2026-03-05T22:00:00Z"));
        assert_eq!(
            read("2026-03-06 10:00:00 UTC").as_deref(),
            Some("2026-03-06T10:00:00Z")
        );
    }
}
