//! One connection to Postgres: prepared statements, and pipelines of statements that need one round trip.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::cell::{Cell, CellType, Cells, TableColumns};
use super::error::PostgresError;
use super::settings::StatementMode;

/// A transaction is answered within this time, or its connection is given up.
const MAX_TIME: Duration = Duration::from_secs(10);

/// A parameter with its type, which the server need not guess.
#[derive(Debug, Clone)]
pub enum Param {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Blobs(Vec<Option<Vec<u8>>>),
}

impl Param {
    pub fn ints(numbers: impl IntoIterator<Item = i64>) -> Self {
        Param::Ints(numbers.into_iter().map(Some).collect())
    }

    pub fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Param::Texts(texts.into_iter().map(|text| Some(text.into())).collect())
    }

    pub fn text(text: impl Into<String>) -> Self {
        Param::Text(Some(text.into()))
    }

    pub fn int(number: i64) -> Self {
        Param::Int(Some(number))
    }

    /// One array for each column of some rows.
    pub fn columns(table: &TableColumns, rows: &[&Cells]) -> Vec<Self> {
        let column = |index: usize, cell: CellType| match cell {
            CellType::Int => Param::Ints(rows.iter().map(|row| row[index].int()).collect()),
            CellType::Text => Param::Texts(
                rows.iter()
                    .map(|row| row[index].text().map(str::to_owned))
                    .collect(),
            ),
            CellType::Blob => Param::Blobs(
                rows.iter()
                    .map(|row| match &row[index] {
                        Cell::Blob(bytes) => Some(bytes.clone()),
                        Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
                    })
                    .collect(),
            ),
        };
        let columns = table.columns.iter().enumerate();
        columns.map(|(index, of)| column(index, of.cell)).collect()
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Param::Int(value) => value,
            Param::Text(value) => value,
            Param::Blob(value) => value,
            Param::Ints(values) => values,
            Param::Texts(values) => values,
            Param::Blobs(values) => values,
        }
    }

    fn sql_type(&self) -> Type {
        match self {
            Param::Int(_) => Type::INT8,
            Param::Text(_) => Type::TEXT,
            Param::Blob(_) => Type::BYTEA,
            Param::Ints(_) => Type::INT8_ARRAY,
            Param::Texts(_) => Type::TEXT_ARRAY,
            Param::Blobs(_) => Type::BYTEA_ARRAY,
        }
    }

    /// The name of its type in SQL.
    pub fn type_name(&self) -> &'static str {
        match self {
            Param::Int(_) => "bigint",
            Param::Text(_) => "text",
            Param::Blob(_) => "bytea",
            Param::Ints(_) => "bigint[]",
            Param::Texts(_) => "text[]",
            Param::Blobs(_) => "bytea[]",
        }
    }
}

/// For connections that look up rows by key and nothing else. Tables grow from nothing faster than their statistics are
/// renewed: a plan for an empty table would read a full one as a whole. So each plan is made once, and only from indexes.
const BY_KEY: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off";

/// How long a transaction may wait. A daemon that stops in the middle of one must not keep its locks for long.
macro_rules! limits {
    ($set:literal) => {
        concat!(
            $set,
            " idle_in_transaction_session_timeout = '5s'; ",
            $set,
            " lock_timeout = '8s'; ",
            $set,
            " statement_timeout = '9s'"
        )
    };
}

/// A connection that is used by one task at a time.
pub struct PostgresSession {
    client: Client,
    mode: StatementMode,
    statements: RefCell<HashMap<Rc<str>, Statement>>,
    is_prepared: OnceCell<()>,
}

impl std::fmt::Debug for PostgresSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Statements that are sent together. Each sees what those before it changed.
#[derive(Debug, Default)]
pub struct Pipeline {
    entries: Vec<PipelineEntry>,
}

