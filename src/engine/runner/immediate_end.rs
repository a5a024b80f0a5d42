//! Ends runs in the transaction that claims them, if their flow makes no call and does not wait: they need no worker, no
//! permit and no transaction of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use tracing::error;

use super::worker::count_end;
use super::worker::log::log_state;
use crate::engine::state::EngineState;
use crate::engine::suspensions::Suspensions;
use crate::store::{ClaimedRun, EndAtOnce, EndedRun, Store};
use flowtrigger_core::flow::decide::{Decision, RunInput, claimed_entry, decide};
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::answer_link::AnswerLinks;

/// Decides which claimed runs end at once: nothing is suspended, the run has not begun, and its flow says so.
pub(super) fn end_at_once(suspensions: &Arc<Suspensions>) -> EndAtOnce {
    let suspensions = Arc::clone(suspensions);
    EndAtOnce::new(move |run, now| {
        let has_begun = !run.log.is_empty() || !run.error.is_null();
        if has_begun || !run.flow().ends_at_once() || !suspensions.is_empty() {
            return None;
        }
        // A worker reports the panic, and the run is marked as dead.
        catch_unwind(AssertUnwindSafe(|| immediate_end(run, now))).ok()?
    })
}

/// What the flow of a run decides without a call and without a wait.
fn immediate_end(run: &ClaimedRun, now: Timestamp) -> Option<RunState> {
    let locals = run.locals();
    let input = RunInput {
        event: &run.event,
        vars: &run.rule.vars,
        error: &run.error,
        locals: &locals,
        // Only retries use it.
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let log = [claimed_entry(run.flow(), &input, &run.log)];
    match decide(run.flow(), &input, &log, now) {
        Decision::Done { message: _ } => Some(RunState::Done),
        Decision::Skipped { why, .. } => Some(RunState::Skipped { why }),
        Decision::Perform { .. }
        | Decision::Record(_)
        | Decision::Retry { .. }
        | Decision::Wait { .. }
        | Decision::Await { .. }
        | Decision::Dead { .. }
        | Decision::Hold { .. } => None,
    }
}

/// Logs and counts the ends of runs once they are safe.
pub(super) async fn report_ends<S: Store, P>(
    shared: &EngineState<S, P>,
    ended: Vec<EndedRun>,
    claimed: Timestamp,
) {
    if let Err(error) = shared.store.sync().await {
        error!(%error, "failed to sync the ends of runs; the next commit syncs them");
    }
    for EndedRun { run, state } in &ended {
        shared.metrics.latencies().observe_queued(run, claimed);
        log_state(run, state);
        count_end(shared, run, state);
    }
}
