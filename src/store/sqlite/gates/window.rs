//! Debounce windows: opened, joined, postponed and closed together with the rows of their runs. What an event
//! does to a window is decided by the gate.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::store::StoreError;
use crate::store::sql::{self, SqlDatabase};
use crate::store::sqlite::codec::load_error::RowLoadError;
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::event::Event;
use flowtrigger_core::gate::DebounceKeep;
use flowtrigger_core::gate::debounce::{DebounceCheck, DebounceWindow, replaced};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{RunId, RunState};

/// A window that is open.
#[derive(Debug)]
pub struct OpenWindow {
    pub id: i64,
    pub gathering: DebounceWindow,
}

/// A new run with its event, as a window sees it.
#[derive(Debug)]
pub struct WindowMember {
    pub run: RunId,
    pub event: i64,
    pub queue: i64,
}

impl WriteTransaction<'_> {
    /// The window that an event joins. A window whose time is over is closed first, however late that is.
    pub fn window(
        &mut self,
        queue: i64,
        value: &str,
        now: Timestamp,
    ) -> Result<Option<OpenWindow>, StoreError> {
        let window = window(self.connection, queue, value)?;
        match window {
            Some(window) if window.gathering.until <= now => {
                self.transition(window.gathering.run, &RunState::Queued, now)?;
                Ok(None)
            }
            window => Ok(window),
        }
    }

    /// Opens a window for a run that was just inserted, or adds its event to the open one.
    pub fn add_to_window(
        &mut self,
        member: &WindowMember,
        (debounce, window): (DebounceCheck<'_>, Option<OpenWindow>),
        state: &RunState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match (state, window) {
            (RunState::Debouncing { .. }, None) => {
                let id = member.run.0 as i64;
                self.open_window(member, debounce.value, now)?;
                self.join(member, id, debounce.keep)
            }
            (RunState::Debouncing { .. }, Some(window)) => {
                let id = member.run.0 as i64;
                self.increment(window.id, id)?;
                self.join(member, window.id, debounce.keep)?;
                self.replace_run(window.gathering.run, member.run, now)
            }
            (RunState::Suppressed { gate, .. }, Some(window)) if gate == DEBOUNCE => {
                let open = &window.gathering;
                let until = debounce.until(Some(open), now);
                self.increment(window.id, open.run.0 as i64)?;
                self.postpone(open.run, until)?;
                self.join(member, window.id, debounce.keep)
            }
            (_, _) => Ok(()),
        }
    }

    fn open_window(
        &self,
        member: &WindowMember,
        value: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO windows (id, queue, value, run, opened, events, open)
                 VALUES (?1, ?2, ?3, ?1, ?4, 1, 1)",
            )?
            .execute(params![
                member.run.0 as i64,
                member.queue,
                value,
                micros(now)
            ])?;
        Ok(())
    }

    /// Counts one more event, and sets the run that acts from now on.
    fn increment(&self, window: i64, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE windows SET run = ?2, events = events + 1 WHERE id = ?1")?
            .execute([window, run])?;
        Ok(())
    }

    fn join(
        &self,
        member: &WindowMember,
        window: i64,
        keep: DebounceKeep,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE runs SET gathering = ?2 WHERE id = ?1")?
            .execute([member.run.0 as i64, window])?;
        if keep == DebounceKeep::All {
            self.connection
                .prepare_cached(
                    "INSERT INTO gathered (gathering, number, event) VALUES (?1,
                         (SELECT coalesce(max(number), 0) + 1 FROM gathered WHERE gathering = ?1), ?2)",
                )?
                .execute([window, member.event])?;
            self.connection
                .prepare_cached(
                    "UPDATE windows SET bytes = bytes + (SELECT size FROM events WHERE id = ?2)
                     WHERE id = ?1",
                )?
                .execute([window, member.event])?;
        }
        Ok(())
    }

    /// The run that waited is suppressed, and counts at no gate.
    fn replace_run(&mut self, run: RunId, by: RunId, now: Timestamp) -> Result<(), StoreError> {
        self.release_all(run.0 as i64)?;
        let gate = DEBOUNCE.to_owned();
        let why = replaced(by);
        self.transition(run, &RunState::Suppressed { gate, why }, now)
    }

    fn postpone(&self, run: RunId, until: Timestamp) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE runs SET due = ?2 WHERE id = ?1")?
            .execute([run.0 as i64, micros(until)])?;
        Ok(())
    }

    /// The run of a window is no longer debouncing, for whatever reason.
    pub fn close_window(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE windows SET open = 0 WHERE run = ?1")?
            .execute([run])?;
        Ok(())
    }

    /// Copies the window of an event's last run for its replay, which reads the same `events`.
    pub fn readd_to_window(&self, run: RunId, event: i64, queue: i64) -> Result<(), StoreError> {
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

    /// The rows of the events that a run reads, the oldest first; empty if it does not act on a window.
    pub fn window_events(&self, run: i64) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(GATHERED)?;
        let rows = statement.query_map([run], |row| row.get(0))?;
        rows.collect()
    }

    /// The same without the events of a count or a sequence, which have runs of their own.
    pub fn collected_events(&self, run: i64) -> rusqlite::Result<Vec<i64>> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM windows WHERE run = ?1 AND substr(value, 1, 1) = '#')";
        let mut statement = self.connection.prepare_cached(sql)?;
        match statement.query_row([run], |row| row.get(0))? {
            true => Ok(Vec::new()),
            false => self.window_events(run),
        }
    }

    /// What a run's flow reads under `events`: at least its own event, if it reads any.
    pub fn events_of(
        &mut self,
        run: i64,
        rule: &Rule,
        own: &Arc<Event>,
    ) -> Result<Vec<Arc<Event>>, RowLoadError> {
        if !rule.reads_events() {
            return Ok(Vec::new());
        }
        let rows = self
            .window_events(run)
            .map_err(RowLoadError::in_part("events of a run"))?;
        if rows.is_empty() {
            return Ok(vec![Arc::clone(own)]);
        }
        rows.into_iter().map(|row| self.event(row)).collect()
    }

    /// The run that acted on the window has been deleted, and nothing else keeps its events.
    pub fn delete_window(&self, run: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM gathered WHERE gathering IN (SELECT id FROM windows WHERE run = ?1)",
            "DELETE FROM windows WHERE run = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([run])?;
        }
        Ok(())
    }
}

/// The gate's name.
pub const DEBOUNCE: &str = "debounce";

pub const OPEN: &str = "
    SELECT windows.id, run, opened, events, due, bytes FROM windows JOIN runs ON runs.id = run
    WHERE windows.queue = ?1 AND value = ?2 AND open = 1";

pub const GATHERED: &str = "
    SELECT event FROM windows CROSS JOIN gathered ON gathered.gathering = windows.id
    WHERE windows.run = ?1 ORDER BY windows.id, number";

/// The open window of a rule for a value, whether its time is over or not.
pub fn window<D: SqlDatabase>(
    database: &D,
    queue: i64,
    value: &str,
) -> Result<Option<OpenWindow>, D::Error> {
    database.first(OPEN, sql::params![queue, value], |row| {
        Ok(OpenWindow {
            id: row.get(0)?,
            gathering: DebounceWindow {
                run: RunId(row.get::<i64>(1)? as u64),
                since: time(row.get(2)?),
                events: row.get(3)?,
                until: time(row.get(4)?),
                bytes: row.get::<i64>(5)?.unsigned_abs(),
            },
        })
    })
}
