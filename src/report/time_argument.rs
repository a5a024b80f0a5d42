//! Parses times of the command line: a date, a time, or an age such as `2h` or `-2h`.
//! A time without a zone is UTC, as in all output.

use jiff::{SignedDuration, Timestamp};

use flowtrigger_core::document::duration;
use flowtrigger_core::language::operator::time::instant;

/// A time, or an age that is subtracted from the current time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeArgument {
    At(Timestamp),
    Ago(SignedDuration),
}

impl TimeArgument {
    /// The value parser for clap.
    pub fn parse(text: &str) -> Result<Self, String> {
        let age = duration::parse(text.strip_prefix('-').unwrap_or(text));
        if let Some(age) = age.and_then(|age| SignedDuration::try_from(age).ok()) {
            return Ok(TimeArgument::Ago(age));
        }
        instant(text).map(TimeArgument::At).ok_or_else(|| {
            "write 2026-01-07, 2026-01-07T09:02, in UTC, or 2h for two hours ago".into()
        })
    }

    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            TimeArgument::At(at) => at,
            TimeArgument::Ago(age) => now.checked_sub(age).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Formats a time without fractions of a second.
pub fn seconds(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use crate::report::time_argument::*;

    #[test]
    fn times_and_ages_are_parsed() {
        let now: Timestamp = "2026-01-07T12:00:00.5Z".parse().unwrap();
        let parse = |text: &str| TimeArgument::parse(text).map(|time| seconds(time.from(now)));
        for (text, expected) in [
            ("2026-01-07", "2026-01-07T00:00:00Z"),
            ("2026-01-07T09:02", "2026-01-07T09:02:00Z"),
            ("2026-01-07T09:02+01:00", "2026-01-07T08:02:00Z"),
            ("-2h", "2026-01-07T10:00:00Z"),
            ("-1.5d", "2026-01-06T00:00:00Z"),
            ("2h", "2026-01-07T10:00:00Z"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["yesterday", "--2h", "09:02", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
