//! The inbox of a run: what decides its `wait_for` steps, each once. The claim of the run copies it into the log, so that only
//! the owner of a claim writes there.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use crate::store::StoreError;
use crate::store::sqlite::codec::load_error::RowLoadError;
use crate::store::sqlite::codec::log_entry::log_row;
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// How long a wait continues at most that ended while no event was received.
const MAX_GRACE_AFTER_START: SignedDuration = SignedDuration::from_mins(1);

/// What decides a step of a run.
#[derive(Debug, Clone, Copy)]
pub struct StepDecision<'a> {
    pub run: RunId,
    /// The entry that the log gets: `Arrived`, `Answered` or `Expired`.
    pub entry: &'a LogEntry,
    /// The event that came.
    pub event: Option<i64>,
}

impl WriteTransaction<'_> {
    /// Decides a step, unless it is decided: then nothing changes, and the answer is false. The run is queued if it waits at
    /// the step.
    pub fn decide_step(
        &mut self,
        decision: &StepDecision<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (Some(row), run) = (log_row(decision.entry), decision.run) else {
            return Ok(false);
        };
        let step = row.step.unwrap_or_default();
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO inbox (run, step, kind, number, at, detail, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                run.0 as i64,
                step,
                row.kind,
                row.number,
                row.at,
                row.detail,
                decision.event
            ])?;
        if inserted == 0 {
            return Ok(false);
        }
        self.close_step(decision, &step, now)?;
        if self.awaited_step(run)?.as_deref() == Some(step.as_str()) {
            self.transition(run, &RunState::Queued, now)?;
        }
        Ok(true)
    }

    /// The step at which a run waits for an event or an answer.
    fn awaited_step(&self, run: RunId) -> Result<Option<String>, StoreError> {
        Ok(match self.run_state(run) {
            Ok(RunState::Awaiting { step, .. }) => Some(step),
            Ok(_) | Err(StoreError::UnknownRun(_)) => None,
            Err(error) => return Err(error),
        })
    }

    /// Decides that nothing came for the step at which a run waits, and queues the run. False if it waits at none, or if the
    /// step is decided. A wait that ended while no event was received, before `since`, continues for the grace: senders send
    /// again what they could not deliver.
    pub fn expire(
        &mut self,
        run: RunId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let step = match self.run_state(run) {
            Ok(RunState::Awaiting { step, .. }) => step,
            Ok(_) | Err(StoreError::UnknownRun(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if let Some(until) = self
            .end_after_start(run, &step, since)?
            .filter(|until| now < *until)
        {
            self.transition(run, &RunState::Awaiting { step, until }, now)?;
            return Ok(true);
        }
        let entry = LogEntry::Expired { step, at: now };
        let decision = StepDecision {
            run,
            entry: &entry,
            event: None,
        };
        self.decide_step(&decision, now)
    }

    /// The end of the grace of a wait for events that ended before `since`. `None` for any other wait.
    fn end_after_start(
        &mut self,
        run: RunId,
        step: &str,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT max(deadline), max(rule) FROM waiters WHERE run = ?1 AND step = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (deadline, rule): (Option<i64>, Option<i64>) = statement
            .query_row(params![run.0 as i64, step], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        drop(statement);
        let (Some(deadline), Some(rule)) = (deadline.map(time), rule) else {
            return Ok(None);
        };
        if deadline >= since {
            return Ok(None);
        }
        let rule = match self.rule(rule) {
            Ok(rule) => rule,
            Err(RowLoadError::Unavailable(error)) => return Err(error.into()),
            // The run is held when it is claimed, with this reason.
            Err(RowLoadError::Corrupt(_)) => return Ok(None),
        };
        let waits = rule.flow.waits_for();
        let wait = waits.iter().find(|wait| wait.step_path == step);
        let grace = wait.and_then(|wait| SignedDuration::try_from(wait.wait.grace).ok());
        let grace = grace.unwrap_or_default().min(MAX_GRACE_AFTER_START);
        Ok(since.checked_add(grace).ok())
    }

    /// Whether something decides a step that the log of the run does not have.
    pub fn has_unlogged(&self, run: RunId, step: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM inbox WHERE run = ?1 AND step = ?2 AND logged = 0";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.exists(params![run.0 as i64, step])?)
    }

    /// Copies what is in the inbox of a run into its log, in the order in which it came.
    pub fn log_inbox(&self, run: i64) -> Result<(), StoreError> {
        let steps: Vec<String> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT step FROM inbox WHERE run = ?1 AND logged = 0 ORDER BY at, step",
            )?;
            let steps = statement.query_map([run], |row| row.get(0))?;
            steps.collect::<Result<_, _>>()?
        };
        for step in steps {
            self.connection
                .prepare_cached(
                    "INSERT INTO log_entries (run, number, kind, step, attempt, at, detail)
                     SELECT run, (SELECT coalesce(max(number), 0) + 1 FROM log_entries WHERE run = ?1),
                         kind, step, number, at, detail
                     FROM inbox WHERE run = ?1 AND step = ?2",
                )?
                .execute(params![run, step])?;
            self.connection
                .prepare_cached("UPDATE inbox SET logged = 1 WHERE run = ?1 AND step = ?2")?
                .execute(params![run, step])?;
        }
        Ok(())
    }

    /// Ends the comparison of events with a decided step. After an end of the wait, events are compared for some time, to
    /// report those that come too late.
    fn close_step(
        &mut self,
        decision: &StepDecision<'_>,
        step: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let keeps_value = matches!(decision.entry, LogEntry::Expired { .. });
        let closed = self
            .connection
            .prepare_cached(
                "UPDATE waiters SET closed = ?3, value = CASE WHEN ?4 THEN value END
                 WHERE run = ?1 AND step = ?2 AND closed IS NULL",
            )?
            .execute(params![
                decision.run.0 as i64,
                step,
                micros(now),
                keeps_value
            ])?;
        self.count_waiters(-(closed as i64))
    }
}
