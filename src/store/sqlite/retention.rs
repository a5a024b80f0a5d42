//! What is old goes: finished runs with their events, archived events, texts that nothing refers to.
//! It deletes a little at a time, and never more than one interval of age in one go, so that a clock that
//! jumps ahead costs an hour of history and not all of it.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::codec::micros;
use super::database::Location;
use super::ledger::Ledger;
use crate::core::config::Archived;
use crate::store::StoreError;

/// How much age may go in one go, and how often that is.
const INTERVAL: i64 = 3_600 * 1_000_000;
const EVERY: u32 = 60;
/// Rows that one order deletes, so that nobody waits long behind it; where more came since the last
/// one, so many and half as many again, or they would never be caught up with.
const ROWS: i64 = 500;
/// Pages given back to the disk in one go.
const PAGES: u32 = 256;

/// States whose runs are over for good: held ones wait for a person and are never deleted.
const OVER: &str = "('done', 'skipped', 'shadow', 'suppressed', 'dead', 'cancelled')";

/// Counts the ticks.
#[derive(Debug, Default)]
pub struct Clock {
    ticks: u32,
    /// More than one order's rows are due.
    behind: bool,
    /// Rows that came since the last look: events without runs, and runs.
    pub filed: i64,
    turn: Option<i64>,
}

/// Runs that came since the last look of which account is taken, at most: a look can come late.
const MOST_PLANNED: i64 = 5_000;

/// More events than `run` has under way.
const SPARED_EVENTS: i64 = 100;

/// How many rows one order may delete.
#[derive(Clone, Copy)]
struct Most {
    archived: i64,
    runs: i64,
}

