//! Dead and held runs in short, for grouping them by their cause.

use jiff::Timestamp;

use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::SentTo;

/// The newest runs that need a person.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailedRuns {
    /// The newest first.
    pub runs: Vec<FailedRun>,
    /// Whether there are older ones.
    pub is_cut: bool,
}

/// A dead or held run.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedRun {
    pub id: RunId,
    pub rule: String,
    pub state: FailedState,
    /// Why it is in this state.
    pub why: String,
    /// The message of its last failed attempt.
    pub error: Option<String>,
    /// When it died or was held.
    pub since: Timestamp,
    /// What its last attempt with a stored exchange sent; `None` if that was a command, or if not its step failed.
    pub sent_to: Option<SentTo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailedState {
    Dead,
    Held,
}

impl FailedState {
    pub const ALL: [Self; 2] = [Self::Dead, Self::Held];

    pub fn as_str(self) -> &'static str {
        match self {
            FailedState::Dead => "dead",
            FailedState::Held => "held",
        }
    }
}
