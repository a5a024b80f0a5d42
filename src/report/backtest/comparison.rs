//! Compares what became of each event at each rule before and after, and counts the differences of each rule.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::report::backtest::outcome::MatchOutcome;
use crate::store::history::EventRowId;
use flowtrigger_core::run::RunId;

/// What an outcome is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComparedSide {
    /// What ran, or the rules that are compared with.
    Before,
    /// The rules of the backtest.
    After,
}

/// Whether an outcome can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    Known(MatchOutcome),
    /// The rule reads a redacted field.
    Redacted,
    /// Retention deleted the runs of the event.
    RunsDeleted,
}

/// What became of one event at one rule on one side.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeRecord {
    pub rule: u32,
    pub row: EventRowId,
    pub received: Timestamp,
    pub side: ComparedSide,
    pub knowledge: Knowledge,
    /// The run that exists.
    pub run: Option<RunId>,
}

/// One event at one rule, on both sides.
#[derive(Debug, Clone, Copy)]
pub struct EventComparison {
    pub row: EventRowId,
    pub received: Timestamp,
    pub before: MatchOutcome,
    pub after: MatchOutcome,
    /// The run that exists.
    pub run: Option<RunId>,
}

/// The runs of one rule on both sides.
#[derive(Debug, Clone, Default)]
pub struct RuleComparison {
    pub name: String,
    pub before: u64,
    pub after: u64,
    pub new: u64,
    pub gone: u64,
    pub same: u64,
    /// Matches that gates stopped, by gate.
    pub kept_back: BTreeMap<&'static str, u64>,
    pub kept_back_before: BTreeMap<&'static str, u64>,
    /// Events of which nothing is claimed, because the rule reads a redacted field.
    pub redacted: u64,
    /// Events of which nothing is claimed, because their runs were deleted.
    pub runs_deleted: u64,
    /// The newest new and gone runs, the newest first.
    pub new_events: Vec<EventComparison>,
    pub gone_events: Vec<EventComparison>,
}

/// Whether a run of a rule in shadow counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShadowRuns {
    /// The rule of the backtest is in shadow: what would run is compared.
    Count,
    Ignore,
}

impl EventComparison {
    /// Both sides of one event at one rule; why they cannot be compared if one of them is unknown.
    pub fn of(records: impl Iterator<Item = OutcomeRecord>) -> Result<Self, Knowledge> {
        let mut both = Self {
            row: EventRowId(0),
            received: Timestamp::UNIX_EPOCH,
            before: MatchOutcome::NoMatch,
            after: MatchOutcome::NoMatch,
            run: None,
        };
        for (number, record) in records.enumerate() {
            if number == 0 {
                (both.row, both.received) = (record.row, record.received);
            }
            let outcome = match record.knowledge {
                Knowledge::Known(outcome) => outcome,
                unknown @ (Knowledge::Redacted | Knowledge::RunsDeleted) => return Err(unknown),
            };
            match record.side {
                ComparedSide::Before => both.before = outcome,
                ComparedSide::After => both.after = outcome,
            }
            both.run = both.run.or(record.run);
        }
        Ok(both)
    }
}

impl RuleComparison {
    /// Counts an event. Of the new and gone ones, only those are kept that may be samples.
    pub fn count(&mut self, event: EventComparison, shadow: ShadowRuns, samples: usize) {
        if let Some(gate) = event.before.gate() {
            *self.kept_back_before.entry(gate).or_default() += 1;
        }
        if let Some(gate) = event.after.gate() {
            *self.kept_back.entry(gate).or_default() += 1;
        }
        let is_run = |outcome| match outcome {
            MatchOutcome::Run => true,
            MatchOutcome::ShadowRun => shadow == ShadowRuns::Count,
            MatchOutcome::NoMatch | MatchOutcome::KeptBack(_) => false,
        };
        let (before, after) = (is_run(event.before), is_run(event.after));
        self.before += u64::from(before);
        self.after += u64::from(after);
        match (before, after) {
            (true, true) => self.same += 1,
            (true, false) => {
                self.gone += 1;
                keep(&mut self.gone_events, event, samples);
            }
            (false, true) => {
                self.new += 1;
                keep(&mut self.new_events, event, samples);
            }
            (false, false) => {}
        }
    }

    /// Leaves the newest samples, the newest first.
    pub fn sort_samples(&mut self, samples: usize) {
        newest(&mut self.new_events, samples);
        newest(&mut self.gone_events, samples);
    }

    /// Whether the runs are other ones than before.
    pub fn has_changed(&self) -> bool {
        self.new + self.gone > 0
    }

    /// Matches that gates stopped.
    pub fn all_kept_back(&self) -> u64 {
        self.kept_back.values().sum()
    }

    pub fn all_kept_back_before(&self) -> u64 {
        self.kept_back_before.values().sum()
    }
}

/// Keeps an event if it may be one of the newest.
fn keep(events: &mut Vec<EventComparison>, event: EventComparison, samples: usize) {
    events.push(event);
    if events.len() > samples.saturating_mul(2).max(1_000) {
        newest(events, samples);
    }
}

fn newest(events: &mut Vec<EventComparison>, samples: usize) {
    events.sort_by_key(|event| Reverse((event.received, event.row)));
    events.truncate(samples);
}