impl Ledger<'_> {
    pub fn tidy(&mut self) -> Result<(), StoreError> {
        let overfull = self.archive_is_overfull() || self.runs_are_overfull()?;
        let turn = self.memory.turn;
        let clock = &mut self.memory.retention;
        clock.ticks = clock.ticks.wrapping_add(1);
        let whole = clock.ticks % EVERY == 1;
        let filed = std::mem::take(&mut clock.filed);
        let planned = turn - clock.turn.replace(turn).unwrap_or(turn);
        if !whole && !clock.behind && !overfull {
            return Ok(());
        }
        let most = Most {
            archived: ROWS.max(filed + filed / 2),
            runs: ROWS.max(planned.min(self.most_planned()) * 3 / 2),
        };
        let now = self.now();
        if whole {
            self.move_cutoffs(now)?;
            self.drop_unreferenced()?;
        }
        let deleted = self.delete_old(now, most)?;
        self.memory.retention.behind = deleted >= ROWS;
        if deleted > 0 {
            let give_back = format!("PRAGMA incremental_vacuum({PAGES})");
            let mut statement = self.connection.prepare(&give_back)?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Up to where rows may be deleted, by what is deleted.
    fn move_cutoffs(&self, now: Timestamp) -> Result<(), StoreError> {
        let settings = &self.memory.settings;
        for (name, keep) in [
            ("runs until", settings.retention.keep_for),
            ("archive until", settings.archive.keep_for),
        ] {
            let cutoff = next_cutoff(self.fact(name)?, now, keep);
            self.connection.execute(
                "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                params![name, cutoff],
            )?;
        }
        Ok(())
    }

    fn fact(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT value FROM facts WHERE name = ?1";
        let found = self.connection.query_row(sql, [name], |row| row.get(0));
        Ok(found.optional()?)
    }

    fn delete_old(&mut self, now: Timestamp, most: Most) -> Result<i64, StoreError> {
        let runs_until = self.fact("runs until")?.unwrap_or(i64::MIN);
        let archive_until = self.fact("archive until")?.unwrap_or(i64::MIN);
        let mut deleted = self.delete_runs(runs_until, most.runs, 0)?;
        deleted += self.delete_archived(archive_until, most.archived, i64::MIN)?;
        let room = self.memory.settings.archive.at_most as i64;
        if self.memory.archived > room {
            deleted += self.delete_archived(i64::MAX, most.archived, room)?;
        }
        if self.runs_are_overfull()? {
            deleted += self.delete_runs(i64::MAX, most.runs, self.spared_events())?;
        }
        self.connection.execute(
            "DELETE FROM gate_admissions WHERE until < ?1",
            [micros(now)],
        )?;
        Ok(deleted)
    }

    fn archive_is_overfull(&self) -> bool {
        self.memory.archived > self.memory.settings.archive.at_most as i64
    }

    /// The archive has a limit of its own.
    fn runs_are_overfull(&self) -> Result<bool, StoreError> {
        let bytes = self.bytes()? - self.memory.archived;
        Ok(bytes > i64::try_from(self.memory.settings.retention.at_most).unwrap_or(i64::MAX))
    }

    /// New runs of one tick that are taken into account. Rows in a file take longer to delete, and
    /// memory must not grow beyond its limit.
    fn most_planned(&self) -> i64 {
        match self.memory.location {
            Location::File(_) => MOST_PLANNED,
            Location::Memory => i64::MAX / 3,
        }
    }

    /// The newest events whose runs stay whatever their size: `run` reads their ends after they ended.
    fn spared_events(&self) -> i64 {
        match self.memory.location {
            Location::File(_) => 0,
            Location::Memory => SPARED_EVENTS,
        }
    }

    /// Bytes in use, those that are free within the file left out.
    fn bytes(&self) -> Result<i64, StoreError> {
        let number = |name: &str| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
    }

    fn delete_runs(&mut self, until: i64, most: i64, spared: i64) -> Result<i64, StoreError> {
        let old: Vec<(i64, i64, String)> = {
            let sql = format!(
                "SELECT id, event, state FROM runs WHERE state IN {OVER} AND changed < ?1
                     AND event <= (SELECT coalesce(max(id), 0) FROM events) - ?3
                 ORDER BY changed LIMIT ?2"
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map([until, most, spared], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        for (run, event, state) in &old {
            let delete = |sql: &str, id: &i64| self.connection.prepare_cached(sql)?.execute([id]);
            let gathered = self.gathered_by(*run)?;
            delete("DELETE FROM log_entries WHERE run = ?1", run)?;
            delete("DELETE FROM runs WHERE id = ?1", run)?;
            self.forget_window(*run)?;
            self.leave_event(*event)?;
            for event in gathered {
                self.leave_event(event)?;
            }
            let word = super::standing::known_word(state);
            *self.memory.counts.entry(word).or_default() -= 1;
        }
        Ok(old.len() as i64)
    }

    /// With the last run that has it an event goes too, or into the archive.
    fn leave_event(&mut self, event: i64) -> Result<(), StoreError> {
        let free = "id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1)
            AND NOT EXISTS (SELECT 1 FROM gathered WHERE event = ?1)";
        if self.memory.settings.archive.events != Archived::Full {
            let sql = format!("DELETE FROM events WHERE {free}");
            self.connection.prepare_cached(&sql)?.execute([event])?;
            return Ok(());
        }
        let sql = format!("UPDATE events SET matched = 0 WHERE {free} RETURNING size");
        let size: Option<i64> = self
            .connection
            .prepare_cached(&sql)?
            .query_row([event], |row| row.get(0))
            .optional()?;
        self.memory.archived += size.unwrap_or_default();
        Ok(())
    }

    /// The oldest first, down to so many bytes.
    fn delete_archived(&mut self, until: i64, most: i64, room: i64) -> Result<i64, StoreError> {
        let old: Vec<(i64, i64)> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, size FROM events WHERE matched = 0 AND received < ?1
                 ORDER BY received LIMIT ?2",
            )?;
            let rows = statement.query_map([until, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut deleted = 0;
        for (event, size) in &old {
            if self.memory.archived <= room {
                break;
            }
            self.connection
                .prepare_cached("DELETE FROM events WHERE id = ?1")?
                .execute([event])?;
            self.memory.archived -= size;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Rules, editions, configurations and texts live as long as something refers to them.
    fn drop_unreferenced(&mut self) -> Result<(), StoreError> {
        let in_force: Vec<i64> = self.memory.editions.iter().copied().collect();
        let editions = self.connection.execute(
            "DELETE FROM revisions
             WHERE id NOT IN (SELECT value FROM json_each(?1))
                 AND id <> (SELECT id FROM revisions ORDER BY since DESC, id DESC LIMIT 1)
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.revision = revisions.id)",
            [serde_json::json!(in_force).to_string()],
        )?;
        let rules = self.connection.execute(
            "DELETE FROM rules WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.rule = rules.id)",
            [],
        )?;
        if rules > 0 {
            self.memory.forget_rules();
        }
        if rules + editions == 0 {
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

/// Moves by one interval at most, and never back.
fn next_cutoff(before: Option<i64>, now: Timestamp, keep: Duration) -> i64 {
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let wanted = micros(now).saturating_sub(keep);
    match before {
        None => wanted,
        Some(before) => wanted.min(before.saturating_add(INTERVAL)).max(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_moves_an_hour_at_most_whatever_the_clock_does() {
        let (hour, keep) = (INTERVAL, Duration::from_secs(3_600));
        let at = |hours: i64| Timestamp::from_microsecond(hours * hour).unwrap();
        assert_eq!(next_cutoff(None, at(10), keep), 9 * hour);
        assert_eq!(next_cutoff(Some(9 * hour), at(10), keep), 9 * hour);
        assert_eq!(next_cutoff(Some(9 * hour), at(8_000), keep), 10 * hour);
        assert_eq!(next_cutoff(Some(9 * hour), at(1), keep), 9 * hour);
    }
}
