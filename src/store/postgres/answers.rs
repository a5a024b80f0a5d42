//! Answers of people, and the key that signs the links of answers: the same for all daemons.

use jiff::Timestamp;

use super::error::PostgresError;
use super::executor::Executor;
use super::scope::BatchScope;
use super::session::Param;
use super::{PostgresStore, id};
use crate::store::answer::new_key;
use crate::store::sqlite::answers::read_key;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{AnswerOutcome, AnswerState, AnswerStore, GivenAnswer, StoreError};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::answer_link::AnswerKey;

impl AnswerStore for PostgresStore {
    async fn answer(&self, given: GivenAnswer) -> Result<AnswerOutcome, StoreError> {
        let run = id(given.run);
        let answer = move |transaction: &mut WriteTransaction<'_>| transaction.answer(&given);
        self.on_runs([run], answer).await
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
        self.in_scope(BatchScope::read_runs([id(run)]), read).await
    }

    async fn answer_key(&self) -> Result<AnswerKey, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.answer_key()))
            .await
    }
}

impl Executor {
    /// The key of the links of answers, which the first daemon creates.
    pub async fn answer_key(&mut self) -> Result<AnswerKey, StoreError> {
        let session = self.connector.session().await.map_err(StoreError::from)?;
        let insert = "INSERT INTO answer_keys (id, key) VALUES (1, $1) ON CONFLICT DO NOTHING";
        let new = Param::Blob(Some(new_key().to_vec()));
        session
            .query(insert, vec![new])
            .await
            .map_err(StoreError::from)?;
        let rows = session
            .query("SELECT key FROM answer_keys WHERE id = 1", Vec::new())
            .await;
        let rows = rows.map_err(StoreError::from)?;
        let key: Vec<u8> = rows[0]
            .try_get(0)
            .map_err(|error| StoreError::from(PostgresError::from(error)))?;
        Ok(read_key(&key)?)
    }
}
