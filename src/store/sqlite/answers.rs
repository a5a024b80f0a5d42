//! Answers of people to steps that wait for one, and the key that signs the links of answers.

use jiff::Timestamp;

use crate::store::answer::new_key;
use crate::store::sql::{self, SqlDatabase};
use crate::store::sqlite::codec::log_entry::log_entry;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::sqlite::waiters::inbox::StepDecision;
use crate::store::sqlite::writer::Durability;
use crate::store::{
    AnswerOutcome, AnswerState, AnswerStore, GivenAnswer, RowError, SqliteStore, StoreError,
};
use flowtrigger_core::run::answer_link::AnswerKey;
use flowtrigger_core::run::{LogEntry, RunId};

/// What decided a step: the first thing that came.
const DECIDED: &str =
    "SELECT kind, step, number, at, NULL, NULL, detail FROM inbox WHERE run = ?1 AND step = ?2";

/// The start of the wait at a step.
const BEGUN: &str = "SELECT kind, step, attempt, at, took, outcome, detail FROM log_entries
    WHERE run = ?1 AND step = ?2 AND kind = 'waiting' ORDER BY number DESC LIMIT 1";

impl AnswerStore for SqliteStore {
    async fn answer(&self, given: GivenAnswer) -> Result<AnswerOutcome, StoreError> {
        let answer = move |transaction: &mut WriteTransaction<'_>| transaction.answer(&given);
        self.writer.submit(Durability::Synced, answer).await
    }

    async fn answer_state(
        &self,
        run: RunId,
        step: &str,
        now: Timestamp,
    ) -> Result<AnswerState, StoreError> {
        let step = step.to_owned();
        let read =
            move |transaction: &mut WriteTransaction<'_>| transaction.answer_state(run, &step, now);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn answer_key(&self) -> Result<AnswerKey, StoreError> {
        let new = new_key();
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.answer_key(&new);
        self.writer.submit(Durability::Synced, read).await
    }
}

impl WriteTransaction<'_> {
    /// Stores an answer, if the step can be answered.
    pub fn answer(&mut self, given: &GivenAnswer) -> Result<AnswerOutcome, StoreError> {
        match self.answer_state(given.run, &given.step, given.at)? {
            AnswerState::Open { .. } => {}
            refused => return Ok(AnswerOutcome::Refused(refused)),
        }
        let entry = LogEntry::Answered {
            step: given.step.clone(),
            at: given.at,
            answer: given.answer.clone(),
            by: given.by.clone(),
        };
        let decision = StepDecision {
            run: given.run,
            entry: &entry,
            event: None,
        };
        self.decide_step(&decision, given.at)?;
        Ok(AnswerOutcome::Recorded)
    }

    /// Whether a step can be answered at a time.
    pub fn answer_state(
        &self,
        run: RunId,
        step: &str,
        at: Timestamp,
    ) -> Result<AnswerState, StoreError> {
        let state = self.run_state(run)?;
        let decided = self.entry_of_step(DECIDED, run, step)?;
        if let Some(LogEntry::Answered { answer, at, by, .. }) = decided {
            return Ok(AnswerState::Answered { answer, at, by });
        }
        let until = self.end_of_wait(run, step)?;
        if decided.is_some() {
            let at = until.unwrap_or(at);
            return Ok(AnswerState::Expired { at });
        }
        if state.is_final() {
            return Ok(AnswerState::Over { state });
        }
        Ok(match until.filter(|until| *until < at) {
            Some(at) => AnswerState::Expired { at },
            None => AnswerState::Open { until },
        })
    }

    /// When the time for answers ends; `None` before the step begins.
    fn end_of_wait(&self, run: RunId, step: &str) -> Result<Option<Timestamp>, StoreError> {
        let Some(LogEntry::Waiting { until, .. }) = self.entry_of_step(BEGUN, run, step)? else {
            return Ok(None);
        };
        Ok(Some(until))
    }

    fn entry_of_step(
        &self,
        sql: &str,
        run: RunId,
        step: &str,
    ) -> Result<Option<LogEntry>, StoreError> {
        let params = sql::params![run.0 as i64, step];
        Ok(self.connection.rows(sql, params, log_entry)?.pop())
    }

    /// The key of the links of answers: the one that is stored, or else this one from now on.
    pub fn answer_key(&self, new: &[u8; 32]) -> Result<AnswerKey, StoreError> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO answer_keys (id, key) VALUES (1, ?1)")?
            .execute([&new[..]])?;
        let key: Vec<u8> = self
            .connection
            .prepare_cached("SELECT key FROM answer_keys WHERE id = 1")?
            .query_row([], |row| row.get(0))?;
        Ok(read_key(&key)?)
    }
}

/// A key as it is stored.
pub fn read_key(bytes: &[u8]) -> Result<AnswerKey, RowError> {
    AnswerKey::from_slice(bytes).ok_or(RowError("key of answer links"))
}
