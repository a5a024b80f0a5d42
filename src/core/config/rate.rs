//! How many requests may go through a connection in which time.
//! It refuses a pace slower than a request an hour, at which runs would pile up for ever.

use std::time::Duration;

use serde_json::{Value, json};

use crate::core::diagnostic::Code;
use crate::core::rule::document::Node;
use crate::core::rule::document::vocabulary::{Vocabulary, duration, word};
use crate::core::rule::lowering::Lowering;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub limit: u32,
    pub within: Duration,
}

pub const RATE: Vocabulary = Vocabulary {
    name: "`rate_limit`",
    words: &[
        word("limit", "How many requests may go out.", limit),
        word("in", "Within which time.", duration),
    ],
};

const MOST: u64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3_600);

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST})
}

pub fn schema() -> Value {
    RATE.schema(&["limit", "in"])
}

/// The rate under a connection; None after reporting why it is none.
pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Option<Rate> {
    const HELP: &str = "write `rate_limit: { limit: 400, in: 1m }`";
    if node.as_map().is_none() {
        let message = format!("`rate_limit` takes a mapping, found {}", node.kind());
        cx.error(Code::WrongType, node.at, message, HELP);
        return None;
    }
    cx.entries(node, &RATE)?;
    let (Some(limit), Some(within)) = (node.get("limit"), node.get("in")) else {
        let message = "`rate_limit` needs `limit` and `in`";
        cx.error(Code::MissingKey, node.at, message, HELP);
        return None;
    };
    let limit = cx.whole_number(limit, "limit", 1..=MOST);
    let time = cx.duration(within, "in");
    let limit = u32::try_from(limit?).expect("the range fits");
    let time = time?;
    if time < Duration::from_millis(100) || time / limit > HOUR {
        let message = "`in` is at least 100ms, and at most an hour for each request";
        cx.error(Code::InvalidValue, within.at, message, HELP);
        return None;
    }
    Some(Rate {
        limit,
        within: time,
    })
}
