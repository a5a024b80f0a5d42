//! Errors of the Postgres store: why it cannot be opened, and why a statement failed.

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
    #[error("failed to use the database at {server}: {why}")]
    Unusable { server: String, why: String },
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
