//! Deletes what is too old or too much: finished runs with their events, archived events, and rules and texts
//! that nothing refers to. It deletes a few rows at a time, and moves the age limit by at most an hour per
//! hour, so that a clock that jumps ahead costs an hour of history and not all of it.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::codec::micros;
use super::database::Location;
use super::queue::transition::known_state;
use super::transaction::WriteTransaction;
use crate::store::StoreError;
use flowtrigger_core::config::archive::ArchiveScope;

/// How far the age limit moves at most, in microseconds.
const CUTOFF_STEP: i64 = 3_600 * 1_000_000;
/// How long requests, and the numbers of minutes, are kept.
pub const KEEP_DELIVERIES: Duration = Duration::from_secs(7 * 86_400);
/// Starts and reloads that are kept: the newest.
pub const MAX_ACTIVATIONS: i64 = 10_000;
/// How much earlier the time of a commit can be than the clock, in microseconds: an event waits for its commit with the time at
/// which it was received, and runs that count then must still be known.
pub const LATEST_COMMIT: i64 = 60 * 1_000_000;
/// Ticks between two moves of the age limit.
const TICKS_PER_MOVE: u32 = 60;
/// Rows that one job deletes, so that other jobs wait only a little. If more rows were inserted since the
/// last tick, it deletes half as many again, so that deleting keeps up.
const ROWS_PER_JOB: i64 = 500;
/// Inserted runs that are taken into account for a file, because a tick can be late.
const MAX_PLANNED: i64 = 5_000;
/// Pages that one job returns to the file system.
const VACUUM_PAGES: u32 = 256;
/// More events than `run` works on at the same time.
const SPARED_EVENTS: i64 = 100;

/// States of runs that can be deleted. Held runs wait for a person and are never deleted.
const OVER: &str = "('done', 'skipped', 'shadow', 'suppressed', 'dead', 'cancelled')";

/// Counts ticks, and what was inserted since the last one.
#[derive(Debug, Default)]
pub struct TickCounter {
    ticks: u32,
    /// More rows are due than one job deletes.
    behind: bool,
    /// Archived events since the last tick.
    pub archived: i64,
    /// The position of the newest run at the last tick.
    position: Option<i64>,
}

/// How many rows one job may delete.
#[derive(Clone, Copy)]
struct DeleteBatch {
    archived: i64,
    runs: i64,
}

