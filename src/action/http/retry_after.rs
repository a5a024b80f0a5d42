//! Reads `Retry-After`: seconds, or a date in any of the three forms that HTTP knows.
//! It refuses what it cannot read, and never asks for more than a day.

use std::time::Duration;

use jiff::Timestamp;

/// A receiver that asks for more than this is broken, and the rule's own schedule is the better guess.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait from `now`; a date that has passed means not at all.
pub(super) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    seconds(value)
        .or_else(|| Some(until(date(value)?, now)))
        .map(|wait| wait.min(LONGEST))
}

/// Some receivers send fractions, which the standard does not know.
fn seconds(value: &str) -> Option<Duration> {
    if !value.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let seconds: f64 = value.parse().ok()?;
    Some(Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
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
    use super::*;

    #[test]
    fn each_form_is_read() {
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
