//! Reads `rate_limit` of a connection: the number of requests per period; and rates such as `10/s`.
//! A rate below one request per hour is an error, because runs would accumulate.

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub limit: u32,
    pub within: Duration,
}

pub const RATE: Vocabulary = Vocabulary {
    name: "`rate_limit`",
    words: words! {
        "limit" limit => "The number of requests that may be sent.";
        "in" duration => "The period in which they are counted.";
    },
};

const MAX_REQUESTS: u64 = 1_000_000;
/// The highest rate that [`RateLimit::parse`] accepts.
const MAX_PER_SECOND: u64 = 1_000;
const MAX_INTERVAL: Duration = Duration::from_secs(3_600);

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_REQUESTS})
}

pub fn schema() -> Value {
    RATE.schema(&["limit", "in"])
}

impl RateLimit {
    /// Parses a number and a unit, at most 1000 a second: `10/s`, `600/m`, `3600/h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (limit, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return None,
        };
        let limit: u32 = limit.parse().ok()?;
        let within = Duration::from_secs(seconds);
        let is_valid = limit > 0 && u64::from(limit) <= MAX_PER_SECOND * seconds;
        is_valid.then_some(Self { limit, within })
    }
}

/// Reads the rate limit of a connection; `None` after an error was reported.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<RateLimit> {
    const HELP: &str = "write `rate_limit: { limit: 400, in: 1m }`";
    if node.as_map().is_none() {
        let message = format!("`rate_limit` takes a mapping, found {}", node.kind());
        return diagnostics.reject(Code::WrongType, node.at, message, HELP);
    }
    diagnostics.entries(node, &RATE)?;
    let (Some(limit), Some(within)) = (node.get("limit"), node.get("in")) else {
        let message = "`rate_limit` needs `limit` and `in`";
        return diagnostics.reject(Code::MissingKey, node.at, message, HELP);
    };
    let limit = diagnostics.whole_number(limit, "limit", 1..=MAX_REQUESTS);
    let time = diagnostics.duration(within, "in");
    let limit = u32::try_from(limit?).expect("the range fits");
    let time = time?;
    if time < Duration::from_millis(100) || time / limit > MAX_INTERVAL {
        let message = "`in` is at least 100ms, and at most an hour for each request";
        return diagnostics.reject_value(within.at, message, HELP);
    }
    Some(RateLimit {
        limit,
        within: time,
    })
}
