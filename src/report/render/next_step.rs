//! Describes what happens to a run next, and which commands are possible. What depends on a daemon is said only if one
//! was asked.

use crate::report::daemon_state::DaemonState;
use crate::report::render::escape::plain;
use crate::report::render::suggested_command;
use crate::report::time_argument::seconds;
use crate::store::history::RunRow;
use flowtrigger_core::rule::shadow_version::compared_rule;
use flowtrigger_core::run::{RunId, RunState};

/// Describes what happens next, and which commands are possible.
pub fn next(row: &RunRow, blocked_by: Option<RunId>, daemon: &DaemonState) -> String {
    let outlook = outlook(row, blocked_by, daemon);
    match commands(row) {
        Some(commands) => format!("{outlook}{commands}"),
        None => outlook,
    }
}

/// Describes what happens next if no command is given.
pub fn outlook(row: &RunRow, blocked_by: Option<RunId>, daemon: &DaemonState) -> String {
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
            DaemonState::Ready => {
                "the daemon executes it; after a crash the next start continues it".into()
            }
            DaemonState::NotReady(reason) => format!(
                "the daemon executes it, but no step follows until its results are on disk: {}",
                plain(reason)
            ),
            DaemonState::Unknown(_) => {
                "a daemon executes it, if one runs; the next start continues it otherwise".into()
            }
        },
        RunState::Retrying { until } | RunState::Limited { until, .. } => {
            format!("next attempt at {}{}", seconds(*until), condition(daemon))
        }
        RunState::Parked { .. } => format!(
            "continues when that has ended{}; `flowtrigger status` shows what is paused or down",
            condition(daemon)
        ),
        RunState::Waiting { until } => format!(
            "continues at {}{} and blocks no other run until then",
            seconds(*until),
            condition(daemon)
        ),
        RunState::Awaiting { step, until } => format!(
            "waits in `{step}` and continues at the latest at {}{}, and blocks no other run until then",
            seconds(*until),
            condition(daemon)
        ),
        RunState::Debouncing { until } => format!(
            "starts at {}{} if no other event arrives before",
            seconds(*until),
            condition(daemon)
        ),
        RunState::Shadow => "nothing: its rule is in shadow mode".into(),
        RunState::Held { .. } => "nothing until you decide".into(),
        RunState::Done
        | RunState::Skipped { .. }
        | RunState::Suppressed { .. }
        | RunState::Dead { .. }
        | RunState::Cancelled => "nothing".into(),
    }
}

/// The commands that are possible, after what happens without them.
fn commands(row: &RunRow) -> Option<String> {
    let RunId(id) = row.id;
    match &row.state {
        RunState::Queued | RunState::Running | RunState::Done => None,
        RunState::Retrying { .. }
        | RunState::Limited { .. }
        | RunState::Parked { .. }
        | RunState::Waiting { .. }
        | RunState::Awaiting { .. }
        | RunState::Debouncing { .. } => {
            Some(format!("; `flowtrigger runs cancel {id}` cancels it"))
        }
        RunState::Skipped { .. } => Some(format!(
            "; if the guard is wrong, correct the rule and write `flowtrigger runs replay {id}`"
        )),
        RunState::Shadow => Some(match compared_rule(&row.rule) {
            Some(rule) => format!(
                "; once the change is in `{}`, `flowtrigger runs replay {id} --every-rule` starts a run of that rule",
                plain(rule)
            ),
            None => format!("; set `mode: live`, then `flowtrigger runs replay {id}` acts"),
        }),
        RunState::Suppressed { .. } => Some(format!(
            "; `flowtrigger runs replay {id}` runs it without gates"
        )),
        RunState::Held { .. } => Some(format!(
            ": `flowtrigger runs retry {id}` continues it, `flowtrigger runs cancel {id}` cancels it"
        )),
        RunState::Dead { .. } => Some(format!(
            "; after the cause is fixed, `flowtrigger runs retry {id}` continues where it stopped, `flowtrigger runs replay {id}` starts again with the current rules; `{}` makes a test of its event",
            suggested_command::why(
                &row.event,
                &format!(
                    "--rule {} --as-test",
                    suggested_command::argument(&row.rule)
                )
            )
        )),
        RunState::Cancelled => Some(format!("; `flowtrigger runs retry {id}` continues it")),
    }
}

