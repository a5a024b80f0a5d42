//! How long finished runs are kept, with their events, and up to which size.
//! It refuses an age below what senders need: the time in which a repeat of an event is known as one is the same.

use std::time::Duration;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::size;
use crate::document::vocabulary::{Vocabulary, duration, word};

/// What is kept of the past. Unfinished, held and dead runs count as the present until they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Also for how long a repeat of an event is known as one, and the longest window of a gate.
    pub keep_for: Duration,
    /// Bytes; the oldest go first.
    pub at_most: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_for: Duration::from_secs(7 * 86_400),
            at_most: 1_000_000_000,
        }
    }
}

pub const RETENTION: Vocabulary = Vocabulary {
    name: "`retention`",
    words: &[
        word(
            "for",
            "How long finished runs and their events are kept, and how long a redelivery is recognised. Default: 7d.",
            duration,
        ),
        word(
            "at_most",
            "The maximum size on disk; the oldest runs are deleted first. Default: 1GB.",
            size::schema,
        ),
    ],
};

/// Senders repeat an event for about this long.
const SHORTEST: Duration = Duration::from_secs(3_600);

/// What is wrong in it is reported, and the usual value holds.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Retention {
    let mut retention = Retention::default();
    if let (None, Some(_)) = (node.as_map(), node.scalar_text()) {
        let message = format!("`retention` takes a mapping, found {}", node.kind());
        let help = "write `retention: { for: 7d, at_most: 1GB }`";
        diagnostics.error(Code::WrongType, node.at, message, help);
        return retention;
    }
    diagnostics.entries(node, &RETENTION);
    if let Some(node) = node.get("for") {
        retention.keep_for = lower_age(node, diagnostics).unwrap_or(retention.keep_for);
    }
    if let Some(node) = node.get("at_most") {
        retention.at_most =
            size::lower_cap(node, "at_most", diagnostics).unwrap_or(retention.at_most);
    }
    retention
}

/// How long something is kept.
pub fn lower_age(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let age = diagnostics.duration(node, "for")?;
    if age < SHORTEST {
        let help = "senders repeat an event for up to an hour, and it must be known then";
        diagnostics.error(Code::InvalidValue, node.at, "`for` is at least 1h", help);
        return None;
    }
    Some(age)
}
