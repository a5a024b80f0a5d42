//! Parses `Retry-After`: seconds, or a date in any of the three formats of HTTP; at most one day.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// A receiver that asks for more is broken, and the step's own schedule is better.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns how long to wait from `now`: zero for a date in the past.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    seconds(value)
        .or_else(|| Some(until(date(value)?, now)))
        .map(|wait| wait.min(MAX_RETRY_AFTER))
}

/// The wait that the headers of a mocked reply ask for. A person writes their names in any case, and seconds as text or number.
pub fn in_headers(headers: &Value, now: Timestamp) -> Option<Duration> {
    let mut headers = headers.as_object()?.iter();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    match value {
        Value::String(text) => parse(text, now),
        Value::Number(seconds) => parse(&seconds.to_string(), now),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Some receivers send fractions, which are not in the standard.
fn seconds(value: &str) -> Option<Duration> {
    if !value.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let seconds: f64 = value.parse().ok()?;
    Some(Duration::from_secs_f64(
        seconds.min(MAX_RETRY_AFTER.as_secs_f64()),
    ))
}

fn date(value: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(value).ok()?;
    Timestamp::try_from(time).ok()
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    then.duration_since(now)
        .try_into()
        .unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_headers_of_a_mock_are_read_as_people_write_them() {
        for (headers, wait) in [
            (json!({"retry-after": "120"}), Some(120)),
            (json!({"Retry-After": 120}), Some(120)),
            (
                json!({"RETRY-AFTER": "Thu, 01 Jan 1970 00:02:00 GMT"}),
                Some(120),
            ),
            (json!({"retry": "120"}), None),
            (json!({"retry-after": true}), None),
            (json!(null), None),
        ] {
            let found = in_headers(&headers, Timestamp::UNIX_EPOCH);
            assert_eq!(found, wait.map(Duration::from_secs), "{headers}");
        }
    }

    #[test]
    fn each_format_is_parsed() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        for (value, wait) in [
            ("0", Some(0.0)),
            (" 120 ", Some(120.0)),
            ("1.5", Some(1.5)),
            ("99999999999999999999999", Some(86_400.0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30.0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30.0)),
            ("Sun Nov  6 08:49:37 1994", Some(30.0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0.0)),
            ("Fri, 01 Jan 2100 00:00:00 GMT", Some(86_400.0)),
            ("", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
            ("soon", None),
        ] {
            assert_eq!(
                parse(value, now),
                wait.map(Duration::from_secs_f64),
                "{value}"
            );
        }
    }
}
