//! A command that was given to a run, to a stored event, or to what can be suspended, as it is logged.

use jiff::Timestamp;

use super::history::EventRowId;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::Commander;
use flowtrigger_core::suspension::SuspensionTarget;

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
    /// A question of the run was answered without its link.
    Answer,
    Pause,
    Resume,
}

/// What a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandTarget {
    Run(RunId),
    Event(EventRowId),
    /// What was paused, or continues.
    Suspension(SuspensionTarget),
}

impl CommandKind {
    pub const ALL: [Self; 6] = [
        Self::Retry,
        Self::Replay,
        Self::Cancel,
        Self::Answer,
        Self::Pause,
        Self::Resume,
    ];
    /// The commands to runs.
    pub const OF_RUNS: [Self; 4] = [Self::Retry, Self::Replay, Self::Cancel, Self::Answer];

    pub fn as_str(self) -> &'static str {
        match self {
            CommandKind::Retry => "retry",
            CommandKind::Replay => "replay",
            CommandKind::Cancel => "cancel",
            CommandKind::Answer => "answer",
            CommandKind::Pause => "pause",
            CommandKind::Resume => "resume",
        }
    }
}
