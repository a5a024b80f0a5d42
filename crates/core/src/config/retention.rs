//! Reads `retention` of the configuration: how long and up to which size finished runs are kept.
//! The same time limits how long a redelivery is recognised, so it is at least one hour.

use std::time::Duration;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::size;
use crate::document::vocabulary::{Vocabulary, duration, words};

/// How long finished runs and their events are kept. Unfinished, held and dead runs are always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Also how long a redelivery is recognised, and the maximum window of a gate.
    pub keep_for: Duration,
    /// The maximum size in bytes; the oldest runs are deleted first.
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
    words: words! {
        "for" duration =>
            "How long finished runs and their events are kept, and how long a redelivery is recognised. Default: 7d.";
        "at_most" size::schema =>
            "The maximum size on disk; the oldest runs are deleted first. Default: 1GB.";
    },
};

/// Senders repeat an event for about one hour.
const MIN_RETENTION: Duration = Duration::from_secs(3_600);

/// Reads `retention`. An invalid value is reported and replaced by its default.
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

/// Reads a time to keep something; reports a time below the minimum.
pub fn lower_age(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let age = diagnostics.duration(node, "for")?;
    if age < MIN_RETENTION {
        let help = "senders repeat events for up to an hour, and redeliveries must be recognised";
        return diagnostics.reject_value(node.at, "`for` is at least 1h", help);
    }
    Some(age)
}
