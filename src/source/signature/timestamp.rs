//! The time at which a request was signed: seconds or milliseconds since 1970, or RFC 3339.
//! It refuses any other form, and a time too far from now on either side.

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;

use super::{HeaderFault, Rejection, only};
use crate::core::config::Stamp;

pub fn check(stamp: &Stamp, headers: &HeaderMap, now: Timestamp) -> Result<(), Rejection> {
    let text = only(headers, &stamp.header)?.as_bytes();
    let signed = parse(text).ok_or_else(|| Rejection::Malformed {
        header: stamp.header.clone(),
        fault: HeaderFault::NoTime,
    })?;
    let age = now.duration_since(signed);
    let off = age.unsigned_abs();
    match (off > stamp.window, age.is_negative()) {
        (false, _) => Ok(()),
        (true, past) => Err(Rejection::outside(off, stamp.window, past)),
    }
}

impl Rejection {
    fn outside(by: Duration, window: Duration, ahead: bool) -> Self {
        match ahead {
            true => Rejection::Early { by, window },
            false => Rejection::Stale { by, window },
        }
    }
}

/// Later than this, in seconds, comes nobody; milliseconds passed it in 1973.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// Nothing but a time: what is signed right beside it must not be able to pass as a part of it.
fn parse(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match number < FIRST_MILLISECONDS {
            true => Timestamp::from_second(number).ok(),
            false => Timestamp::from_millisecond(number).ok(),
        };
    }
    let plain = |byte: u8| byte.is_ascii_digit() || b"-:.TtZz+".contains(&byte);
    let sound = text.len() <= 35 && text.bytes().all(plain);
    text.parse().ok().filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_forms_and_no_other() {
        let wanted = Timestamp::from_second(1_616_648_967).unwrap();
        for text in [
            "2021-03-25T05:09:27Z",
            "2021-03-25T06:09:27.000000000+01:00",
            "1616648967",
            "1616648967000",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(wanted), "{text}");
        }
        for text in [
            "",
            " 1616648967",
            "+1616648967",
            "-1",
            "0x60",
            "1616648967.5",
            "99999999999999999999",
            "2021-03-25T05:09:27",
            "2021-03-25 05:09:27Z",
            "2021-03-25T05:09:27Z[UTC]",
            "2021-03-25T05:09:27Z{",
            "Thu, 25 Mar 2021 05:09:27 GMT",
            "\u{661}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
