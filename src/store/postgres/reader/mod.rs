//! Reads Postgres for the history: one connection on a thread of its own, so that a question may block on any thread.
//!
//! Each question is a read-only transaction with a time limit, sent in one piece. Its statement is unnamed and nothing
//! is set beyond the transaction, so that a pooler may give each transaction another connection to the server. A
//! connection that has broken is opened again once for each question.

mod worker;

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::error::PostgresOpenError;
use super::settings::PostgresSettings;
use crate::store::history::{HistoryError, HistoryOpenError, MAX_QUERY_TIME};
use crate::store::sql::dialect::{self, Dialect};
use crate::store::sql::{SqlDatabase, SqlRow, SqlValue};
use worker::{ReadQuestion, work};

/// A connection that only reads.
#[derive(Debug)]
pub struct PostgresReader {
    /// The thread ends when this is dropped.
    questions: UnboundedSender<ReadQuestion>,
    /// How long a question may take.
    max_query_time: Duration,
}

impl PostgresReader {
    /// Connects and checks the version of the schema. Blocks until then.
    pub fn connect(settings: &PostgresSettings) -> Result<Self, HistoryOpenError> {
        let settings = settings.connection()?;
        let server = settings.server.clone();
        let unusable = |why: String| PostgresOpenError::Unusable { server, why };
        let (questions, received) = unbounded_channel();
        let (opened, result) = sync_channel(1);
        let thread = thread::Builder::new().name("history".to_owned());
        let spawned = thread.spawn(move || work(&settings, &opened, received));
        match (spawned, result.recv()) {
            (Ok(_), Ok(Ok(()))) => Ok(Self {
                questions,
                max_query_time: MAX_QUERY_TIME,
            }),
            (Ok(_), Ok(Err(error))) => Err(error.into()),
            (Err(error), _) => Err(unusable(error.to_string()).into()),
            (Ok(_), Err(_)) => Err(unusable("the thread ended early".to_owned()).into()),
        }
    }

    fn ask(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, HistoryError> {
        let ended = |()| HistoryError::Failed("the connection has ended".to_owned());
        let (answer, answered) = sync_channel(1);
        let question = ReadQuestion {
            sql: dialect::postgres(sql),
            values: params.iter().cloned().map(SqlValue::into_owned).collect(),
            max_time: self.max_query_time,
            answer,
        };
        self.questions.send(question).map_err(|_| ended(()))?;
        answered.recv().map_err(|_| ended(()))?
    }
}

impl SqlDatabase for PostgresReader {
    const DIALECT: Dialect = Dialect::Postgres;

    type Error = HistoryError;

    fn rows<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HistoryError> {
        let rows = self.ask(sql, params)?;
        let rows = rows.iter().map(|row| read(&SqlRow::Postgres(row)));
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests;
