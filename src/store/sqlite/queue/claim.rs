//! Claims the runs to execute next: only the owner of a lane, rules in turn, suspects one at a time. Each step
//! is an index look-up, however long a queue is.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::store::sqlite::codec::load_error::RowLoadError;
use crate::store::sqlite::codec::{self, micros};
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{
    ClaimId, ClaimRequest, ClaimedRun, ClaimedRuns, EndAtOnce, EndedRun, StoreError,
};
use flowtrigger_core::run::{RunId, RunState};

/// Due runs that one claim queues, so that many that are due together delay others only a little.
const MAX_WOKEN: i64 = 1_000;

/// Position and id of the runs that are due.
pub const DUE: &str = "SELECT position, id FROM runs WHERE due <= ?1 ORDER BY due LIMIT ?2";

/// What became of a run that was to be claimed.
enum TakenRun {
    Started(ClaimedRun),
    Ended(EndedRun),
    Held,
}

#[derive(Default)]
struct TakenRuns {
    started: Vec<ClaimedRun>,
    ended: Vec<EndedRun>,
}

impl TakenRuns {
    fn len(&self) -> usize {
        self.started.len() + self.ended.len()
    }
}

impl WriteTransaction<'_> {
    /// Adds a run to its queue: as the owner of its lane if the lane is free, behind it otherwise.
    pub fn enqueue(&self, run: i64, queue: i64, lane: Option<&str>) -> Result<(), StoreError> {
        let ready = self.takes_lane(run, queue, lane)?;
        self.set_ready(run, ready)
    }

    /// Makes a run the owner of its lane, if the lane is free. A run without a lane needs none.
    pub fn takes_lane(&self, run: i64, queue: i64, lane: Option<&str>) -> Result<bool, StoreError> {
        let Some(lane) = lane else { return Ok(true) };
        let taken = self
            .connection
            .prepare_cached(
                "INSERT INTO lanes (queue, value, owner) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![queue, lane, run])?;
        Ok(taken > 0)
    }

    /// Sets whether a run of the queue can be claimed, or is behind another one of its lane.
    pub fn set_ready(&self, run: i64, ready: bool) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE runs SET ready = ?2 WHERE id = ?1")?
            .execute(params![run, ready])?;
        Ok(())
    }

    /// Passes the lane of a run to the next run, or frees it.
    pub fn release_lane(&self, run: i64, queue: i64, lane: Option<&str>) -> Result<(), StoreError> {
        let Some(lane) = lane else { return Ok(()) };
        let next: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM runs WHERE queue = ?1 AND lane = ?2 AND ready = 0
                 ORDER BY position LIMIT 1",
            )?
            .query_row(params![queue, lane], |row| row.get(0))
            .optional()?;
        let Some(next) = next else {
            self.connection
                .prepare_cached("DELETE FROM lanes WHERE queue = ?1 AND value = ?2 AND owner = ?3")?
                .execute(params![queue, lane, run])?;
            return Ok(());
        };
        let passed = self
            .connection
            .prepare_cached(
                "UPDATE lanes SET owner = ?4 WHERE queue = ?1 AND value = ?2 AND owner = ?3",
            )?
            .execute(params![queue, lane, run, next])?;
        if passed > 0 {
            self.connection
                .prepare_cached("UPDATE runs SET ready = 1 WHERE id = ?1")?
                .execute([next])?;
        }
        Ok(())
    }

    /// Claims the runs whose turn it is. With `end`, ends those that need no worker; never a suspect.
    pub fn claim(
        &mut self,
        claim: ClaimRequest,
        end: Option<&EndAtOnce>,
    ) -> Result<ClaimedRuns, StoreError> {
        self.wake(claim.now)?;
        let mut claims = TakenRuns::default();
        if self.state.suspects > 0 {
            claims.started = self.claim_suspect(claim.now)?;
        }
        if self.state.suspects == 0 {
            claims = self.take_ready(claim, end)?;
        }
        Ok(ClaimedRuns {
            started: claims.started,
            ended: claims.ended,
            next_due: self.next_due(),
        })
    }

    /// Claims ready runs, the rules in turn.
    pub fn claim_ready(&mut self, claim: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        Ok(self.take_ready(claim, None)?.started)
    }

    fn take_ready(
        &mut self,
        claim: ClaimRequest,
        end: Option<&EndAtOnce>,
    ) -> Result<TakenRuns, StoreError> {
        let mut taken = TakenRuns::default();
        let (mut first_full, mut wrapped) = (None, false);
        while taken.len() < claim.limit {
            let Some((run, queue)) = self.next_ready(self.state.last_served)? else {
                if wrapped || self.state.last_served == 0 {
                    break;
                }
                (wrapped, self.state.last_served) = (true, 0);
                continue;
            };
            self.state.last_served = queue;
            let running = self.state.running.get(&queue).copied().unwrap_or_default();
            if running < claim.per_rule as i64 {
                match self.take(run, claim.now, end)? {
                    TakenRun::Started(run) => taken.started.push(run),
                    TakenRun::Ended(run) => taken.ended.push(run),
                    TakenRun::Held => {}
                }
                (first_full, wrapped) = (None, false);
            } else if first_full == Some(queue) {
                // Every rule with ready runs is at its limit.
                break;
            } else {
                first_full = first_full.or(Some(queue));
            }
        }
        Ok(taken)
    }

    /// The oldest ready run of the first queue after the given one.
    fn next_ready(&self, after: i64) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id, queue FROM runs WHERE ready = 1 AND queue > ?1
                 ORDER BY queue, position LIMIT 1",
            )?
            .query_row([after], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    /// Queues the runs whose time has come, each behind those before it in its lane.
    fn wake(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut due: Vec<(i64, i64)> = {
            let mut statement = self.connection.prepare_cached(DUE)?;
            let due = statement.query_map([micros(now), MAX_WOKEN], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            due.collect::<Result<_, _>>()?
        };
        due.sort_unstable();
        let runs: Vec<i64> = due.into_iter().map(|(_, run)| run).collect();
        let since = *self.state.receiving_since.get_or_insert(now);
        self.wake_runs(&runs, now, since)
    }

    /// Sorts runs by the order in which they were queued; those that do not exist are left out.
    pub fn sort_by_position(&self, runs: &mut Vec<i64>) -> Result<(), StoreError> {
        let mut found = Vec::with_capacity(runs.len());
        let sql = "SELECT position FROM runs WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        for run in runs.iter() {
            let position: Option<i64> = statement.query_row([run], |row| row.get(0)).optional()?;
            found.extend(position.map(|position| (position, *run)));
        }
        found.sort_unstable();
        *runs = found.into_iter().map(|(_, run)| run).collect();
        Ok(())
    }

    /// Queues those of the runs whose time has come. Events have been received without a gap since `since`.
    pub fn wake_runs(
        &mut self,
        runs: &[i64],
        now: Timestamp,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM runs WHERE id = ?1 AND due <= ?2";
        for run in runs {
            let due = self.connection.prepare_cached(sql)?;
            if { due }.exists([*run, micros(now)])? {
                let run = RunId(*run as u64);
                if !self.expire(run, now, since)? {
                    self.transition(run, &RunState::Queued, now)?;
                }
            }
        }
        Ok(())
    }

    /// Runs that were running at a crash are executed alone, one after the other.
    fn claim_suspect(&mut self, now: Timestamp) -> Result<Vec<ClaimedRun>, StoreError> {
        if !self.state.running.is_empty() {
            return Ok(Vec::new());
        }
        // A suspect that cannot be loaded is held; the next one is tried.
        while let Some(run) = self.next_suspect()? {
            if let TakenRun::Started(claimed) = self.take(run, now, None)? {
                return Ok(vec![claimed]);
            }
        }
        self.state.suspects = 0;
        Ok(Vec::new())
    }

    fn next_suspect(&self) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM runs WHERE suspect = 1 ORDER BY position LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?)
    }

    /// Makes a run running, or ends it. One that cannot be loaded is held, and the others continue.
    fn take(
        &mut self,
        run: i64,
        now: Timestamp,
        end: Option<&EndAtOnce>,
    ) -> Result<TakenRun, StoreError> {
        self.log_inbox(run)?;
        let claimed = match self.load(run) {
            Ok(claimed) => claimed,
            Err(RowLoadError::Unavailable(error)) => return Err(error.into()),
            Err(RowLoadError::Corrupt(error)) => {
                tracing::error!(run, %error, "run held");
                let why = error.to_string();
                self.transition(RunId(run as u64), &RunState::Held { why }, now)?;
                return Ok(TakenRun::Held);
            }
        };
        match end.and_then(|end| end.decide(&claimed, now)) {
            Some(state) => {
                self.transition(claimed.id, &state, now)?;
                Ok(TakenRun::Ended(EndedRun {
                    run: claimed,
                    state,
                }))
            }
            None => self.start(claimed, now).map(TakenRun::Started),
        }
    }

    fn start(&mut self, mut run: ClaimedRun, now: Timestamp) -> Result<ClaimedRun, StoreError> {
        let queue = self.queue(&run.rule.name)?;
        self.connection
            .prepare_cached(
                "UPDATE runs SET state = 'running', ready = NULL, changed = ?2 WHERE id = ?1",
            )?
            .execute(params![run.id.0 as i64, micros(now)])?;
        self.state
            .count_transition(queue, Some("queued"), "running");
        run.claim = self.state.claims.start(run.id);
        Ok(run)
    }

    fn load(&mut self, run: i64) -> Result<ClaimedRun, RowLoadError> {
        let load_error = RowLoadError::in_part("run");
        let sql = "SELECT event, rule, generation, error, planned, changed FROM runs WHERE id = ?1";
        let (event, rule, generation, error, times): (i64, i64, u32, Option<String>, [i64; 2]) =
            self.connection
                .prepare_cached(sql)
                .and_then(|mut statement| {
                    statement.query_row([run], |row| {
                        let times = [row.get(4)?, row.get(5)?];
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, times))
                    })
                })
                .map_err(&load_error)?;
        let (event, rule) = (self.event(event)?, self.rule(rule)?);
        Ok(ClaimedRun {
            id: RunId(run as u64),
            // Set with the start.
            claim: ClaimId(0),
            planned: codec::time(times[0]),
            queued: codec::time(times[1]),
            events: match error {
                None => self.events_of(run, &rule, &event)?,
                Some(_) => Vec::new(),
            },
            event,
            rule,
            generation,
            error: codec::error(error.as_deref())?,
            log: self.log(run).map_err(&load_error)?,
        })
    }
}
