//! Events that a `count` or a `sequence` keeps: read before the decision, and written with the run of the event.
//! What an event completes is decided by the gate.

use jiff::Timestamp;
use rusqlite::params;

use crate::store::StoreError;
use crate::store::sql::{self, SqlDatabase};
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::gates::window::WindowMember;
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::gate::GateCheck;
use flowtrigger_core::gate::debounce::{MAX_WINDOW_BYTES, MAX_WINDOW_EVENTS};
use flowtrigger_core::gate::series::check::SeriesCheck;
use flowtrigger_core::gate::series::{ArrivalOutcome, SeriesArrival, SeriesEvent, SeriesState};
use flowtrigger_core::run::{RunId, RunState};

/// An event at its gate, before its run has been written.
#[derive(Debug)]
pub struct PendingArrival {
    key: String,
    /// The gate that suppresses the run, and why; `None` if the event completes a group.
    suppressed: Option<(&'static str, String)>,
    /// What is written; `None` if the event is not counted.
    counted: Option<(SeriesEvent, ArrivalOutcome)>,
}

impl PendingArrival {
    /// The state of a run that does not start.
    pub fn state(&self) -> Option<RunState> {
        let (gate, why) = self.suppressed.clone()?;
        let gate = gate.to_owned();
        Some(RunState::Suppressed { gate, why })
    }

    /// The time of the last event of the group that it completes.
    pub fn completed_at(&self) -> Option<Timestamp> {
        match &self.counted.as_ref()?.1.arrival {
            SeriesArrival::Completes { last, .. } => Some(*last),
            SeriesArrival::TooLate { .. }
            | SeriesArrival::Counted { .. }
            | SeriesArrival::Waits(_) => None,
        }
    }
}

impl WriteTransaction<'_> {
    /// What an event does that every other gate lets through; `None` if its rule counts no events.
    pub fn series_arrival(
        &self,
        queue: i64,
        checks: &[GateCheck],
        event: i64,
        received: Timestamp,
    ) -> Result<Option<PendingArrival>, StoreError> {
        let Some(check) = checks.iter().find_map(SeriesCheck::from_gate_check) else {
            return Ok(None);
        };
        let (key, gate) = (check.key(), check.as_str());
        let arrival = match check.event(event, received) {
            Err(why) => PendingArrival {
                key,
                suppressed: Some((gate, why)),
                counted: None,
            },
            Ok(new) => {
                let (state, events) = kept_events(self.connection, queue, &check, new.time)?;
                let outcome = check.series.arrive(&state, events, new.clone());
                PendingArrival {
                    key,
                    suppressed: check.why(&outcome.arrival).map(|why| (gate, why)),
                    counted: Some((new, outcome)),
                }
            }
        };
        Ok(Some(arrival))
    }

