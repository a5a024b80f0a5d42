//! Windows in which a debounce gathers events: opened, moved on and closed with the rows of their runs.
//! It decides nothing: what an event does to a window was decided before.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{micros, time};
use super::ledger::Ledger;
use super::unread::Unread;
use crate::core::event::Event;
use crate::core::gate::{Debounce, Gathering, Kept, replaced};
use crate::core::rule::jobspec::Rule;
use crate::core::run::{RunId, State};
use crate::store::StoreError;

/// A window that is open.
#[derive(Debug)]
pub struct Window {
    pub id: i64,
    pub gathering: Gathering,
}

/// A run that a window takes in.
#[derive(Debug)]
pub struct Gathered {
    pub run: RunId,
    pub event: i64,
    pub queue: i64,
}

impl Ledger<'_> {
    /// The window that an event comes into. One whose time has come is closed first, however late.
    pub fn window(
        &mut self,
        queue: i64,
        value: &str,
        now: Timestamp,
    ) -> Result<Option<Window>, StoreError> {
        let window = window(self.connection, queue, value)?;
        match window {
            Some(window) if window.gathering.until <= now => {
                self.move_to(window.gathering.run, &State::Queued, now)?;
                Ok(None)
            }
            window => Ok(window),
        }
    }

    /// What a run that was just written does to the window of its event.
    pub fn gather(
        &mut self,
        coming: &Gathered,
        (debounce, window): (Debounce<'_>, Option<Window>),
        state: &State,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match (state, window) {
            (State::Debouncing { .. }, None) => {
                let id = coming.run.0 as i64;
                self.open_window(coming, debounce.value, now)?;
                self.take_in(coming, id, debounce.keep)
            }
            (State::Debouncing { .. }, Some(window)) => {
                let id = coming.run.0 as i64;
                self.count_in(window.id, id)?;
                self.take_in(coming, window.id, debounce.keep)?;
                self.give_way(window.gathering.run, coming.run, now)
            }
            (State::Suppressed { gate, .. }, Some(window)) if gate == DEBOUNCE => {
                let open = &window.gathering;
                let until = debounce.until(Some(open), now);
                self.count_in(window.id, open.run.0 as i64)?;
                self.put_off(open.run, until)?;
                self.take_in(coming, window.id, debounce.keep)
            }
            (_, _) => Ok(()),
        }
    }

    fn open_window(
        &self,
        coming: &Gathered,
        value: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO windows (id, queue, value, run, opened, events, open)
                 VALUES (?1, ?2, ?3, ?1, ?4, 1, 1)",
            )?
            .execute(params![
                coming.run.0 as i64,
                coming.queue,
                value,
                micros(now)
            ])?;
        Ok(())
    }

    /// One more event, and the run that acts from now on.
    fn count_in(&self, window: i64, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE windows SET run = ?2, events = events + 1 WHERE id = ?1")?
            .execute([window, run])?;
        Ok(())
    }

    fn take_in(&self, coming: &Gathered, window: i64, keep: Kept) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE runs SET gathering = ?2 WHERE id = ?1")?
            .execute([coming.run.0 as i64, window])?;
        if keep == Kept::All {
            self.connection
                .prepare_cached(
                    "INSERT INTO gathered (gathering, number, event) VALUES (?1,
                         (SELECT coalesce(max(number), 0) + 1 FROM gathered WHERE gathering = ?1), ?2)",
                )?
                .execute([window, coming.event])?;
            self.connection
                .prepare_cached(
                    "UPDATE windows SET bytes = bytes + (SELECT size FROM events WHERE id = ?2)
                     WHERE id = ?1",
                )?
                .execute([window, coming.event])?;
        }
        Ok(())
    }

    /// The run that waited does not begin, and counts nowhere.
    fn give_way(&mut self, run: RunId, to: RunId, now: Timestamp) -> Result<(), StoreError> {
        self.give_all_back(run.0 as i64)?;
        let gate = DEBOUNCE.to_owned();
        let why = replaced(to);
        self.move_to(run, &State::Suppressed { gate, why }, now)
    }

    fn put_off(&self, run: RunId, until: Timestamp) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE runs SET due = ?2 WHERE id = ?1")?
            .execute([run.0 as i64, micros(until)])?;
        Ok(())
    }

    /// Its run debounces no more, for whatever reason.
    pub fn close_window(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE windows SET open = 0 WHERE run = ?1")?
            .execute([run])?;
        Ok(())
    }

    /// A replay reads the same `events` as the run before it.
    pub fn gather_again(&self, run: RunId, event: i64, queue: i64) -> Result<(), StoreError> {
        let before: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT windows.id FROM runs JOIN windows ON windows.run = runs.id
                 WHERE runs.event = ?1 AND runs.queue = ?2 ORDER BY runs.id DESC LIMIT 1",
            )?
            .query_row([event, queue], |row| row.get(0))
            .optional()?;
        let Some(before) = before else { return Ok(()) };
        let run = run.0 as i64;
        for copy in [
            "INSERT INTO windows SELECT ?2, queue, value, ?2, opened, events, bytes, 0 FROM windows WHERE id = ?1",
            "INSERT INTO gathered SELECT ?2, number, event FROM gathered WHERE gathering = ?1",
            "UPDATE runs SET gathering = ?2 WHERE id = ?2 AND ?1 > 0",
        ] {
            self.connection.execute(copy, [before, run])?;
        }
        Ok(())
    }

    /// The rows of the events that a run reads, the oldest first; none of a run that does not act on
    /// a window.
    pub fn gathered_by(&self, run: i64) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(GATHERED)?;
        let rows = statement.query_map([run], |row| row.get(0))?;
        rows.collect()
    }

    /// What a run's flow reads under `events`: at least its own event, where it reads any.
    pub fn events_of(
        &mut self,
        run: i64,
        rule: &Rule,
        own: &Arc<Event>,
    ) -> Result<Vec<Arc<Event>>, Unread> {
        if !rule.reads_events() {
            return Ok(Vec::new());
        }
        let rows = self
            .gathered_by(run)
            .map_err(Unread::of("events of a run"))?;
        if rows.is_empty() {
            return Ok(vec![Arc::clone(own)]);
        }
        rows.into_iter().map(|row| self.event(row)).collect()
    }

    /// The run that acted is deleted, and what it read is kept for it no more.
    pub fn forget_window(&self, run: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM gathered WHERE gathering IN (SELECT id FROM windows WHERE run = ?1)",
            "DELETE FROM windows WHERE run = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([run])?;
        }
        Ok(())
    }
}

/// The gate's word.
pub const DEBOUNCE: &str = "debounce";

pub const OPEN: &str = "
    SELECT windows.id, run, opened, events, due, bytes FROM windows JOIN runs ON runs.id = run
    WHERE windows.queue = ?1 AND value = ?2 AND open = 1";

pub const GATHERED: &str = "
    SELECT event FROM windows CROSS JOIN gathered ON gathered.gathering = windows.id
    WHERE windows.run = ?1 ORDER BY windows.id, number";

/// The open window of a rule for a value, whether its time has come or not.
pub fn window(
    connection: &Connection,
    queue: i64,
    value: &str,
) -> rusqlite::Result<Option<Window>> {
    connection
        .prepare_cached(OPEN)?
        .query_row(params![queue, value], |row| {
            Ok(Window {
                id: row.get(0)?,
                gathering: Gathering {
                    run: RunId(row.get::<_, i64>(1)? as u64),
                    since: time(row.get(2)?),
                    events: row.get(3)?,
                    until: time(row.get(4)?),
                    bytes: row.get::<_, i64>(5)?.unsigned_abs(),
                },
            })
        })
        .optional()
}
