//! Describes what happens to a run next, and which commands are possible. What depends on a daemon is said only if one
//! was asked.

use crate::cli::daemon_state::DaemonState;
use crate::cli::render::escape::plain;
use crate::cli::render::shell;
use crate::cli::time_argument::seconds;
use crate::store::history::RunRow;
use flowtrigger_core::run::{RunId, RunState};

/// Describes what happens next, and which commands are possible.
pub fn next(row: &RunRow, blocked_by: Option<RunId>, daemon: &DaemonState) -> String {
    let RunId(id) = row.id;
    match &row.state {
        RunState::Queued => match blocked_by {
            Some(RunId(first)) => {
                format!("waits for run {first}, which is before it in its lane")
            }
            None => describe_start(daemon),
        },
        RunState::Running => match daemon {
            DaemonState::Absent => {
                "no daemon uses this data folder: the next start continues it".into()
            }
            DaemonState::Ready | DaemonState::NotReady(_) => {
                "the daemon executes it; after a crash the next start continues it".into()
            }
            DaemonState::Unknown(_) => {
                "a daemon executes it, if one runs; the next start continues it otherwise".into()
            }
        },
        RunState::Retrying { until } | RunState::Limited { until, .. } => format!(
            "next attempt at {}{}; `flowtrigger runs cancel {id}` cancels it",
            seconds(*until),
            condition(daemon)
        ),
        RunState::Waiting { until } => format!(
            "continues at {}{} and blocks no other run until then; `flowtrigger runs cancel {id}` cancels it",
            seconds(*until),
            condition(daemon)
        ),
        RunState::Debouncing { until } => format!(
            "starts at {}{} if no other event arrives before; `flowtrigger runs cancel {id}` cancels it",
            seconds(*until),
            condition(daemon)
        ),
        RunState::Done => "nothing".into(),
        RunState::Skipped { .. } => format!(
            "nothing; if the guard is wrong, correct the rule and write `flowtrigger runs replay {id}`"
        ),
        RunState::Shadow => format!(
            "nothing: its rule is in shadow mode; set `mode: live`, then `flowtrigger runs replay {id}` acts"
        ),
        RunState::Suppressed { .. } => {
            format!("nothing; `flowtrigger runs replay {id}` runs it without gates")
        }
        RunState::Held { .. } => format!(
            "nothing until you decide: `flowtrigger runs retry {id}` continues it, `flowtrigger runs cancel {id}` cancels it"
        ),
        RunState::Dead { .. } => format!(
            "nothing; after the cause is fixed, `flowtrigger runs retry {id}` continues where it stopped, `flowtrigger runs replay {id}` starts again with the current rules; `{}` makes a test of its event",
            shell::why(
                &row.event,
                &format!("--rule {} --as-test", shell::argument(&row.rule))
            )
        ),
        RunState::Cancelled => format!("nothing; `flowtrigger runs retry {id}` continues it"),
    }
}

/// When a queued run starts.
fn describe_start(daemon: &DaemonState) -> String {
    match daemon {
        DaemonState::Ready => "it starts when the limits of the daemon allow it".into(),
        DaemonState::NotReady(reason) => format!("it waits: {}", plain(reason)),
        DaemonState::Absent => {
            "it waits: no daemon uses this data folder; the next start executes it".into()
        }
        DaemonState::Unknown(why) => format!(
            "it starts when a daemon runs and its limits allow it; the daemon could not be asked: {}",
            plain(why)
        ),
    }
}

/// What else a due time depends on.
fn condition(daemon: &DaemonState) -> &'static str {
    match daemon {
        DaemonState::Ready => "",
        DaemonState::NotReady(_) => " (if the daemon can write its data by then)",
        DaemonState::Absent | DaemonState::Unknown(_) => " (if a daemon runs by then)",
    }
}
