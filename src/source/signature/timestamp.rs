//! Checks the time at which a request was signed, in any format that events have too.
//! Rejects a time outside the window, in the past or in the future.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{HeaderFault, Rejection, RequestField};
use flowtrigger_core::config::verification::signature::{SigningTime, TimestampLocation};
use flowtrigger_core::event::time::read_time;

/// Checks the text of a time of signing; `field` is what it is in.
pub fn check(
    stamp: &SigningTime,
    text: &[u8],
    field: RequestField,
    now: Timestamp,
) -> Result<(), Rejection> {
    let signed = parse(text).ok_or(Rejection::Malformed {
        field,
        fault: HeaderFault::Timestamp,
    })?;
    let age = now.duration_since(signed);
    let difference = age.unsigned_abs();
    let window = stamp.window;
    match (difference > window, age.is_negative()) {
        (false, _) => Ok(()),
        (true, false) => Err(Rejection::Stale {
            by: difference,
            window,
        }),
        (true, true) => Err(Rejection::Early {
            by: difference,
            window,
        }),
    }
}

/// Checks the time in a verified body, if the scheme has one there and the body has it. A body that is not JSON is rejected
/// later.
pub fn check_body(stamp: &SigningTime, body: &[u8], now: Timestamp) -> Result<(), Rejection> {
    let TimestampLocation::Body(key) = &stamp.location else {
        return Ok(());
    };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = match &body[key] {
        Value::Null => return Ok(()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let field = RequestField::Body(key.clone());
    check(stamp, text.as_bytes(), field, now)
}

/// Accepts nothing around the time: adjacent signed bytes must not be read as a part of it.
fn parse(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.+, ".contains(&byte);
    let valid = text.bytes().all(allowed) && text.trim() == text;
    read_time(text, &TimeZone::UTC).filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_format_is_accepted() {
        let expected = Timestamp::from_second(1_616_648_967).unwrap();
        for text in [
            "2021-03-25T05:09:27Z",
            "2021-03-25T06:09:27.000000000+01:00",
            "1616648967",
            "1616648967000",
            "2021-03-25T05:09:27",
            "2021-03-25 05:09:27Z",
            "Thu, 25 Mar 2021 05:09:27 GMT",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
        for text in [
            "",
            " 1616648967",
            "+1616648967",
            "-1",
            "0x60",
            "99999999999999999999",
            "25 March 2021",
            "2021-03-25T05:09:27Z[UTC]",
            "2021-03-25T05:09:27Z{",
            "\u{661}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
