//! Says what ended a wait of a run, and whether it has ended.

use super::timeline::TimeSpan;
use flowtrigger_core::run::{LogEntry, RunState};

/// Whether the run still waits at this step.
pub fn is_waiting(state: &RunState, step: &str, span: TimeSpan) -> bool {
    *state == RunState::Waiting { until: span.to } || state.awaited() == Some(step)
}

/// What decided a `wait_for`.
pub fn decided(entry: &LogEntry) -> String {
    match entry {
        LogEntry::Arrived { number, event, .. } => {
            let of = |key: &str| event["event"][key].as_str().unwrap_or_default().to_owned();
            format!(
                "event {number} of the step came: {} {}",
                of("type"),
                of("id")
            )
        }
        LogEntry::Answered { answer, .. } => format!("answered: {answer}"),
        LogEntry::Expired { .. }
        | LogEntry::Started { .. }
        | LogEntry::Attempt(_)
        | LogEntry::Waiting { .. }
        | LogEntry::Caught { .. }
        | LogEntry::Revived { .. }
        | LogEntry::Claimed { .. } => "nothing came in time".to_owned(),
    }
}
