//! A command that was given to a run or to a stored event, as it is logged.

use jiff::Timestamp;

use super::history::EventRowId;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::Commander;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenCommand {
    pub at: Timestamp,
    pub kind: CommandKind,
    pub target: CommandTarget,
    pub by: Commander,
    /// The runs that it queued or changed, or why it was rejected.
    pub result: Result<Vec<RunId>, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    Retry,
    Replay,
    Cancel,
}

/// What a command names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandTarget {
    Run(RunId),
    Event(EventRowId),
}

impl CommandKind {
    pub const ALL: [Self; 3] = [Self::Retry, Self::Replay, Self::Cancel];

    pub fn as_str(self) -> &'static str {
        match self {
            CommandKind::Retry => "retry",
            CommandKind::Replay => "replay",
            CommandKind::Cancel => "cancel",
        }
    }
}
