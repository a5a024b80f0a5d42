//! The thread of a reader: opens its connection, and answers one question after another.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use futures_util::future::join3;
use tokio::runtime::Builder;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::store::history::HistoryError;
use crate::store::postgres::connection::connect_client;
use crate::store::postgres::error::{PostgresOpenError, plain};
use crate::store::postgres::schema::SCHEMA;
use crate::store::postgres::settings::ConnectionSettings;
use crate::store::sql::SqlValue;

/// An answer may come this much later than the server should have ended the statement.
const GRACE: Duration = Duration::from_secs(5);

/// A statement with its parameters, and where the answer goes.
#[derive(Debug)]
pub struct ReadQuestion {
    pub sql: String,
    pub values: Vec<SqlValue<'static>>,
    pub max_time: Duration,
    pub answer: SyncSender<Result<Vec<Row>, HistoryError>>,
}

/// Why a statement has no answer.
enum AskError {
    Server(tokio_postgres::Error),
    Silent,
}

/// Answers until the reader is dropped. `opened` gets whether the database can be read.
pub fn work(
    settings: &ConnectionSettings,
    opened: &SyncSender<Result<(), PostgresOpenError>>,
    mut questions: UnboundedReceiver<ReadQuestion>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let (server, why) = (settings.server.clone(), error.to_string());
            drop(opened.send(Err(PostgresOpenError::Unusable { server, why })));
            return;
        }
    };
    runtime.block_on(async {
        let mut client = match open(settings).await {
            Ok(client) => Some(client),
            Err(error) => {
                drop(opened.send(Err(error)));
                return;
            }
        };
        drop(opened.send(Ok(())));
        while let Some(question) = questions.recv().await {
            let answer = answer(settings, &mut client, &question).await;
            // The caller may have ended.
            drop(question.answer.send(answer));
        }
    });
}

/// Connects, and checks the version of the schema. One that is newer is read if its writer said that this version may.
async fn open(settings: &ConnectionSettings) -> Result<Client, PostgresOpenError> {
    let client = connect_client(settings).await?;
    let server = settings.server.clone();
    let sql = "SELECT max(version), max(compatible_from) FROM schema_version";
    let rows = match ask(&client, sql, &[], GRACE).await {
        Ok(rows) => rows,
        Err(AskError::Server(error)) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            let database = settings.database();
            return Err(PostgresOpenError::NoTables { server, database });
        }
        Err(error) => {
            let why = error.text(GRACE);
            return Err(PostgresOpenError::Unusable { server, why });
        }
    };
    let number = |column: usize| {
        let row = rows.first();
        row.and_then(|row| row.try_get::<_, Option<i64>>(column).ok().flatten())
    };
    let known = SCHEMA;
    match (number(0), number(1)) {
        (None, _) => Err(PostgresOpenError::NoTables {
            server,
            database: settings.database(),
        }),
        (Some(found), _) if found < known => Err(PostgresOpenError::Older {
            server,
            found,
            known,
        }),
        (Some(found), Some(compatible_from)) if compatible_from > known => {
            Err(PostgresOpenError::Newer {
                server,
                found,
                known,
            })
        }
        (Some(_), _) => Ok(client),
    }
}

/// Answers one question, on a new connection if the one before has broken.
async fn answer(
    settings: &ConnectionSettings,
    client: &mut Option<Client>,
    question: &ReadQuestion,
) -> Result<Vec<Row>, HistoryError> {
    let ReadQuestion {
        sql,
        values,
        max_time,
        ..
    } = question;
    let failed =
        |why: String| HistoryError::Failed(format!("Postgres at {}: {why}", settings.server));
    if let Some(open) = client.take().filter(|client| !client.is_closed()) {
        match ask(&open, sql, values, *max_time).await {
            Ok(rows) => {
                *client = Some(open);
                return Ok(rows);
            }
            Err(error) if error.is_broken_connection() => {}
            Err(error) => {
                *client = error.keeps_connection().then_some(open);
                return Err(error.into_history(*max_time, failed));
            }
        }
    }
    let open = connect_client(settings).await;
    let open = open.map_err(|error| HistoryError::Failed(error.to_string()))?;
    let answer = ask(&open, sql, values, *max_time).await;
    *client = match &answer {
        Err(error) if !error.keeps_connection() => None,
        Ok(_) | Err(_) => Some(open),
    };
    answer.map_err(|error| error.into_history(*max_time, failed))
}

/// Sends a transaction with one statement in one piece.
async fn ask(
    client: &Client,
    sql: &str,
    values: &[SqlValue<'static>],
    max_time: Duration,
) -> Result<Vec<Row>, AskError> {
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
        max_time.as_millis()
    );
    let values: Vec<(&(dyn ToSql + Sync), Type)> = values.iter().map(parameter).collect();
    // What is awaited together is sent together, in this order.
    let transaction = join3(
        client.batch_execute(&begin),
        client.query_typed(sql, &values),
        client.batch_execute("COMMIT"),
    );
    let answered = timeout(max_time + GRACE, transaction).await;
    let (begun, rows, _) = answered.map_err(|_| AskError::Silent)?;
    begun.map_err(AskError::Server)?;
    rows.map_err(AskError::Server)
}

fn parameter<'v>(value: &'v SqlValue<'static>) -> (&'v (dyn ToSql + Sync), Type) {
    match value {
        SqlValue::Integer(value) => (value, Type::INT8),
        SqlValue::Text(text) => (text, Type::TEXT),
    }
}

impl AskError {
    /// Whether a new connection may answer. Nothing is changed by a question that is asked again.
    fn is_broken_connection(&self) -> bool {
        match self {
            AskError::Server(error) => match error.code() {
                // Classes: connection failures, and a server that is stopped or starts.
                Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
                None => true,
            },
            AskError::Silent => false,
        }
    }

    fn keeps_connection(&self) -> bool {
        matches!(self, AskError::Server(_)) && !self.is_broken_connection()
    }

    fn into_history(
        self,
        max_time: Duration,
        failed: impl FnOnce(String) -> HistoryError,
    ) -> HistoryError {
        match self {
            AskError::Server(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                HistoryError::Timeout
            }
            error => failed(error.text(max_time)),
        }
    }

    fn text(&self, max_time: Duration) -> String {
        match self {
            AskError::Server(error) => plain(error),
            AskError::Silent => {
                let seconds = (max_time + GRACE).as_secs();
                format!("no answer within {seconds} seconds")
            }
        }
    }
}