    /// Keeps the event of a run that was just inserted, and what its run reads as `events`.
    pub fn record_arrival(
        &self,
        member: &WindowMember,
        arrival: &PendingArrival,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some((new, outcome)) = &arrival.counted else {
            return Ok(());
        };
        let (queue, key, run) = (member.queue, &arrival.key, member.run.0 as i64);
        let mut state = outcome.state;
        if !outcome.is_kept {
            return Ok(());
        }
        let starts = matches!(outcome.arrival, SeriesArrival::Completes { .. });
        if starts {
            state.last_run = Some(member.run);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO counted_events (queue, value, time, event, item, run, started, size)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, size FROM events WHERE id = ?4",
            )?
            .execute(params![
                queue,
                key,
                micros(new.time),
                member.event,
                new.item,
                run,
                starts
            ])?;
        if let SeriesArrival::Completes { events, .. } = &outcome.arrival {
            self.gather(member, key, events, now)?;
        }
        for (time, event) in &outcome.forgotten {
            self.connection
                .prepare_cached(
                    "DELETE FROM counted_events
                     WHERE queue = ?1 AND value = ?2 AND time = ?3 AND event = ?4",
                )?
                .execute(params![queue, key, micros(*time), event])?;
        }
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO counted_values (queue, value, floor, accepts_from, newest, oldest, ends,
                     started, events, last_run, changed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                queue,
                key,
                micros(state.floor),
                micros(state.accepts_from),
                micros(state.newest),
                micros(state.oldest),
                micros(state.end),
                state.started,
                state.events,
                state.last_run.map(|run| run.0 as i64),
                micros(now),
            ])?;
        Ok(())
    }

    /// The events that the run reads: the newest ones, if they are many or large.
    fn gather(
        &self,
        member: &WindowMember,
        key: &str,
        events: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut size = self.connection.prepare_cached(
            "SELECT size FROM counted_events WHERE queue = ?1 AND value = ?2 AND event = ?3",
        )?;
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        for event in events.iter().rev().take(MAX_WINDOW_EVENTS as usize) {
            let size: i64 = size.query_row(params![member.queue, key, event], |row| row.get(0))?;
            bytes += size;
            if bytes.unsigned_abs() > MAX_WINDOW_BYTES && !gathered.is_empty() {
                break;
            }
            gathered.push(*event);
        }
        let run = member.run.0 as i64;
        self.connection
            .prepare_cached(
                "INSERT INTO windows (id, queue, value, run, opened, events, bytes, open)
                 VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, 0)",
            )?
            .execute(params![
                run,
                member.queue,
                key,
                micros(now),
                gathered.len() as i64,
                bytes
            ])?;
        self.connection
            .prepare_cached("UPDATE runs SET gathering = ?1 WHERE id = ?1")?
            .execute([run])?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO gathered (gathering, number, event) VALUES (?1, ?2, ?3)",
        )?;
        for (number, event) in (1_i64..).zip(gathered.iter().rev()) {
            insert.execute([run, number, *event])?;
        }
        Ok(())
    }
}

impl WriteTransaction<'_> {
    /// Values for which no event has come since a time.
    pub fn delete_counted_before(&self, until: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM counted_events WHERE (queue, value) IN
                 (SELECT queue, value FROM counted_values WHERE changed < ?1)",
            "DELETE FROM counted_values WHERE changed < ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([until])?;
        }
        Ok(())
    }
}

const STATE: &str = "SELECT floor, accepts_from, newest, oldest, ends, started, events, last_run
    FROM counted_values WHERE queue = ?1 AND value = ?2";

const EVENTS: &str =
    "SELECT time, event, item, CASE started WHEN 1 THEN run END FROM counted_events
    WHERE queue = ?1 AND value = ?2 AND time >= ?3 ORDER BY time, event";

/// What is kept for the value of an event that counts at a time: as much as the decision needs.
pub fn kept_events<D: SqlDatabase>(
    database: &D,
    queue: i64,
    check: &SeriesCheck<'_>,
    at: Timestamp,
) -> Result<(SeriesState, Vec<SeriesEvent>), D::Error> {
    let key = check.key();
    let run = |run: Option<i64>| run.map(|run| RunId(run as u64));
    let known = database.first(STATE, sql::params![queue, key.as_str()], |row| {
        Ok(SeriesState {
            floor: time(row.get(0)?),
            accepts_from: time(row.get(1)?),
            newest: time(row.get(2)?),
            oldest: time(row.get(3)?),
            end: time(row.get(4)?),
            started: row.get(5)?,
            events: row.get(6)?,
            last_run: run(row.get(7)?),
        })
    })?;
    let Some(state) = known else {
        return Ok(Default::default());
    };
    let from = micros(check.series.needed_from(&state, at));
    let events = database.rows(EVENTS, sql::params![queue, key.as_str(), from], |row| {
        Ok(SeriesEvent {
            time: time(row.get(0)?),
            event: row.get(1)?,
            item: row.get(2)?,
            started: run(row.get(3)?),
        })
    })?;
    Ok((state, events))
}