/// Why unfinished runs do not continue now; `None` if the daemon can work, or none was asked.
pub fn obstacle(daemon: &DaemonState) -> Option<&str> {
    match daemon {
        DaemonState::NotReady(reason) => Some(reason),
        DaemonState::Ready | DaemonState::Absent | DaemonState::Unknown(_) => None,
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::history::EventRowId;
    use flowtrigger_core::loop_guard::Causation;

    fn row(state: RunState) -> RunRow {
        RunRow {
            id: RunId(7),
            rule: "page".into(),
            state,
            planned: Timestamp::UNIX_EPOCH,
            changed: Timestamp::UNIX_EPOCH,
            source: "support".into(),
            endpoint: "support".into(),
            event_type: "ticket.TicketCreated".into(),
            event: "e".into(),
            event_row: EventRowId(1),
            key: None,
            attempts: 0,
            error: None,
            tells_of: None,
            reports: Default::default(),
            counterpart: None,
            counterpart_gate: None,
            told_by: None,
            replay: None,
            lineage: Causation::default(),
        }
    }

    fn full() -> DaemonState {
        DaemonState::NotReady("the disk is full".into())
    }

    fn silent() -> DaemonState {
        DaemonState::Unknown("no answer".into())
    }

    /// Each row: the state, the run before it, the daemon, and what is claimed about them.
    #[test]
    fn every_sentence_claims_only_what_is_known() {
        use DaemonState::{Absent, Ready};
        use RunState::{Queued, Running};
        let until = Timestamp::UNIX_EPOCH;
        let why = String::new();
        for (state, before, daemon, sentence) in [
            (
                Queued,
                Some(RunId(3)),
                Ready,
                "waits for run 3, which is before it in its lane",
            ),
            (
                Queued,
                None,
                Ready,
                "it starts when the limits of the daemon allow it",
            ),
            (Queued, None, full(), "it waits: the disk is full"),
            (
                Queued,
                None,
                Absent,
                "it waits: no daemon uses this data folder; the next start executes it",
            ),
            (
                Queued,
                None,
                silent(),
                "it starts when a daemon runs and its limits allow it; the daemon could not be asked: no answer",
            ),
            (
                Running,
                None,
                Ready,
                "the daemon executes it; after a crash the next start continues it",
            ),
            (
                Running,
                None,
                full(),
                "the daemon executes it, but no step follows until its results are on disk: the disk is full",
            ),
            (
                Running,
                None,
                Absent,
                "no daemon uses this data folder: the next start continues it",
            ),
            (
                Running,
                None,
                silent(),
                "a daemon executes it, if one runs; the next start continues it otherwise",
            ),
            (
                RunState::Retrying { until },
                None,
                full(),
                "next attempt at 1970-01-01T00:00:00Z (if the daemon can write its data by then); `flowtrigger runs cancel 7` cancels it",
            ),
            (
                RunState::Waiting { until },
                None,
                Absent,
                "continues at 1970-01-01T00:00:00Z (if a daemon runs by then) and blocks no other run until then; `flowtrigger runs cancel 7` cancels it",
            ),
            (
                RunState::Debouncing { until },
                None,
                Ready,
                "starts at 1970-01-01T00:00:00Z if no other event arrives before; `flowtrigger runs cancel 7` cancels it",
            ),
            // What has ended depends on no daemon.
            (RunState::Done, None, full(), "nothing"),
            (
                RunState::Skipped { why: why.clone() },
                None,
                full(),
                "nothing; if the guard is wrong, correct the rule and write `flowtrigger runs replay 7`",
            ),
            (
                RunState::Cancelled,
                None,
                silent(),
                "nothing; `flowtrigger runs retry 7` continues it",
            ),
            (
                RunState::Held { why },
                None,
                Absent,
                "nothing until you decide: `flowtrigger runs retry 7` continues it, `flowtrigger runs cancel 7` cancels it",
            ),
        ] {
            let row = row(state);
            assert_eq!(
                next(&row, before, &daemon),
                sentence,
                "{:?} {daemon:?}",
                row.state
            );
        }
    }

    #[test]
    fn only_a_daemon_that_says_so_has_an_obstacle() {
        assert_eq!(obstacle(&full()), Some("the disk is full"));
        for daemon in [DaemonState::Ready, DaemonState::Absent, silent()] {
            assert_eq!(obstacle(&daemon), None);
        }
    }
}
