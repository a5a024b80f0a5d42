//! Executes a backtest: reads the archive, evaluates its events on all cores, and compares both sides.

use std::ops::ControlFlow;
use std::thread;

use jiff::{SignedDuration, Timestamp};

use crate::engine::Rulebook;
use crate::report::backtest::comparison::{RuleComparison, ShadowRuns};
use crate::report::backtest::coverage::BacktestCoverage;
use crate::report::backtest::evaluation_pool::EvaluationPool;
use crate::report::backtest::event_player::{EventPlayer, PlayedEvents};
use crate::report::backtest::rule_side::RuleSide;
use crate::report::error::CommandError;
use crate::store::{History, RevisionId};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::run::{LogEntry, RunId};

/// Gates begin so many of their windows before the time that is compared.
const WARM_UP_WINDOWS: i32 = 2;
/// The longest time before, whatever the windows are.
const LONGEST_WARM_UP: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What a backtest is asked to do.
#[derive(Debug, Clone)]
pub struct BacktestScope {
    pub since: Timestamp,
    pub until: Timestamp,
    pub now: Timestamp,
    /// Names of rules; an empty list takes all.
    pub rules: Vec<String>,
    /// New and gone runs of each rule that are kept as samples.
    pub samples: usize,
    /// Threads that evaluate events.
    pub threads: usize,
}

impl BacktestScope {
    /// Whether the runs of a rule for an event of this time are compared.
    pub fn compares(&self, received: Timestamp, rule: &str) -> bool {
        let is_selected = self.rules.is_empty() || self.rules.iter().any(|name| name == rule);
        received >= self.since && is_selected
    }
}

/// What the rules are compared with.
#[derive(Debug, Clone, Copy)]
pub enum BacktestBase<'b> {
    /// The runs that exist.
    WhatRan,
    /// Other rules, over the same events.
    Rules(&'b Rulebook),
}

/// How far a backtest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacktestProgress {
    /// Events that were read.
    pub events: u64,
    /// When the last of them was received.
    pub at: Timestamp,
}

/// The result of a backtest.
#[derive(Debug)]
pub struct BacktestResult {
    pub scope: BacktestScope,
    /// Rules with runs on one of the sides, or with events of which nothing is known, by name.
    pub rules: Vec<RuleComparison>,
    pub coverage: BacktestCoverage,
    /// The revisions that evaluated the events, the earliest first.
    pub in_force: Vec<RevisionInForceThen>,
    /// From when on gates counted.
    pub gates_since: Timestamp,
    /// Why it ended before its last event.
    pub stopped: Option<StopReason>,
}

/// A revision that evaluated events of the time.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionInForceThen {
    pub id: RevisionId,
    pub events: u64,
    /// When its first and its last event of the time were received.
    pub first: Timestamp,
    pub last: Timestamp,
}

/// Why a backtest ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A person cancelled it.
    Cancelled,
    /// It reached its limit of events or time.
    Limit,
}

/// Asked after each page; may end the backtest.
pub type OnProgress<'p> = &'p mut dyn FnMut(BacktestProgress) -> ControlFlow<StopReason>;

/// Executes a backtest of the rules of a rulebook.
pub fn execute(
    history: &dyn History,
    book: &Rulebook,
    base: BacktestBase<'_>,
    scope: BacktestScope,
    on_progress: OnProgress<'_>,
) -> Result<BacktestResult, CommandError> {
    let mut sides = vec![RuleSide::new(&book.rules)];
    if let BacktestBase::Rules(other) = base {
        sides.push(RuleSide::new(&other.rules));
    }
    let begin = warm_up(&sides, scope.since);
    let player = EventPlayer::new(history, (&sides, base), &scope, begin)?;
    let played = thread::scope(|threads| {
        let pool = EvaluationPool::start(threads, &sides, scope.threads);
        player.play(pool, on_progress)
    })?;
    let PlayedEvents {
        table,
        coverage,
        in_force,
        stopped,
    } = played;
    let mode = |name: &str| match book.rules.rule(name).map(|rule| rule.mode) {
        Some(Mode::Shadow) => ShadowRuns::Count,
        Some(Mode::Live | Mode::Disabled) | None => ShadowRuns::Ignore,
    };
    let mut rules = table.compare(scope.samples, &mode, &mut |run| is_revived(history, run))?;
    // A rule that was asked for is listed although it has no runs.
    for name in &scope.rules {
        if let Err(place) = rules.binary_search_by(|rule| rule.name.cmp(name)) {
            let without_runs = RuleComparison {
                name: name.clone(),
                ..RuleComparison::default()
            };
            rules.insert(place, without_runs);
        }
    }
    Ok(BacktestResult {
        rules,
        coverage,
        in_force,
        gates_since: begin,
        stopped,
        scope,
    })
}

/// When gates begin to count.
fn warm_up(sides: &[RuleSide<'_>], since: Timestamp) -> Timestamp {
    let rules = sides.iter().flat_map(RuleSide::simulated_rules);
    let windows = rules.flat_map(|rule| {
        let gates = rule.gates.iter();
        let gates = gates.map(|gate| gate.window.after(since).duration_since(since));
        let guard = rule.guard.iter();
        let guard = guard.filter_map(|guard| SignedDuration::try_from(guard.limits.within).ok());
        gates.chain(guard)
    });
    let longest = windows.max().unwrap_or_default();
    let before = longest.saturating_mul(WARM_UP_WINDOWS).min(LONGEST_WARM_UP);
    since.checked_sub(before).unwrap_or(Timestamp::MIN)
}

/// Whether a person started a run that the loop guard had stopped.
fn is_revived(history: &dyn History, run: RunId) -> Result<bool, CommandError> {
    let detail = history.run(run)?;
    Ok(detail.is_some_and(|detail| {
        let mut log = detail.log.iter();
        log.any(|entry| matches!(entry, LogEntry::Revived { .. }))
    }))
}
