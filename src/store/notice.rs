//! Notices: what runs of `on_dead` and `on_outage` read under `error`, and when failures of one cause share a notice.
//! The first failure of a cause is reported at once. Those that follow within a time are counted, and one run, the
//! summary, reports them at its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::RunRecord;
use flowtrigger_core::fingerprint::fingerprint;
use flowtrigger_core::flow::step::Flow;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::cause::normalised;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// A receiver that fails, for which runs wait from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutageNotice {
    /// `connection chat`, or `host pager.example:443`.
    pub receiver: String,
    /// When the first of the failures in a row happened.
    pub since: Timestamp,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure.
    pub message: String,
    /// Runs that wait for the receiver.
    pub waiting: u64,
}

/// What a notice reports, the same for all daemons: the runs of a rule that die of one cause, or a receiver that fails.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeCause {
    /// The queue of the rule; 0 for a receiver.
    pub queue: i64,
    pub hash: String,
}

/// The time in which a cause is not reported again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeWindow {
    pub until: Timestamp,
    pub summary: Option<SummaryRun>,
}

/// The run that reports what happened within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRun {
    pub run: RunId,
    /// Whether it still waits for the end of the window.
    pub waits: bool,
    /// When its state changed last.
    pub changed: Timestamp,
}

/// What reports a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticePlacement {
    /// A new run, at once.
    Now,
    /// A new run that waits for this time.
    At(Timestamp),
    /// A run that waits already.
    In(RunId),
}

impl NoticeCause {
    /// Of a run that died; `queue` is that of its rule.
    pub fn of_death(queue: i64, why: &str) -> Self {
        Self::new(queue, &normalised(why))
    }

    pub fn of_outage(receiver: &str) -> Self {
        Self::new(0, receiver)
    }

    fn new(queue: i64, text: &str) -> Self {
        let hash = u128::from_be_bytes(fingerprint(&[text.as_bytes()]));
        Self {
            queue,
            hash: format!("{hash:032x}"),
        }
    }
}

/// What reports a failure now, if one cause has at most one notice in the time `every`.
pub fn placement(
    window: Option<&NoticeWindow>,
    every: Duration,
    now: Timestamp,
) -> NoticePlacement {
    let Some(window) = window.filter(|_| !every.is_zero()) else {
        return NoticePlacement::Now;
    };
    let until = match &window.summary {
        Some(summary) if summary.waits => return NoticePlacement::In(summary.run),
        // It has run: a new window began with that. One that was cancelled before has not.
        Some(summary) if summary.changed >= window.until => end(summary.changed, every),
        Some(_) | None => window.until,
    };
    match until > now {
        true => NoticePlacement::At(until.min(end(now, every))),
        false => NoticePlacement::Now,
    }
}

/// The end of a window that begins at a time.
pub fn end(since: Timestamp, every: Duration) -> Timestamp {
    let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
    since.checked_add(every).unwrap_or(Timestamp::MAX)
}

/// `error.…` of the `on_dead` run of a dead or held run, if its rule has that flow. A notice has none.
pub fn of_death(dead: &RunRecord, now: Timestamp) -> Option<Value> {
    let (RunState::Dead { why } | RunState::Held { why }) = &dead.state else {
        return None;
    };
    if dead.rule.on_dead.is_none() || !dead.error.is_null() {
        return None;
    }
    Some(json!({
        "message": why,
        "run": dead.id.0,
        "rule": dead.rule.name,
        "attempts": dead.log.iter().filter_map(LogEntry::attempt).count(),
        "count": 1,
        "first_run": dead.id.0,
        "last_run": dead.id.0,
        "since": to_second(now),
        "until": to_second(now),
    }))
}

/// `error.…` of the `on_outage` run of a receiver, if the configuration of the run's rule has that flow. What an
/// `on_outage` run itself notices is not reported.
pub fn of_outage(noticed_by: &RunRecord, outage: &OutageNotice) -> Option<Value> {
    if noticed_by.rule.on_outage.is_none() || is_outage(&noticed_by.error) {
        return None;
    }
    Some(json!({
        "receiver": outage.receiver,
        "since": to_second(outage.since),
        "failures": outage.failures,
        "message": outage.message,
        "waiting": outage.waiting,
        "count": 1,
        "run": noticed_by.id.0,
        "rule": noticed_by.rule.name,
    }))
}

