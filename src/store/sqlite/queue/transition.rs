//! Changes a run's state and everything that depends on it in one transaction: lane, debounce window, gate
//! admissions, notice by `on_dead`, redaction. Which run is claimed next is decided in `claim`.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::store::sqlite::codec::micros;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{Advance, RunStatus, StoreError};
use flowtrigger_core::run::{LogEntry, RunId, RunState, STATES};

/// What a transition needs to know of a run.
struct RunPosition {
    queue: i64,
    lane: Option<String>,
    state: String,
    /// Behind another run of its lane.
    blocked: bool,
    suspect: bool,
}

impl WriteTransaction<'_> {
    /// Appends to the log and changes the state, if the claim is current. A run that is over stays as it is.
    pub fn advance(&mut self, advance: &Advance, now: Timestamp) -> Result<(), StoreError> {
        let run = advance.run;
        let position = self.position(run)?;
        if let Some(claim) = advance.claim {
            self.state.claims.check(run, claim)?;
        }
        if is_over(&position.state) {
            return Ok(());
        }
        self.append_log(run, &advance.entries)?;
        self.set_deadlines(run, &advance.entries)?;
        match &advance.state {
            // What the run waits for came before.
            Some(RunState::Awaiting { step, .. }) if self.has_unlogged(run, step)? => {
                self.transition_from(&position, run, &RunState::Queued, now)
            }
            Some(state) => self.transition_from(&position, run, state, now),
            None => Ok(()),
        }
    }

    fn position(&self, run: RunId) -> Result<RunPosition, StoreError> {
        self.connection
            .prepare_cached("SELECT queue, lane, state, ready, suspect FROM runs WHERE id = ?1")?
            .query_row([run.0 as i64], |row| {
                Ok(RunPosition {
                    queue: row.get(0)?,
                    lane: row.get(1)?,
                    state: row.get(2)?,
                    blocked: row.get::<_, Option<i64>>(3)? == Some(0),
                    suspect: row.get(4)?,
                })
            })
            .optional()?
            .ok_or(StoreError::UnknownRun(run.0))
    }

    pub fn transition(
        &mut self,
        run: RunId,
        to: &RunState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let position = self.position(run)?;
        self.transition_from(&position, run, to, now)
    }

    fn transition_from(
        &mut self,
        position: &RunPosition,
        run: RunId,
        to: &RunState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = run.0 as i64;
        let from = known_state(&position.state);
        // A run that holds its lane is ready at once; any other is enqueued below.
        let ready = (*to == RunState::Queued && holds_lane(from)).then_some(1);
        self.connection
            .prepare_cached(
                "UPDATE runs SET state = ?2, why = ?3, gate = ?4, ready = ?5, due = ?6, changed = ?7,
                                 suspect = 0
                 WHERE id = ?1",
            )?
            .execute(params![
                id,
                to.as_str(),
                to.why(),
                to.gate().or(to.parked_on()).or(to.awaited()),
                ready,
                to.due().map(micros),
                micros(now)
            ])?;
        self.state.suspects -= i64::from(position.suspect);
        self.state
            .count_transition(position.queue, Some(from), to.as_str());
        self.state.claims.end(run);
        let lane = position.lane.as_deref();
        match (holds_lane(from), to.holds_lane()) {
            (true, false) if !position.blocked => self.release_lane(id, position.queue, lane)?,
            (false, true) => self.enqueue(id, position.queue, lane)?,
            (true, _) | (false, false) => {}
        }
        if from == "debouncing" {
            self.close_window(id)?;
        }
        if matches!(to, RunState::Dead { .. }) {
            self.report_dead(run, now)?;
        }
        if to.gives_back() {
            self.release_dedupe(id)?;
        }
        self.close_waiters(run, to, now)?;
        self.note_untraced(run, to, now)?;
        self.redact_after(run, to)
    }

    /// Queues a dead, held or cancelled run again, last in its lane.
    pub fn retry(&mut self, run: RunId, now: Timestamp) -> Result<RunStatus, StoreError> {
        let state = self.run_state(run)?;
        if !state.can_revive() {
            return Err(StoreError::cannot_retry(run, &state));
        }
        self.check_not_redacted(run)?;
        let position = self.position(run)?;
        self.append_log(run, &[LogEntry::Revived { at: now }])?;
        let last = self.state.next_position()?;
        self.connection.execute(
            "UPDATE runs SET state = 'queued', why = NULL, position = ?2, changed = ?3, crashes = 0
             WHERE id = ?1",
            params![run.0 as i64, last, micros(now)],
        )?;
        let from = known_state(&position.state);
        self.state
            .count_transition(position.queue, Some(from), "queued");
        self.enqueue(run.0 as i64, position.queue, position.lane.as_deref())?;
        self.reopen_waiters(run)?;
        self.status(run)
    }

    /// Cancels a run that is unfinished or held.
    pub fn cancel(&mut self, run: RunId, now: Timestamp) -> Result<RunStatus, StoreError> {
        let state = self.run_state(run)?;
        if !state.can_cancel() {
            return Err(StoreError::cannot_cancel(run, &state));
        }
        self.transition(run, &RunState::Cancelled, now)?;
        self.status(run)
    }
}

/// Whether a run in this state holds its lane, and counts for the backlog.
pub fn holds_lane(state: &str) -> bool {
    matches!(state, "queued" | "running" | "retrying")
}

fn is_over(state: &str) -> bool {
    !holds_lane(state) && !matches!(state, "waiting" | "debouncing")
}

/// The same name with a static lifetime.
pub fn known_state(state: &str) -> &'static str {
    let known = STATES.iter().find(|known| **known == state);
    known.copied().unwrap_or("cancelled")
}