impl WriteTransaction<'_> {
    pub fn run_maintenance(&mut self) -> Result<(), StoreError> {
        let overfull = self.archive_is_overfull() || self.runs_are_overfull()?;
        let position = self.state.last_position;
        let counter = &mut self.state.retention;
        counter.ticks = counter.ticks.wrapping_add(1);
        let moves = counter.ticks % TICKS_PER_MOVE == 1;
        let archived = std::mem::take(&mut counter.archived);
        let planned = position - counter.position.replace(position).unwrap_or(position);
        if !moves && !counter.behind && !overfull {
            return Ok(());
        }
        let batch = DeleteBatch {
            archived: ROWS_PER_JOB.max(archived + archived / 2),
            runs: ROWS_PER_JOB.max(planned.min(self.max_planned()) * 3 / 2),
        };
        let now = self.now();
        if moves {
            self.move_cutoffs(now)?;
            self.delete_unreferenced()?;
            self.delete_unused_subjects()?;
            self.delete_old_deliveries()?;
            self.delete_unused_receivers()?;
            let runs_until = self.fact("runs until")?.unwrap_or(i64::MIN);
            self.delete_commands_before(runs_until)?;
            self.delete_counted_before(runs_until)?;
        }
        let deleted = self.delete_old(now, batch)?;
        self.state.retention.behind = deleted >= ROWS_PER_JOB;
        if deleted > 0 {
            let vacuum = format!("PRAGMA incremental_vacuum({VACUUM_PAGES})");
            let mut statement = self.connection.prepare(&vacuum)?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Moves the age limits up to which runs and archived events may be deleted.
    fn move_cutoffs(&self, now: Timestamp) -> Result<(), StoreError> {
        let settings = &self.state.settings;
        for (name, keep) in [
            ("runs until", settings.retention.keep_for),
            ("archive until", settings.archive.keep_for),
            ("deliveries until", KEEP_DELIVERIES),
        ] {
            let cutoff = next_cutoff(self.fact(name)?, now, keep);
            self.connection.execute(
                "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                params![name, cutoff],
            )?;
        }
        Ok(())
    }

    fn delete_old_deliveries(&mut self) -> Result<(), StoreError> {
        let until = self.fact("deliveries until")?.unwrap_or(i64::MIN);
        self.delete_deliveries_before(until)?;
        self.delete_minutes_before(until)?;
        let sql = "DELETE FROM activations WHERE revision NOT IN (SELECT id FROM revisions)
            OR id <= (SELECT max(id) FROM activations) - ?1";
        self.connection
            .prepare_cached(sql)?
            .execute([MAX_ACTIVATIONS])?;
        Ok(())
    }

    fn fact(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT value FROM facts WHERE name = ?1";
        let found = self.connection.query_row(sql, [name], |row| row.get(0));
        Ok(found.optional()?)
    }

    fn delete_old(&mut self, now: Timestamp, batch: DeleteBatch) -> Result<i64, StoreError> {
        let runs_until = self.fact("runs until")?.unwrap_or(i64::MIN);
        let archive_until = self.fact("archive until")?.unwrap_or(i64::MIN);
        let mut deleted = self.delete_runs(runs_until, batch.runs, 0)?;
        deleted += self.delete_archived(archive_until, batch.archived, i64::MIN)?;
        if self.archive_is_overfull() {
            let limit = self.state.settings.archive.at_most as i64;
            deleted += self.delete_archived(i64::MAX, batch.archived, limit)?;
        }
        if self.runs_are_overfull()? {
            deleted += self.delete_runs(i64::MAX, batch.runs, self.spared_events())?;
        }
        self.connection.execute(
            "DELETE FROM gate_admissions WHERE until < ?1",
            [micros(now) - LATEST_COMMIT],
        )?;
        self.delete_notice_windows(now)?;
        self.forget_closed(now)?;
        Ok(deleted)
    }

    fn archive_is_overfull(&self) -> bool {
        self.state.archived > self.state.settings.archive.at_most as i64
    }

    /// Without the archive, which has a limit of its own.
    fn runs_are_overfull(&self) -> Result<bool, StoreError> {
        let bytes = self.bytes()? - self.state.archived;
        Ok(bytes > self.state.settings.retention.at_most as i64)
    }

    /// Memory must not grow beyond its limit however late a tick is, and its rows are deleted faster.
    fn max_planned(&self) -> i64 {
        match self.state.location {
            Location::File(_) => MAX_PLANNED,
            Location::Memory => i64::MAX / 3,
        }
    }

    /// The newest events whose runs are kept whatever their size: `run` reports a run after it has ended.
    fn spared_events(&self) -> i64 {
        match self.state.location {
            Location::File(_) => 0,
            Location::Memory => SPARED_EVENTS,
        }
    }

    /// Bytes in use, without those that are free within the file.
    fn bytes(&self) -> Result<i64, StoreError> {
        let number = |name: &str| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
    }

    /// Deletes finished runs, the oldest first, except those of the newest events.
    fn delete_runs(&mut self, until: i64, limit: i64, spared: i64) -> Result<i64, StoreError> {
        let old: Vec<(i64, i64, String, i64)> = {
            let sql = format!(
                "SELECT id, event, state, generation FROM runs WHERE state IN {OVER} AND changed < ?1
                     AND event <= (SELECT coalesce(max(id), 0) FROM events) - ?3
                 ORDER BY changed LIMIT ?2"
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map([until, limit, spared], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        for (run, event, state, generation) in &old {
            let delete = |sql: &str, id: &i64| self.connection.prepare_cached(sql)?.execute([id]);
            let collected = self.window_events(*run)?;
            delete("DELETE FROM log_entries WHERE run = ?1", run)?;
            self.delete_waiters(*run)?;
            delete("DELETE FROM counted_events WHERE run = ?1", run)?;
            self.delete_exchanges(*run)?;
            delete("DELETE FROM runs WHERE id = ?1", run)?;
            if *generation > 0 {
                self.keep_generation(*event, *generation)?;
            }
            self.delete_window(*run)?;
            self.delete_event(*event)?;
            for event in collected {
                self.delete_event(event)?;
            }
            *self.state.counts.entry(known_state(state)).or_default() -= 1;
        }
        Ok(old.len() as i64)
    }

    /// A later replay of the event must not use the keys of a deleted one again.
    fn keep_generation(&self, event: i64, generation: i64) -> Result<(), StoreError> {
        let sql = "UPDATE events SET last_generation = ?2 WHERE id = ?1 AND last_generation < ?2";
        self.connection
            .prepare_cached(sql)?
            .execute([event, generation])?;
        Ok(())
    }

    /// Deletes an event that no run refers to any more, or moves it to the archive.
    fn delete_event(&mut self, event: i64) -> Result<(), StoreError> {
        let free = "id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1)
            AND NOT EXISTS (SELECT 1 FROM gathered WHERE event = ?1)";
        if self.state.settings.archive.events != ArchiveScope::Full {
            let sql = format!("DELETE FROM events WHERE {free}");
            self.connection.prepare_cached(&sql)?.execute([event])?;
            return Ok(());
        }
        let sql =
            format!("UPDATE events SET matched = 0, had_runs = 1 WHERE {free} RETURNING size");
        let size: Option<i64> = self
            .connection
            .prepare_cached(&sql)?
            .query_row([event], |row| row.get(0))
            .optional()?;
        self.state.archived += size.unwrap_or_default();
        Ok(())
    }

    /// Deletes archived events, the oldest first, down to `bytes`.
    fn delete_archived(&mut self, until: i64, limit: i64, bytes: i64) -> Result<i64, StoreError> {
        let old: Vec<(i64, i64)> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, size FROM events WHERE matched = 0 AND received < ?1
                 ORDER BY received LIMIT ?2",
            )?;
            let rows = statement.query_map([until, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut deleted = 0;
        for (event, size) in &old {
            if self.state.archived <= bytes {
                break;
            }
            self.connection
                .prepare_cached("DELETE FROM events WHERE id = ?1")?
                .execute([event])?;
            self.state.archived -= size;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Deletes revisions, rules, configurations and texts that nothing refers to.
    fn delete_unreferenced(&mut self) -> Result<(), StoreError> {
        let active: Vec<i64> = self.state.revisions.iter().copied().collect();
        let revisions = self.connection.execute(
            "DELETE FROM revisions
             WHERE id NOT IN (SELECT value FROM json_each(?1))
                 AND id NOT IN (SELECT revision FROM activations ORDER BY id DESC LIMIT 1)
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.revision = revisions.id)",
            [serde_json::json!(active).to_string()],
        )?;
        let rules = self.connection.execute(
            "DELETE FROM rules WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.rule = rules.id)",
            [],
        )?;
        if rules > 0 {
            self.state.forget_rules();
        }
        if rules + revisions == 0 {
            return Ok(());
        }
        self.connection.execute_batch(
            "DELETE FROM configs WHERE id NOT IN (SELECT config FROM revisions)
                 AND id NOT IN (SELECT config FROM rules);
             DELETE FROM texts WHERE id NOT IN (SELECT text FROM configs) AND id NOT IN (
                 SELECT json_extract(value, '$[1]') FROM revisions, json_each(revisions.files));",
        )?;
        Ok(())
    }
}

/// Moves by one step at most, and never back.
fn next_cutoff(before: Option<i64>, now: Timestamp, keep: Duration) -> i64 {
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let expected = micros(now).saturating_sub(keep);
    match before {
        None => expected,
        Some(before) => expected.min(before.saturating_add(CUTOFF_STEP)).max(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_moves_by_an_hour_at_most_whatever_the_clock_does() {
        let (hour, keep) = (CUTOFF_STEP, Duration::from_secs(3_600));
        let at = |hours: i64| Timestamp::from_microsecond(hours * hour).unwrap();
        assert_eq!(next_cutoff(None, at(10), keep), 9 * hour);
        assert_eq!(next_cutoff(Some(9 * hour), at(10), keep), 9 * hour);
        assert_eq!(next_cutoff(Some(9 * hour), at(8_000), keep), 10 * hour);
        assert_eq!(next_cutoff(Some(9 * hour), at(1), keep), 9 * hour);
    }
}
