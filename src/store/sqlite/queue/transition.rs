//! Where a run stands in the file, and what moves with it: its lane, its window, its charges, its notice.
//! It refuses to choose whose turn it is.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::codec::micros;
use super::commit::NewRun;
use super::ledger::Ledger;
use crate::core::run::{Line, RunId, State};
use crate::store::{self, Placed, StoreError, notice};

/// A run as moving it needs it.
struct Standing {
    queue: i64,
    lane: Option<String>,
    state: String,
    waiting: bool,
    suspect: bool,
}

impl Ledger<'_> {
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
            "UPDATE runs SET state = 'queued', why = NULL, position = ?2, changed = ?3, crashes = 0
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

/// The same word, for the whole life of the program.
pub fn known_word(word: &str) -> &'static str {
    let known = crate::core::run::STATES
        .iter()
        .find(|known| **known == word);
    known.copied().unwrap_or("cancelled")
}
