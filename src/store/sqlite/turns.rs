//! Whose turn it is: heads of lanes, rules in turn, suspects alone.
//! It never looks at a queue as a whole: each step is a look-up by index, at any length.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::codec::{self, micros};
use super::ledger::Ledger;
use super::unread::Unread;
use crate::core::run::{RunId, State};
use crate::store::{Claim, Claimed, StoreError};

/// Runs that one claim makes ready, so that nobody waits long behind many that are due together.
const WOKEN: i64 = 1_000;

/// Turn and id of those that are due.
pub const DUE: &str = "SELECT turn, id FROM runs WHERE due <= ?1 ORDER BY due LIMIT ?2";

impl Ledger<'_> {
    /// A run joins its queue: as the owner of its lane, or behind.
    pub fn join(&self, run: i64, queue: i64, lane: Option<&str>) -> Result<(), StoreError> {
        let ready = match lane {
            None => true,
            Some(lane) => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO lanes (queue, value, owner) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![queue, lane, run])?
                    > 0
            }
        };
        self.connection
            .prepare_cached("UPDATE runs SET ready = ?2 WHERE id = ?1")?
            .execute(params![run, ready])?;
        Ok(())
    }

    /// The owner of a lane leaves it to the next.
    pub fn leave(&self, run: i64, queue: i64, lane: Option<&str>) -> Result<(), StoreError> {
        let Some(lane) = lane else { return Ok(()) };
        let next: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM runs WHERE queue = ?1 AND lane = ?2 AND ready = 0
                 ORDER BY turn LIMIT 1",
            )?
            .query_row(params![queue, lane], |row| row.get(0))
            .optional()?;
        let Some(next) = next else {
            self.connection
                .prepare_cached("DELETE FROM lanes WHERE queue = ?1 AND value = ?2 AND owner = ?3")?
                .execute(params![queue, lane, run])?;
            return Ok(());
        };
        let taken = self
            .connection
            .prepare_cached(
                "UPDATE lanes SET owner = ?4 WHERE queue = ?1 AND value = ?2 AND owner = ?3",
            )?
            .execute(params![queue, lane, run, next])?;
        if taken > 0 {
            self.connection
                .prepare_cached("UPDATE runs SET ready = 1 WHERE id = ?1")?
                .execute([next])?;
        }
        Ok(())
    }

    pub fn claim(&mut self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        self.wake(claim.now)?;
        if self.memory.suspects > 0 {
            let suspect = self.claim_suspect(claim.now)?;
            if self.memory.suspects > 0 {
                return Ok(suspect);
            }
        }
        let mut claimed = Vec::new();
        let (mut first_served, mut wrapped) = (None, false);
        while claimed.len() < claim.limit {
            let Some((run, queue)) = self.next_ready(self.memory.served)? else {
                if wrapped || self.memory.served == 0 {
                    break;
                }
                (wrapped, self.memory.served) = (true, 0);
                continue;
            };
            self.memory.served = queue;
            let at_work = self.memory.at_work.get(&queue).copied().unwrap_or_default();
            if at_work < claim.per_rule as i64 {
                claimed.extend(self.start(run, claim.now)?);
                (first_served, wrapped) = (None, false);
            } else if first_served == Some(queue) {
                // Once around, and every rule with ready runs is at its limit.
                break;
            } else {
                first_served = first_served.or(Some(queue));
            }
        }
        Ok(claimed)
    }

    /// The oldest ready run of the first queue after the given one.
    fn next_ready(&self, after: i64) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id, queue FROM runs WHERE ready = 1 AND queue > ?1
                 ORDER BY queue, turn LIMIT 1",
            )?
            .query_row([after], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    /// Runs whose time has come are queued, each behind those before it in its lane.
    fn wake(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut due: Vec<(i64, i64)> = {
            let mut statement = self.connection.prepare_cached(DUE)?;
            let due =
                statement.query_map([micros(now), WOKEN], |row| Ok((row.get(0)?, row.get(1)?)))?;
            due.collect::<Result<_, _>>()?
        };
        due.sort_unstable();
        for (_, run) in due {
            self.move_to(RunId(run as u64), &State::Queued, now)?;
        }
        Ok(())
    }

    /// What was under way at a crash goes on alone, one after the other.
    fn claim_suspect(&mut self, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        if !self.memory.at_work.is_empty() {
            return Ok(Vec::new());
        }
        // One that cannot be read back is held, and keeps nobody waiting.
        while let Some(run) = self.next_suspect()? {
            if let Some(claimed) = self.start(run, now)? {
                return Ok(vec![claimed]);
            }
        }
        self.memory.suspects = 0;
        Ok(Vec::new())
    }

    fn next_suspect(&self) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM runs WHERE suspect = 1 ORDER BY turn LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?)
    }

    /// None where the run cannot be read back: it is held, and the others go on.
    fn start(&mut self, run: i64, now: Timestamp) -> Result<Option<Claimed>, StoreError> {
        match self.load(run) {
            Ok(claimed) => {
                let queue = self.queue(&claimed.rule.name)?;
                self.connection
                    .prepare_cached(
                        "UPDATE runs SET state = 'running', ready = NULL, changed = ?2 WHERE id = ?1",
                    )?
                    .execute(params![run, micros(now)])?;
                self.memory.moved(queue, Some("queued"), "running");
                Ok(Some(claimed))
            }
            Err(Unread::Now(error)) => Err(error.into()),
            Err(Unread::ForGood(unreadable)) => {
                tracing::error!(run, %unreadable, "the run is held");
                let why = unreadable.to_string();
                self.move_to(RunId(run as u64), &State::Held { why }, now)?;
                Ok(None)
            }
        }
    }

    fn load(&mut self, run: i64) -> Result<Claimed, Unread> {
        let unreadable = Unread::of("run");
        let (event, rule, generation, error): (i64, i64, u32, Option<String>) = self
            .connection
            .prepare_cached("SELECT event, rule, generation, error FROM runs WHERE id = ?1")
            .and_then(|mut statement| {
                statement.query_row([run], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
            })
            .map_err(&unreadable)?;
        let (event, rule) = (self.event(event)?, self.rule(rule)?);
        Ok(Claimed {
            id: RunId(run as u64),
            events: match error {
                None => self.events_of(run, &rule, &event)?,
                Some(_) => Vec::new(),
            },
            event,
            rule,
            generation,
            error: codec::error(error.as_deref())?,
            log: self.log(run).map_err(&unreadable)?,
        })
    }
}
