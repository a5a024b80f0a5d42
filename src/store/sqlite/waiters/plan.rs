//! Inserts the waiters of a run with the run itself, and compares them with the awaited events that arrived shortly before.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use super::arrival::{Arrival, Waiter};
use crate::store::awaited::{AwaitedSubject, AwaitedValue, indexed_value};
use crate::store::history::EventRowId;
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{IncomingEvent, PlannedRun, StoreError};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::run::{RunId, RunState};

/// How long before a run is planned an awaited event may have been received, if it happened after the event of the run: senders
/// deliver events out of order, but not by more than this.
pub const LOOKBACK: SignedDuration = SignedDuration::from_mins(10);

/// A run that was just inserted, with the rows that it refers to.
#[derive(Debug, Clone, Copy)]
pub struct NewWaitingRun {
    pub run: RunId,
    pub event: i64,
    pub rule: i64,
}

impl PlannedRun {
    /// How many rows its waiters take.
    pub fn count_waiters(&self) -> usize {
        let waiters = self.waiters.iter();
        let rows = waiters.map(|waiter| waiter.event_types.len());
        match self.mode {
            Mode::Live => rows.sum(),
            Mode::Shadow | Mode::Disabled => 0,
        }
    }
}

/// When an event happened; when it was received, if it does not say so, or if the clock of its sender is ahead.
pub fn happened(event: &Event, received: Timestamp) -> Timestamp {
    event.time.map_or(received, |time| time.min(received))
}

impl WriteTransaction<'_> {
    /// Inserts the waiters of a run that may execute, and compares them with recent events. `last` is the time of the last
    /// event that completed a sequence, which may have arrived before the event of the run.
    pub fn plan_waiters(
        &mut self,
        new: NewWaitingRun,
        planned: &PlannedRun,
        incoming: &IncomingEvent,
        (state, last): (&RunState, Option<Timestamp>),
    ) -> Result<(), StoreError> {
        let may_execute = matches!(
            state,
            RunState::Queued | RunState::Debouncing { .. } | RunState::Held { .. }
        );
        if planned.count_waiters() == 0 || !may_execute {
            return Ok(());
        }
        let since = happened(&incoming.event, incoming.received);
        let since = last.map_or(since, |last| since.max(last.min(incoming.received)));
        let mut values = Vec::new();
        let mut inserted = 0;
        for waiter in &planned.waiters {
            let value = indexed_value(&waiter.value);
            for subject in AwaitedSubject::of_waiter(waiter) {
                let subject = self.subject(&subject)?;
                inserted += self
                    .connection
                    .prepare_cached(
                        "INSERT OR IGNORE INTO waiters (run, step, number, subject, value, rule, since)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        new.run.0 as i64,
                        waiter.step,
                        waiter.number,
                        subject,
                        value,
                        new.rule,
                        micros(since)
                    ])?;
                let value = value.clone();
                values.push(AwaitedValue { subject, value });
            }
        }
        self.count_waiters(inserted as i64)?;
        values.sort_unstable();
        values.dedup();
        self.look_back(new, &values, since, incoming.received)
    }

    /// Compares the waiters of a run with the events that were received within [`LOOKBACK`], in the order of their receipt.
    fn look_back(
        &mut self,
        new: NewWaitingRun,
        values: &[AwaitedValue],
        since: Timestamp,
        received: Timestamp,
    ) -> Result<(), StoreError> {
        let mut recent: Vec<(i64, i64, i64)> = Vec::new();
        for AwaitedValue { subject, value } in values {
            let mut statement = self.connection.prepare_cached(
                "SELECT at, event, time FROM recent_events
                 WHERE subject = ?1 AND value = ?2 AND event <> ?3 AND time >= ?4 AND at >= ?5",
            )?;
            let earliest = micros(received - LOOKBACK);
            let found = statement.query_map(
                params![subject, value, new.event, micros(since), earliest],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            for row in found {
                recent.push(row?);
            }
        }
        recent.sort_unstable();
        recent.dedup();
        for (at, row, happened) in recent {
            let Some(event) = self.stored_event(EventRowId(row))? else {
                continue;
            };
            let arrival = Arrival {
                event: &event,
                row,
                happened: time(happened),
                at: time(at),
            };
            for waiter in self.waiters_of_run(new.run, &arrival)? {
                self.compare(&waiter, &arrival)?;
            }
        }
        Ok(())
    }

    /// The waiters of a run whose subject and value an event has, in the order of its steps' events.
    fn waiters_of_run(&self, run: RunId, arrival: &Arrival<'_>) -> Result<Vec<Waiter>, StoreError> {
        let values = self.state.awaited.load().values_of(arrival.event);
        let waiters = self.waiters_for(&values)?.into_iter();
        Ok(waiters.filter(|waiter| waiter.run == run).collect())
    }

    /// Remembers an awaited event, for runs that are planned later.
    pub fn remember_event(
        &self,
        values: &[AwaitedValue],
        arrival: &Arrival<'_>,
    ) -> Result<(), StoreError> {
        for AwaitedValue { subject, value } in values {
            self.connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO recent_events (subject, value, event, time, at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    subject,
                    value,
                    arrival.row,
                    micros(arrival.happened),
                    micros(arrival.at)
                ])?;
        }
        Ok(())
    }
}
