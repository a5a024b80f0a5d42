//! Reads `limits` of the configuration: limits on active and unfinished runs.
//! A limit per rule or host that exceeds the total is an error.

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, number, words};

/// Limits on active and unfinished runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// The maximum number of active runs.
    pub runs: usize,
    /// The maximum number of active runs of one rule.
    pub per_rule: usize,
    /// The maximum number of concurrent requests to one host.
    pub per_host: usize,
    /// The maximum number of unfinished runs; above it, events that match are rejected.
    pub backlog: usize,
    /// The maximum number of unfinished runs of one rule; above it, further runs are held.
    pub per_rule_backlog: usize,
    /// The maximum number of events that runs wait for; above it, events whose runs would wait are rejected.
    pub waiters: usize,
    /// The time in which one cause has at most one notice; zero if each dead run has its own.
    pub notice_every: Duration,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            runs: 16,
            per_rule: 8,
            per_host: 8,
            backlog: 100_000,
            per_rule_backlog: 10_000,
            waiters: 1_000_000,
            notice_every: Duration::from_secs(600),
        }
    }
}

pub const LIMITS: Vocabulary = Vocabulary {
    name: "`limits`",
    words: words! {
        "runs" active => "The number of runs that execute at the same time. Default: 16.";
        "per_rule" active => "The number of runs of one rule that execute at the same time. Default: 8.";
        "per_host" active => "The number of concurrent requests to one host. Default: 8.";
        "backlog" number =>
            "The number of unfinished runs. Above it, events that match are answered with 429. Default: 100000.";
        "per_rule_backlog" number =>
            "The number of unfinished runs of one rule. Above it, further runs are held. Default: 10000.";
        "waiters" number =>
            "The number of events that runs wait for in `wait_for` steps, those that are not reached yet included. Above it, events whose runs would wait are answered with 429. Default: 1000000.";
        "notice_every" duration =>
            "The time in which one cause has at most one notice, by `on_dead` or `on_outage`: further dead runs with the same reason are counted, and reported together. `0s` reports each separately. Default: 10m.";
    },
};

const MAX_ACTIVE: u64 = 1_000;
const MAX_WAITING: u64 = 10_000_000;
const MAX_WAITERS: u64 = 100_000_000;
const MAX_NOTICE_EVERY: Duration = Duration::from_secs(7 * 86_400);

fn active() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_ACTIVE})
}

/// Reads `limits`. An invalid value is reported and replaced by its default. The default of a part is at
/// max its total.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> RunLimits {
    let defaults = RunLimits::default();
    if diagnostics.entries(node, &LIMITS).is_none() {
        return defaults;
    }
    let runs = count(node, "runs", MAX_ACTIVE, diagnostics).unwrap_or(defaults.runs);
    let backlog = count(node, "backlog", MAX_WAITING, diagnostics).unwrap_or(defaults.backlog);
    let part = |key, max, whole, diagnostics: &mut Diagnostics| {
        let part = count(node, key, max, diagnostics)?;
        within(node, key, part, whole, diagnostics)
    };
    RunLimits {
        runs,
        per_rule: part("per_rule", MAX_ACTIVE, ("runs", runs), diagnostics)
            .unwrap_or(defaults.per_rule.min(runs)),
        per_host: part("per_host", MAX_ACTIVE, ("runs", runs), diagnostics)
            .unwrap_or(defaults.per_host.min(runs)),
        backlog,
        per_rule_backlog: part(
            "per_rule_backlog",
            MAX_WAITING,
            ("backlog", backlog),
            diagnostics,
        )
        .unwrap_or(defaults.per_rule_backlog.min(backlog)),
        waiters: count(node, "waiters", MAX_WAITERS, diagnostics).unwrap_or(defaults.waiters),
        notice_every: notice_every(node, diagnostics).unwrap_or(defaults.notice_every),
    }
}

fn notice_every(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let node = node.get("notice_every")?;
    let every = diagnostics.duration(node, "notice_every")?;
    if every > MAX_NOTICE_EVERY {
        let help =
            "write the time after which a cause that continues is reported again, such as 10m";
        return diagnostics.reject_value(node.at, "`notice_every` is at most 7d", help);
    }
    Some(every)
}

fn count(node: &Node, key: &str, max: u64, diagnostics: &mut Diagnostics) -> Option<usize> {
    let number = diagnostics.whole_number(node.get(key)?, key, 1..=max)?;
    Some(usize::try_from(number).expect("the range fits"))
}

fn within(
    node: &Node,
    key: &str,
    part: usize,
    (name, whole): (&str, usize),
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    if part <= whole {
        return Some(part);
    }
    let message = format!("`{key}` is {part}, more than `{name}`, which is {whole}");
    let help = format!("lower `{key}`, or raise `{name}` to {part} at least");
    let at = node.get(key).map_or(node.at, |node| node.at);
    diagnostics.reject_value(at, message, &help)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::archive::{Archive, ArchiveScope};
    use crate::config::retention::Retention;
    use crate::config::{Config, parse};
    use crate::diagnostic::{Diagnostics, FileId};

    fn config(text: &str) -> Config {
        let mut diagnostics = Diagnostics::default();
        let config = parse(FileId::default(), text, &BTreeMap::new(), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        config
    }

    #[test]
    fn the_default_of_a_part_is_at_most_its_total() {
        let limits = config("limits: { runs: 4, backlog: 500 }").limits;
        assert_eq!((limits.runs, limits.per_rule, limits.per_host), (4, 4, 4));
        assert_eq!((limits.backlog, limits.per_rule_backlog), (500, 500));
        let limits = config("limits: { runs: 64, per_rule: 2 }").limits;
        assert_eq!((limits.per_rule, limits.per_host), (2, 8));
        assert_eq!(limits.backlog, RunLimits::default().backlog);
        assert_eq!(limits.notice_every, Duration::from_secs(600));
        assert_eq!(limits.waiters, 1_000_000);
        let limits = config("limits: { notice_every: 0s, waiters: 5 }").limits;
        assert_eq!(limits.waiters, 5);
        assert_eq!(limits.notice_every, Duration::ZERO);
    }

    #[test]
    fn archive_takes_a_scope_or_a_mapping() {
        let archive = config("archive: unmatched").archive;
        assert_eq!(archive.events, ArchiveScope::Unmatched);
        assert_eq!(archive.at_most, Archive::default().at_most);
        let all = config(
            "archive: { events: off, for: 36h, at_most: 2MB }\nretention: { for: 30d, at_most: 5GB }",
        );
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(
            (all.archive.events, all.archive.keep_for),
            (ArchiveScope::Off, hours(36))
        );
        assert_eq!(all.archive.at_most, 2_000_000);
        let retention = Retention {
            keep_for: hours(720),
            at_most: 5_000_000_000,
        };
        assert_eq!(all.retention, retention);
    }
}
