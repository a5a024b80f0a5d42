//! Errors of the Postgres store: why it cannot be opened, and why a statement failed.

use crate::store::StoreError;

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    #[error("invalid address of the store: {0}")]
    Address(String),
    #[error(
        "failed to connect to Postgres at {server}: {why}; check that it runs, that it accepts connections from here, and the `store` of the configuration"
    )]
    Unreachable { server: String, why: String },
    #[error(
        "failed to log in to Postgres at {server} as `{user}`: {why}; check the user and the password of the `store`"
    )]
    Login {
        server: String,
        user: String,
        why: String,
    },
    #[error(
        "failed to open the database `{database}` at {server}: it does not exist; create it, or correct its name in the `store` of the configuration"
    )]
    NoDatabase { server: String, database: String },
    #[error(
        "the database `{database}` at {server} has no tables of flowtrigger: no daemon has used it yet; start one, or correct the name of the database in the `store` of the configuration"
    )]
    NoTables { server: String, database: String },
    #[error(
        "the database at {server} was written by an older flowtrigger (schema {found}, this program reads {known}); start a daemon of this version on it to upgrade it"
    )]
    Older {
        server: String,
        found: i64,
        known: i64,
    },
    #[error(
        "the database at {server} was written by a newer flowtrigger (schema {found}, this program knows {known}); install that version"
    )]
    Newer {
        server: String,
        found: i64,
        known: i64,
    },
    #[error(
        "the database `{database}` at {server} has the encoding {encoding}, which cannot store every event; create it with UTF8: CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        server: String,
        database: String,
        encoding: String,
    },
    #[error(
        "failed to prepare the tables in the database `{database}` at {server}: {why}; the role `{user}` must own the database and its tables: ALTER DATABASE {database} OWNER TO {user}"
    )]
    NotOwner {
        server: String,
        database: String,
        user: String,
        why: String,
    },
    #[error("failed to connect to Postgres at {server} with TLS: {why}")]
    Tls { server: String, why: String },
    #[error("failed to use the database at {server}: {why}")]
    Unusable { server: String, why: String },
}

/// Why a batch was not committed.
#[derive(Debug)]
pub enum PostgresError {
    Statement(tokio_postgres::Error),
    /// A statement of the workspace failed.
    Workspace(rusqlite::Error),
    /// The server did not answer in time.
    Timeout,
    /// What was read before the locks is no longer true.
    Outdated,
    /// Text that cannot be read back, or a job that failed.
    Failed(String),
}

impl PostgresError {
    /// Whether the same transaction may succeed if it is repeated on the same connection.
    pub fn is_repeatable(&self) -> bool {
        let PostgresError::Statement(error) = self else {
            return matches!(self, PostgresError::Outdated);
        };
        // Serialization failure, deadlock.
        error
            .code()
            .is_some_and(|code| matches!(code.code(), "40001" | "40P01"))
    }

    /// Whether the same rows would be rejected again, whatever happens meanwhile: invalid data, a broken rule, a limit.
    pub fn is_rejected(&self) -> bool {
        match self {
            PostgresError::Statement(error) => error.code().is_some_and(|code| {
                let classes = ["21", "22", "23", "42", "54"];
                classes.iter().any(|class| code.code().starts_with(class))
            }),
            PostgresError::Workspace(_) => true,
            PostgresError::Timeout | PostgresError::Outdated | PostgresError::Failed(_) => false,
        }
    }

    /// Whether the role lacks a right.
    pub fn is_denied(&self) -> bool {
        match self {
            PostgresError::Statement(error) => {
                error.code().is_some_and(|code| code.code() == "42501")
            }
            _ => false,
        }
    }

    /// Whether a table for this day is missing.
    pub fn is_missing_partition(&self) -> bool {
        match self {
            PostgresError::Statement(error) => {
                error.code().is_some_and(|code| code.code() == "23514")
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for PostgresError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PostgresError::Statement(error) => f.write_str(&plain(error)),
            PostgresError::Workspace(error) => write!(f, "{error}"),
            PostgresError::Timeout => f.write_str("the server did not answer in time"),
            PostgresError::Outdated => {
                f.write_str("other daemons changed the same rows again and again")
            }
            PostgresError::Failed(why) => f.write_str(why),
        }
    }
}

/// What the server said, or why the connection failed, in one line.
pub fn plain(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        let detail = said
            .detail()
            .map_or(String::new(), |more| format!(" ({more})"));
        return format!("{}{detail}", said.message());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::Statement(error)
    }
}

impl From<rusqlite::Error> for PostgresError {
    fn from(error: rusqlite::Error) -> Self {
        PostgresError::Workspace(error)
    }
}

impl From<PostgresError> for StoreError {
    fn from(error: PostgresError) -> Self {
        StoreError::Unreachable(error.to_string())
    }
}