/// `error.…` of a summary that reports one more failure.
pub fn joined(summary: &Value, next: &Value) -> Value {
    let mut joined = summary.clone();
    joined["count"] = json!(summary["count"].as_u64().unwrap_or(1) + 1);
    // Of a dead run, the first one stays; of a receiver, what it was last.
    let newer: &[&str] = match is_outage(next) {
        true => &["since", "failures", "message", "waiting"],
        false => &["last_run", "until"],
    };
    for key in newer {
        joined[*key] = next[*key].clone();
    }
    joined
}

/// Whether a run reports a receiver that fails.
fn is_outage(error: &Value) -> bool {
    !error["receiver"].is_null()
}

/// The flow that a run executes: the rule's, or that of its notice.
pub fn flow<'r>(rule: &'r Rule, error: &Value) -> &'r Flow {
    let notice = match is_outage(error) {
        true => &rule.on_outage,
        false => &rule.on_dead,
    };
    match notice {
        Some(notice) if !error.is_null() => notice,
        Some(_) | None => &rule.flow,
    }
}

fn to_second(at: Timestamp) -> String {
    let seconds = Timestamp::from_second(at.as_second());
    seconds.unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn window(until: i64, summary: Option<(bool, i64)>) -> NoticeWindow {
        let summary = summary.map(|(waits, changed)| SummaryRun {
            run: RunId(7),
            waits,
            changed: at(changed),
        });
        NoticeWindow {
            until: at(until),
            summary,
        }
    }

    fn placed(window: &NoticeWindow, now: i64) -> NoticePlacement {
        placement(Some(window), EVERY, at(now))
    }

    #[test]
    fn a_cause_is_reported_at_once_and_then_at_the_end_of_its_window() {
        assert_eq!(placement(None, EVERY, at(0)), NoticePlacement::Now);
        let first = window(600, None);
        assert_eq!(placed(&first, 1), NoticePlacement::At(at(600)));
        assert_eq!(placed(&first, 600), NoticePlacement::Now);
        let waits = window(600, Some((true, 1)));
        assert_eq!(placed(&waits, 2), NoticePlacement::In(RunId(7)));
        assert_eq!(placed(&waits, 9_000), NoticePlacement::In(RunId(7)));
        let zero = placement(Some(&waits), Duration::ZERO, at(2));
        assert_eq!(zero, NoticePlacement::Now);
    }

    #[test]
    fn a_summary_that_has_run_begins_a_window() {
        let late = window(600, Some((false, 5_000)));
        assert_eq!(placed(&late, 5_001), NoticePlacement::At(at(5_600)));
        assert_eq!(placed(&late, 5_600), NoticePlacement::Now);
        let cancelled = window(600, Some((false, 20)));
        assert_eq!(placed(&cancelled, 30), NoticePlacement::At(at(600)));
        assert_eq!(placed(&cancelled, 600), NoticePlacement::Now);
    }

    #[test]
    fn a_shorter_time_applies_to_a_window_that_is_open() {
        let long = window(90_000, None);
        assert_eq!(placed(&long, 10), NoticePlacement::At(at(610)));
    }

    #[test]
    fn what_differs_from_run_to_run_makes_no_other_cause() {
        let of = |why: &str| NoticeCause::of_death(3, why);
        assert_eq!(of("ticket 90417: 503"), of("ticket 90418: 503"));
        assert_ne!(of("ticket 90417: 503"), of("ticket 90417: 404"));
        assert_ne!(of("x"), NoticeCause::of_death(4, "x"));
        let outage = NoticeCause::of_outage("host 192.0.2.1:443");
        assert_ne!(outage, NoticeCause::of_outage("host 192.0.2.1:8443"));
        assert_eq!(outage.hash.len(), 32);
    }
}
