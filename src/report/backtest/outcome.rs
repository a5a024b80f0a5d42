//! What became of one event at one rule, as a backtest counts it, and what it is of a run that exists.

use flowtrigger_core::loop_guard;
use flowtrigger_core::run::RunState;

/// The gates by their names in the states of runs.
pub const GATES: [&str; 7] = [
    "during",
    "dedupe",
    "debounce",
    "throttle",
    "count",
    "sequence",
    loop_guard::GATE,
];

/// What became of an event at a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatchOutcome {
    /// It did not match.
    #[default]
    NoMatch,
    /// A run that acts.
    Run,
    /// A run that is only recorded.
    ShadowRun,
    /// A gate or the loop guard stopped the run.
    KeptBack(&'static str),
}

impl MatchOutcome {
    /// What a state means for an event: a run that acts is one whatever became of it.
    pub fn of_state(state: &RunState) -> Self {
        if loop_guard::stopped(state).is_some() {
            return MatchOutcome::KeptBack(loop_guard::GATE);
        }
        match state {
            RunState::Suppressed { gate, .. } => {
                let known = GATES.into_iter().find(|known| known == gate);
                MatchOutcome::KeptBack(known.unwrap_or("gate"))
            }
            RunState::Shadow => MatchOutcome::ShadowRun,
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Parked { .. }
            | RunState::Waiting { .. }
            | RunState::Awaiting { .. }
            | RunState::Done
            | RunState::Skipped { .. }
            | RunState::Dead { .. }
            | RunState::Held { .. }
            | RunState::Cancelled => MatchOutcome::Run,
        }
    }

    /// The gate that stopped the run.
    pub fn gate(self) -> Option<&'static str> {
        match self {
            MatchOutcome::KeptBack(gate) => Some(gate),
            MatchOutcome::NoMatch | MatchOutcome::Run | MatchOutcome::ShadowRun => None,
        }
    }

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOutcome::NoMatch => "no_match",
            MatchOutcome::Run => "run",
            MatchOutcome::ShadowRun => "shadow",
            MatchOutcome::KeptBack(_) => "kept_back",
        }
    }
}
