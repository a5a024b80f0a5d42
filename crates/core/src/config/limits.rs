//! How much may be at work and how much may wait: overall, for one rule, for one host.
//! It refuses a part that is larger than its whole.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, number, word};

/// Bounds on work and on what waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Runs at work together.
    pub runs: usize,
    /// Of one rule.
    pub per_rule: usize,
    /// Requests to one host under way together.
    pub per_host: usize,
    /// Unfinished runs in all; beyond it events with runs are refused.
    pub backlog: usize,
    /// Unfinished runs of one rule before more of it are parked as held.
    pub per_rule_backlog: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            runs: 16,
            per_rule: 8,
            per_host: 8,
            backlog: 100_000,
            per_rule_backlog: 10_000,
        }
    }
}

pub const LIMITS: Vocabulary = Vocabulary {
    name: "`limits`",
    words: &[
        word(
            "runs",
            "The number of runs that execute at the same time. Default: 16.",
            at_work,
        ),
        word(
            "per_rule",
            "The number of runs of one rule that execute at the same time. Default: 8.",
            at_work,
        ),
        word(
            "per_host",
            "The number of concurrent requests to one host. Default: 8.",
            at_work,
        ),
        word(
            "backlog",
            "The number of unfinished runs. Above it, events that match are answered with 429. Default: 100000.",
            number,
        ),
        word(
            "per_rule_backlog",
            "The number of unfinished runs of one rule. Above it, further runs are held. Default: 10000.",
            number,
        ),
    ],
};

const MOST_AT_WORK: u64 = 1_000;
const MOST_WAITING: u64 = 10_000_000;

fn at_work() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_AT_WORK})
}

/// What is wrong in it is reported, and the usual value holds. A part that is not given follows a
/// whole that is.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> RunLimits {
    let usual = RunLimits::default();
    if diagnostics.entries(node, &LIMITS).is_none() {
        return usual;
    }
    let runs = count(node, "runs", MOST_AT_WORK, diagnostics).unwrap_or(usual.runs);
    let backlog = count(node, "backlog", MOST_WAITING, diagnostics).unwrap_or(usual.backlog);
    let part = |key, most, whole, diagnostics: &mut Diagnostics| {
        let part = count(node, key, most, diagnostics)?;
        within(node, key, part, whole, diagnostics)
    };
    RunLimits {
        runs,
        per_rule: part("per_rule", MOST_AT_WORK, ("runs", runs), diagnostics)
            .unwrap_or(usual.per_rule.min(runs)),
        per_host: part("per_host", MOST_AT_WORK, ("runs", runs), diagnostics)
            .unwrap_or(usual.per_host.min(runs)),
        backlog,
        per_rule_backlog: part(
            "per_rule_backlog",
            MOST_WAITING,
            ("backlog", backlog),
            diagnostics,
        )
        .unwrap_or(usual.per_rule_backlog.min(backlog)),
    }
}

fn count(node: &Node, key: &str, most: u64, diagnostics: &mut Diagnostics) -> Option<usize> {
    let number = diagnostics.whole_number(node.get(key)?, key, 1..=most)?;
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
    diagnostics.error(Code::InvalidValue, at, message, &help);
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

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
    fn a_part_that_is_not_given_follows_its_whole() {
        let limits = config("limits: { runs: 4, backlog: 500 }").limits;
        assert_eq!((limits.runs, limits.per_rule, limits.per_host), (4, 4, 4));
        assert_eq!((limits.backlog, limits.per_rule_backlog), (500, 500));
        let limits = config("limits: { runs: 64, per_rule: 2 }").limits;
        assert_eq!((limits.per_rule, limits.per_host), (2, 8));
        assert_eq!(limits.backlog, RunLimits::default().backlog);
    }

    #[test]
    fn what_is_kept_is_said_in_a_word_or_whole() {
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