#[derive(Debug)]
enum PipelineEntry {
    /// A text without parameters, which may consist of several statements.
    Plain(String),
    Query {
        sql: Rc<str>,
        params: Vec<Param>,
    },
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, PostgresError>> + 'a>>;

impl Pipeline {
    pub fn plain(&mut self, sql: impl Into<String>) {
        self.entries.push(PipelineEntry::Plain(sql.into()));
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a statement, and returns the index of its answer.
    pub fn query(&mut self, sql: &str, params: Vec<Param>) -> usize {
        self.entries.push(PipelineEntry::Query {
            sql: sql.into(),
            params,
        });
        self.entries.len() - 1
    }
}

impl PostgresSession {
    pub fn new(client: Client, mode: StatementMode) -> Self {
        Self {
            client,
            mode,
            statements: RefCell::default(),
            is_prepared: OnceCell::new(),
        }
    }

    /// What a transaction on keys begins with. The settings of a connection are sent once, and those of one that a pooler
    /// shares with each transaction.
    pub async fn begin(&self) -> Result<&'static str, PostgresError> {
        if self.mode == StatementMode::Unnamed {
            return Ok(concat!("BEGIN; ", limits!("SET LOCAL")));
        }
        if self.is_prepared.get().is_none() {
            self.plain(limits!("SET")).await?;
            self.plain(BY_KEY).await?;
            self.is_prepared.get_or_init(|| ());
        }
        Ok("BEGIN")
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub async fn plain(&self, sql: &str) -> Result<(), PostgresError> {
        in_time(async { Ok(self.client.batch_execute(sql).await?) }).await
    }

    pub async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, PostgresError> {
        let mut pipeline = Pipeline::default();
        pipeline.query(sql, params);
        let mut answers = self.run(&pipeline).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Sends all statements at once, in their order, and waits for all answers. If one fails, those behind it in the
    /// same transaction fail too.
    pub async fn run(&self, pipeline: &Pipeline) -> Result<Vec<Vec<Row>>, PostgresError> {
        in_time(async {
            if self.mode == StatementMode::Prepared {
                self.prepare(pipeline).await?;
            }
            let answers = pipeline.entries.iter().map(|entry| self.send(entry));
            in_order(answers.collect()).await.into_iter().collect()
        })
        .await
    }

    /// Prepares what is not prepared yet, so that no statement waits for its preparation within a pipeline.
    async fn prepare(&self, pipeline: &Pipeline) -> Result<(), PostgresError> {
        for entry in &pipeline.entries {
            let PipelineEntry::Query { sql, params } = entry else {
                continue;
            };
            if self.statements.borrow().contains_key(sql) {
                continue;
            }
            let types: Vec<Type> = params.iter().map(Param::sql_type).collect();
            let statement = self.client.prepare_typed(sql, &types).await?;
            self.statements
                .borrow_mut()
                .insert(Rc::clone(sql), statement);
        }
        Ok(())
    }

    fn send<'a>(&'a self, entry: &'a PipelineEntry) -> Answer<'a> {
        let (sql, params) = match entry {
            PipelineEntry::Plain(sql) => {
                return Box::pin(async move {
                    self.client.batch_execute(sql).await?;
                    Ok(Vec::new())
                });
            }
            PipelineEntry::Query { sql, params } => (sql, params),
        };
        let prepared = self.statements.borrow().get(sql).cloned();
        Box::pin(async move {
            Ok(match prepared {
                Some(statement) => {
                    let values: Vec<&(dyn ToSql + Sync)> =
                        params.iter().map(Param::value).collect();
                    self.client.query(&statement, &values).await?
                }
                None => {
                    let values: Vec<(&(dyn ToSql + Sync), Type)> = params
                        .iter()
                        .map(|param| (param.value(), param.sql_type()))
                        .collect();
                    self.client.query_typed(sql, &values).await?
                }
            })
        })
    }
}

/// Polls the answers in their order, so that their statements are sent in it.
async fn in_order(mut answers: Vec<Answer<'_>>) -> Vec<Result<Vec<Row>, PostgresError>> {
    let mut results: Vec<Option<Result<Vec<Row>, PostgresError>>> =
        answers.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (answer, result) in answers.iter_mut().zip(&mut results) {
            if result.is_none() {
                match answer.as_mut().poll(context) {
                    Poll::Ready(ready) => *result = Some(ready),
                    Poll::Pending => pending = true,
                }
            }
        }
        match pending {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    match tokio::time::timeout(MAX_TIME, answer).await {
        Ok(answered) => answered,
        Err(_) => Err(PostgresError::Timeout),
    }
}
