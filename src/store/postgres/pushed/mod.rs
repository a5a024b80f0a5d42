//! Stores the rules that people push for all daemons, and reads the newest of them.

mod watcher;

use std::sync::Arc;

use tokio_postgres::Row;

use super::connection::connect;
use super::error::{PostgresError, PostgresOpenError};
use super::schema;
use super::session::{Param, PostgresSession};
use super::settings::PostgresSettings;
use crate::store::sqlite::codec;
use crate::store::{PushedHead, PushedRevision, PushedTexts, RowError};

pub use watcher::PushedWatcher;

const HEAD: &str = "id, digest, rules, pushed, name, note";

/// A connection to the pushed revisions.
#[derive(Debug)]
pub struct PushedRevisions {
    session: PostgresSession,
}

/// Why pushed revisions cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PushedError {
    #[error(transparent)]
    Open(#[from] PostgresOpenError),
    #[error("failed to use the database: {0}")]
    Failed(String),
    #[error(transparent)]
    Unreadable(#[from] RowError),
    #[error(
        "no rules were pushed to the database; `flowtrigger push RULES` checks, tests and stores them for all daemons"
    )]
    Nothing,
}

impl From<PostgresError> for PushedError {
    fn from(error: PostgresError) -> Self {
        PushedError::Failed(error.to_string())
    }
}

impl From<tokio_postgres::Error> for PushedError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::from(error).into()
    }
}

/// Who pushes, and why.
#[derive(Debug, Clone, Default)]
pub struct PushIntent {
    pub by: Option<String>,
    pub note: String,
}

impl PushedRevisions {
    /// Connects, and creates or upgrades the schema.
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, PushedError> {
        let settings = settings.connection()?;
        let session = connect(&settings).await?;
        schema::migrate(&session, &settings).await?;
        Ok(Self { session })
    }

    /// Connects to read: nothing is created, so the rights to read are enough.
    pub async fn connect_to_read(settings: &PostgresSettings) -> Result<Self, PushedError> {
        let settings = settings.connection()?;
        let session = connect(&settings).await?;
        let sql = "SELECT (to_regclass('pushed_revisions') IS NOT NULL)::int::bigint";
        let rows = session.query(sql, Vec::new()).await?;
        let exists: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        match exists {
            1 => Ok(Self { session }),
            _ => Err(PostgresOpenError::NoTables {
                database: settings.database(),
                server: settings.server,
            }
            .into()),
        }
    }

    /// Stores a revision as the one in force, and returns its number.
    pub async fn push(
        &self,
        texts: &PushedTexts,
        rules: usize,
        intent: &PushIntent,
    ) -> Result<u64, PushedError> {
        let files: Vec<_> = texts
            .files
            .iter()
            .map(|(name, text)| (name, text))
            .collect();
        let files = serde_json::to_string(&files).map_err(|_| RowError("pushed rules"))?;
        let calendars = &texts.calendars;
        let calendars = serde_json::to_string(calendars).map_err(|_| RowError("pushed rules"))?;
        let sql = "INSERT INTO pushed_revisions (digest, files, rules, config_file, config, pushed, name, note, calendars)
            VALUES ($1, $2, $3, $4, $5, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $6, $7, $8)
            RETURNING id";
        let params = vec![
            Param::text(texts.digest()),
            Param::text(files),
            Param::int(i64::try_from(rules).unwrap_or(i64::MAX)),
            Param::text(&*texts.config.0),
            Param::text(&*texts.config.1),
            Param::Text(intent.by.clone()),
            Param::text(&*intent.note),
            Param::text(calendars),
        ];
        let rows = self.session.query(sql, params).await?;
        let row = rows.first().ok_or(RowError("pushed rules"))?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }

    /// How many of the live daemons use pushed rules, and how many are live.
    pub async fn users(&self) -> Result<(u64, u64), PushedError> {
        let sql = "SELECT count(*) FILTER (WHERE pushed = 1), count(*) FROM daemons WHERE live = 1
            AND lease_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let rows = self.session.query(sql, Vec::new()).await?;
        let row = rows.first().ok_or(RowError("daemons"))?;
        let number = |index| row.try_get::<_, i64>(index).map(i64::unsigned_abs);
        Ok((number(0)?, number(1)?))
    }

    /// The number of the revision in force.
    pub async fn newest_id(&self) -> Result<Option<u64>, PushedError> {
        let sql = "SELECT max(id) FROM pushed_revisions";
        let rows = self.session.query(sql, Vec::new()).await?;
        let id = rows.first().map(|row| row.try_get::<_, Option<i64>>(0));
        Ok(id.transpose()?.flatten().map(i64::unsigned_abs))
    }

    /// The revision in force.
    pub async fn newest(&self) -> Result<Option<PushedRevision>, PushedError> {
        let sql = format!(
            "SELECT {HEAD}, files, config_file, config, calendars FROM pushed_revisions ORDER BY id DESC LIMIT 1"
        );
        let rows = self.session.query(&sql, Vec::new()).await?;
        rows.first().map(revision).transpose()
    }

    /// The newest revisions, at most `limit`.
    pub async fn list(&self, limit: i64) -> Result<Vec<PushedHead>, PushedError> {
        let sql = format!("SELECT {HEAD} FROM pushed_revisions ORDER BY id DESC LIMIT $1");
        let rows = self.session.query(&sql, vec![Param::int(limit)]).await?;
        rows.iter().map(head).collect()
    }

    /// The revisions whose digest begins with some digits: the newest one of each digest.
    pub async fn find(&self, digits: &str) -> Result<Vec<PushedRevision>, PushedError> {
        let sql = format!(
            "SELECT DISTINCT ON (digest) {HEAD}, files, config_file, config, calendars FROM pushed_revisions
             WHERE starts_with(digest, $1) ORDER BY digest, id DESC LIMIT 2"
        );
        let rows = self.session.query(&sql, vec![Param::text(digits)]).await?;
        rows.iter().map(revision).collect()
    }
}

fn head(row: &Row) -> Result<PushedHead, PushedError> {
    let number =
        |index| -> Result<u64, PushedError> { Ok(row.try_get::<_, i64>(index)?.unsigned_abs()) };
    Ok(PushedHead {
        id: number(0)?,
        digest: row.try_get(1)?,
        rules: number(2)?,
        at: codec::time(row.try_get(3)?),
        by: row.try_get(4)?,
        note: row.try_get(5)?,
    })
}

fn revision(row: &Row) -> Result<PushedRevision, PushedError> {
    let files: String = row.try_get(6)?;
    let files: Vec<(Arc<str>, Arc<str>)> =
        serde_json::from_str(&files).map_err(|_| RowError("pushed rules"))?;
    let text =
        |index| -> Result<Arc<str>, PushedError> { Ok(row.try_get::<_, String>(index)?.into()) };
    Ok(PushedRevision {
        head: head(row)?,
        texts: PushedTexts {
            files,
            config: (text(7)?, text(8)?),
            calendars: serde_json::from_str(&text(9)?).map_err(|_| RowError("pushed rules"))?,
        },
    })
}
