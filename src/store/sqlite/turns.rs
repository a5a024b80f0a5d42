//! Whose turn it is: heads of lanes, rules in turn, suspects alone; and what a change of state moves.
//! It never looks at a queue as a whole: each step is a look-up by index, at any length.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::codec::{self, line_row, micros};
use super::commit::NewRun;
use super::ledger::Ledger;
use super::unread::Unread;
use crate::core::run::{Line, Outcome, RunId, State};
use crate::store::{self, Claim, Claimed, Placed, StoreError, notice};

/// Runs that one claim makes ready, so that nobody waits long behind many that are due together.
const WOKEN: i64 = 1_000;

/// Turn and id of those that are due.
pub const DUE: &str = "SELECT turn, id FROM runs WHERE due <= ?1 ORDER BY due LIMIT ?2";

/// A run as moving it needs it.
struct Standing {
    queue: i64,
    lane: Option<String>,
    state: String,
    waiting: bool,
    suspect: bool,
}

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
    fn leave(&self, run: i64, queue: i64, lane: Option<&str>) -> Result<(), StoreError> {
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
            error: error.map_or(Value::Null, |text| codec::json(&text)),
            log: self.log(run).map_err(&unreadable)?,
        })
    }

    pub fn log(&self, run: i64) -> rusqlite::Result<Vec<Line>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind, step, try, at, took, outcome, detail FROM lines WHERE run = ?1
             ORDER BY number",
        )?;
        let lines = statement.query_map([run], codec::line)?;
        lines.filter_map(Result::transpose).collect()
    }

    pub fn advance(
        &mut self,
        run: RunId,
        lines: &[Line],
        state: Option<&State>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let standing = self.standing(run)?;
        if is_over(&standing.state) {
            return Ok(());
        }
        self.write_lines(run, lines)?;
        match state {
            Some(state) => self.move_to(run, state, now),
            None => Ok(()),
        }
    }

    fn write_lines(&self, run: RunId, lines: &[Line]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let id = run.0 as i64;
        let last: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(max(number), 0) FROM lines WHERE run = ?1")?
            .query_row([id], |row| row.get(0))?;
        for (number, row) in (last + 1..).zip(lines.iter().filter_map(line_row)) {
            self.connection
                .prepare_cached(
                    "INSERT INTO lines (run, number, kind, step, try, at, took, outcome, detail)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    id,
                    number,
                    row.kind,
                    row.step,
                    row.number,
                    row.at,
                    row.took,
                    row.outcome,
                    row.detail
                ])?;
        }
        // It came further: whatever ended the program before was not this.
        self.connection
            .prepare_cached(
                "UPDATE runs SET crashes = 0, attempts = attempts + ?2, failed = coalesce(?3, failed)
                 WHERE id = ?1",
            )?
            .execute(params![id, attempts(lines), last_failure(lines)])?;
        Ok(())
    }

    fn standing(&self, run: RunId) -> Result<Standing, StoreError> {
        self.connection
            .prepare_cached("SELECT queue, lane, state, ready, suspect FROM runs WHERE id = ?1")?
            .query_row([run.0 as i64], |row| {
                Ok(Standing {
                    queue: row.get(0)?,
                    lane: row.get(1)?,
                    state: row.get(2)?,
                    waiting: row.get::<_, Option<i64>>(3)? == Some(0),
                    suspect: row.get(4)?,
                })
            })
            .optional()?
            .ok_or(StoreError::UnknownRun(run.0))
    }

    pub fn move_to(&mut self, run: RunId, to: &State, now: Timestamp) -> Result<(), StoreError> {
        let standing = self.standing(run)?;
        let id = run.0 as i64;
        let from = known_word(&standing.state);
        // Whoever holds its lane goes on at once; any other joins it below.
        let ready = (*to == State::Queued && is_in_line(from)).then_some(1);
        self.connection
            .prepare_cached(
                "UPDATE runs SET state = ?2, why = ?3, gate = ?4, ready = ?5, due = ?6, changed = ?7,
                                 suspect = 0
                 WHERE id = ?1",
            )?
            .execute(params![
                id,
                to.word(),
                to.why(),
                to.gate(),
                ready,
                to.due().map(micros),
                micros(now)
            ])?;
        self.memory.suspects -= i64::from(standing.suspect);
        self.memory.moved(standing.queue, Some(from), to.word());
        let lane = standing.lane.as_deref();
        match (is_in_line(from), store::is_in_line(to)) {
            (true, false) if !standing.waiting => self.leave(id, standing.queue, lane)?,
            (false, true) => self.join(id, standing.queue, lane)?,
            (true, _) | (false, false) => {}
        }
        if from == "debouncing" {
            self.close_window(id)?;
        }
        if matches!(to, State::Dead { .. }) {
            self.tell(run, now)?;
        }
        if to.gives_back() {
            self.give_back(id)?;
        }
        self.after_run(run, to)
    }

    /// Queues the run that tells of a death, where the rule wants one.
    fn tell(&mut self, run: RunId, now: Timestamp) -> Result<(), StoreError> {
        let Some(notice) = self.record(run)?.as_ref().and_then(notice) else {
            return Ok(());
        };
        let (event, rule, queue): (i64, i64, i64) = self.connection.query_row(
            "SELECT event, rule, queue FROM runs WHERE id = ?1",
            [run.0 as i64],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        self.write_run(&NewRun {
            event,
            rule,
            queue,
            generation: notice.generation,
            lane: None,
            state: &notice.state,
            error: Some(notice.error.to_string()),
            asks: None,
            lineage: notice.lineage,
            actors: None,
            now,
        })?;
        Ok(())
    }

    /// A person's order: the run is queued again, last in its lane.
    pub fn revive(&mut self, run: RunId, now: Timestamp) -> Result<Placed, StoreError> {
        let state = self.state(run)?;
        if !state.can_revive() {
            return Err(StoreError::cannot_revive(run, &state));
        }
        self.check_whole(run)?;
        let standing = self.standing(run)?;
        self.write_lines(run, &[Line::Revived { at: now }])?;
        self.memory.turn += 1;
        self.connection.execute(
            "UPDATE runs SET state = 'queued', why = NULL, turn = ?2, changed = ?3, crashes = 0
             WHERE id = ?1",
            params![run.0 as i64, self.memory.turn, micros(now)],
        )?;
        let from = known_word(&standing.state);
        self.memory.moved(standing.queue, Some(from), "queued");
        self.join(run.0 as i64, standing.queue, standing.lane.as_deref())?;
        self.placed(run)
    }

    /// A person's order: the run is given up.
    pub fn cancel(&mut self, run: RunId, now: Timestamp) -> Result<Placed, StoreError> {
        let state = self.state(run)?;
        if !state.can_cancel() {
            return Err(StoreError::cannot_cancel(run, &state));
        }
        self.move_to(run, &State::Cancelled, now)?;
        self.placed(run)
    }
}

/// Whether a run in this state holds its lane, and counts for the backlog.
pub fn is_in_line(word: &str) -> bool {
    matches!(word, "queued" | "running" | "retrying")
}

fn is_over(word: &str) -> bool {
    !is_in_line(word) && !matches!(word, "waiting" | "debouncing")
}

fn attempts(lines: &[Line]) -> i64 {
    lines.iter().filter_map(Line::attempt).count() as i64
}

fn last_failure(lines: &[Line]) -> Option<&str> {
    let attempts = lines.iter().rev().filter_map(Line::attempt);
    attempts
        .filter_map(|attempt| match &attempt.outcome {
            Outcome::Failed { message, .. } => Some(message.as_str()),
            Outcome::Succeeded { .. } => None,
        })
        .next()
}

/// The same word, for the whole life of the program.
pub fn known_word(word: &str) -> &'static str {
    let known = crate::core::run::STATES
        .iter()
        .find(|known| **known == word);
    known.copied().unwrap_or("cancelled")
}
