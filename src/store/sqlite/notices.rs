//! Queues the runs of `on_dead` and `on_outage`, at once or as a summary, and notes which run reported a dead one.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::codec::{self, duration_micros, micros, time};
use super::commit::NewRun;
use super::transaction::WriteTransaction;
use crate::store::notice::{
    self, NoticeCause, NoticePlacement, NoticeWindow, OutageNotice, SummaryRun,
};
use crate::store::{RunRecord, StoreError};
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::run::{RunId, RunState};

/// The run whose event and rule a notice has.
struct NoticeOrigin {
    event: i64,
    rule: i64,
    queue: i64,
    generation: u32,
}

impl WriteTransaction<'_> {
    /// Reports a run that has died, if its rule has an `on_dead` flow.
    pub fn report_dead(&mut self, run: RunId, now: Timestamp) -> Result<(), StoreError> {
        let Some((dead, error)) = self.death(run, now)? else {
            return Ok(());
        };
        let origin = self.origin(&dead)?;
        let why = dead.state.why().unwrap_or_default();
        let cause = NoticeCause::of_death(origin.queue, why);
        let notice = self.notify(&origin, &cause, &error, now)?;
        self.note_reported(run, notice)
    }

    /// Reports a run that the loop guard holds, if its rule has an `on_dead` flow. The guard decides how often.
    pub fn report_held(&mut self, run: RunId, now: Timestamp) -> Result<(), StoreError> {
        let Some((held, error)) = self.death(run, now)? else {
            return Ok(());
        };
        let origin = self.origin(&held)?;
        let notice = self.write_notice(&origin, &RunState::Queued, &error, now)?;
        self.note_reported(run, notice)
    }

    /// Reports a receiver that fails, with the rule and the event of the run that noticed it.
    pub fn report_outage(
        &mut self,
        run: RunId,
        outage: &OutageNotice,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let unknown = StoreError::UnknownRun(run.0);
        let noticed_by = self.record(run)?.ok_or(unknown)?;
        let Some(error) = notice::of_outage(&noticed_by, outage) else {
            return Ok(());
        };
        let origin = self.origin(&noticed_by)?;
        let cause = NoticeCause::of_outage(&outage.receiver);
        self.notify(&origin, &cause, &error, now)?;
        Ok(())
    }

    fn death(
        &mut self,
        run: RunId,
        now: Timestamp,
    ) -> Result<Option<(RunRecord, Value)>, StoreError> {
        let record = self.record(run)?;
        Ok(record.and_then(|dead| notice::of_death(&dead, now).map(|error| (dead, error))))
    }

    fn origin(&self, of: &RunRecord) -> Result<NoticeOrigin, StoreError> {
        let sql = "SELECT event, rule, queue FROM runs WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([of.id.0 as i64], |row| {
            Ok(NoticeOrigin {
                event: row.get(0)?,
                rule: row.get(1)?,
                queue: row.get(2)?,
                generation: of.generation,
            })
        })?)
    }

    /// Adds a failure to the notices of its cause; returns the run that reports it.
    fn notify(
        &mut self,
        origin: &NoticeOrigin,
        cause: &NoticeCause,
        error: &Value,
        now: Timestamp,
    ) -> Result<RunId, StoreError> {
        let every = self.state.settings.limits.notice_every;
        if every.is_zero() {
            return self.write_notice(origin, &RunState::Queued, error, now);
        }
        let window = self.notice_window(cause)?;
        match notice::placement(window.as_ref(), every, now) {
            NoticePlacement::Now => {
                let run = self.write_notice(origin, &RunState::Queued, error, now)?;
                self.set_notice_window(cause, notice::end(now, every), None)?;
                Ok(run)
            }
            NoticePlacement::At(until) => {
                let waiting = RunState::Waiting { until };
                let run = self.write_notice(origin, &waiting, error, now)?;
                self.set_notice_window(cause, until, Some(run))?;
                Ok(run)
            }
            NoticePlacement::In(summary) => {
                self.join_summary(summary, error)?;
                Ok(summary)
            }
        }
    }

    fn write_notice(
        &mut self,
        origin: &NoticeOrigin,
        state: &RunState,
        error: &Value,
        now: Timestamp,
    ) -> Result<RunId, StoreError> {
        self.write_run(&NewRun {
            event: origin.event,
            rule: origin.rule,
            queue: origin.queue,
            generation: origin.generation,
            replay: None,
            lane: None,
            state,
            error: Some(error.to_string()),
            checks: None,
            lineage: Causation::default(),
            actors: None,
            writes: None,
            counterpart: None,
            now,
        })
    }

    /// The window of a cause, whether its time is over or not. The summary waits while its due time is the window's
    /// end: later, a step of its flow may wait for another time.
    fn notice_window(&self, cause: &NoticeCause) -> Result<Option<NoticeWindow>, StoreError> {
        let sql = "SELECT n.until, r.id, r.state = 'waiting' AND r.due = n.until, r.changed
            FROM notices n LEFT JOIN runs r ON r.id = n.summary WHERE n.queue = ?1 AND n.cause = ?2";
        let window = self.connection.prepare_cached(sql)?.query_row(
            params![cause.queue, cause.hash],
            |row| {
                let summary: Option<i64> = row.get(1)?;
                let summary = match summary {
                    Some(run) => Some(SummaryRun {
                        run: RunId(run as u64),
                        waits: row.get(2)?,
                        changed: time(row.get(3)?),
                    }),
                    None => None,
                };
                Ok(NoticeWindow {
                    until: time(row.get(0)?),
                    summary,
                })
            },
        );
        Ok(window.optional()?)
    }

    fn set_notice_window(
        &self,
        cause: &NoticeCause,
        until: Timestamp,
        summary: Option<RunId>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO notices (queue, cause, until, summary) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET until = excluded.until, summary = excluded.summary";
        self.connection.prepare_cached(sql)?.execute(params![
            cause.queue,
            cause.hash,
            micros(until),
            summary.map(|run| run.0 as i64)
        ])?;
        Ok(())
    }

    fn join_summary(&self, summary: RunId, next: &Value) -> Result<(), StoreError> {
        let sql = "SELECT error FROM runs WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let error: Option<String> = statement.query_row([summary.0 as i64], |row| row.get(0))?;
        let joined = notice::joined(&codec::error(error.as_deref())?, next);
        let sql = "UPDATE runs SET error = ?2 WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![summary.0 as i64, joined.to_string()])?;
        Ok(())
    }

    fn note_reported(&self, run: RunId, notice: RunId) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET reported_by = ?2 WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute([run.0 as i64, notice.0 as i64])?;
        Ok(())
    }

    /// Deletes windows that are over: the next failure of their cause is reported at once in any case.
    pub fn delete_notice_windows(&self, now: Timestamp) -> Result<(), StoreError> {
        let every = duration_micros(self.state.settings.limits.notice_every);
        self.connection
            .prepare_cached(OVER)?
            .execute([micros(now).saturating_sub(every)])?;
        Ok(())
    }
}

/// A summary that has not run yet takes further failures, however late it is.
const OVER: &str = "DELETE FROM notices WHERE until < ?1
    AND NOT EXISTS (SELECT 1 FROM runs WHERE id = summary AND state = 'waiting')";
