//! Reads `archive` of the configuration: which events are kept for `why` and how long, and what is kept of the
//! exchanges of attempts. The events and exchanges of runs are kept with their runs.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::retention::lower_age;
use crate::diagnostic::{Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::size;
use crate::document::vocabulary::{Vocabulary, duration, words};
use crate::document::{Node, Yaml};

/// The settings of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archive {
    pub events: ArchiveScope,
    pub keep_for: Duration,
    /// The maximum size in bytes; the oldest events are deleted first.
    pub at_most: u64,
    pub exchanges: ExchangeScope,
    /// Bytes that are kept of what an attempt sent, and of what it received.
    pub exchange_size: u64,
}

/// Which events the archive keeps, in addition to the events of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveScope {
    Full,
    /// Only events that no rule matched.
    Unmatched,
    Off,
}

/// Of which attempts the content of the exchange is kept. Method and address of requests are kept of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeScope {
    Full,
    /// Only of attempts that failed.
    Failures,
    Off,
}

/// The allowed values of `exchange_size`.
const EXCHANGE_SIZES: RangeInclusive<u64> = 1_024..=1_048_576;

impl Default for Archive {
    fn default() -> Self {
        Self {
            events: ArchiveScope::Full,
            keep_for: Duration::from_secs(7 * 86_400),
            at_most: 256_000_000,
            exchanges: ExchangeScope::Full,
            exchange_size: 16 * 1_024,
        }
    }
}

pub const ARCHIVE: Vocabulary = Vocabulary {
    name: "`archive`",
    words: words! {
        "events" events =>
            "`full` keeps every event, `unmatched` those that no rule matched, `off` none. Default: `full`.";
        "for" duration => "How long events are kept. Default: 7d.";
        "at_most" size::schema =>
            "The maximum size on disk; the oldest events are deleted first. Default: 256MB.";
        "exchanges" exchanges =>
            "Of which attempts request and response are kept for `runs show`: `full` of all, `failures` of failed ones, `off` of none. Method and address of every request are kept. Default: `full`.";
        "exchange_size" size::schema =>
            "How much is kept of a request, and of its response; the rest is cut. From 1KiB to 1MiB. Default: 16KiB.";
    },
};

impl ArchiveScope {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "full" => Some(ArchiveScope::Full),
            "unmatched" => Some(ArchiveScope::Unmatched),
            "off" => Some(ArchiveScope::Off),
            _ => None,
        }
    }
}

impl ExchangeScope {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "full" => Some(ExchangeScope::Full),
            "failures" => Some(ExchangeScope::Failures),
            "off" => Some(ExchangeScope::Off),
            _ => None,
        }
    }
}

/// Reads `archive`: a scope such as `unmatched`, or a mapping. An invalid value is reported and replaced by
/// its default.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Archive {
    let mut archive = Archive::default();
    if !matches!(node.value, Yaml::Map(_)) {
        archive.events = lower_events(node, "archive", diagnostics).unwrap_or(archive.events);
        return archive;
    }
    diagnostics.entries(node, &ARCHIVE);
    if let Some(node) = node.get("events") {
        archive.events = lower_events(node, "events", diagnostics).unwrap_or(archive.events);
    }
    if let Some(node) = node.get("for") {
        archive.keep_for = lower_age(node, diagnostics).unwrap_or(archive.keep_for);
    }
    if let Some(node) = node.get("at_most") {
        archive.at_most = size::lower_cap(node, "at_most", diagnostics).unwrap_or(archive.at_most);
    }
    if let Some(node) = node.get("exchanges") {
        archive.exchanges = lower_exchanges(node, diagnostics).unwrap_or(archive.exchanges);
    }
    if let Some(node) = node.get("exchange_size") {
        let size = size::lower(node, "exchange_size", EXCHANGE_SIZES, diagnostics);
        archive.exchange_size = size.unwrap_or(archive.exchange_size);
    }
    archive
}

fn lower_exchanges(node: &Node, diagnostics: &mut Diagnostics) -> Option<ExchangeScope> {
    let exchanges = node.as_text().and_then(ExchangeScope::parse);
    if exchanges.is_none() {
        diagnostics.invalid(
            node.at,
            "`exchanges` takes full, failures or off",
            "write `archive: { exchanges: failures }`; `off` keeps only method and address",
        );
    }
    exchanges
}

fn lower_events(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<ArchiveScope> {
    let events = node.as_text().and_then(ArchiveScope::parse);
    if events.is_none() {
        let message = format!("`{key}` takes full, unmatched or off");
        let help = match node.value {
            Yaml::Bool(false) | Yaml::Null => "write `archive: off`; `why` then shows only runs",
            _ => {
                "write `archive: unmatched`, or `archive: { events: full, for: 7d, at_most: 256MB }`"
            }
        };
        diagnostics.invalid(node.at, message, help);
    }
    events
}

fn events() -> Value {
    json!({"enum": ["full", "unmatched", "off"], "default": "full"})
}

fn exchanges() -> Value {
    json!({"enum": ["full", "failures", "off"], "default": "full"})
}

pub fn schema() -> Value {
    json!({"oneOf": [events(), ARCHIVE.schema(&[])]})
}
