//! What runs wait for, as all daemons know it: registered with the revision of a daemon and with the waiters of a commit, read
//! again when another daemon has added something.
//!
//! Rows without use are deleted after two days, so each daemon notes the use of what its rules name at least once an hour.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::PostgresError;
use super::session::{Param, PostgresSession};
use super::shared::Shared;
use crate::store::awaited::{AwaitedSubject, AwaitedTypes};

/// How long the use of a subject is not noted again.
const NOTED: Duration = Duration::from_secs(3_600);

/// What [`AwaitedTypes::version`] is now, as two columns.
pub const VERSION: &str =
    "(SELECT count(*) FROM awaited), (SELECT coalesce(max(id), 0) FROM awaited)";

/// The subjects whose use this thread has noted.
#[derive(Debug, Default)]
pub struct NotedSubjects {
    known: HashSet<AwaitedSubject>,
    since: Option<Instant>,
}

impl NotedSubjects {
    /// Makes sure that subjects have rows, which are not deleted within the next days. Tells the others of new ones.
    pub async fn note(
        &mut self,
        session: &PostgresSession,
        shared: &Shared,
        subjects: &[AwaitedSubject],
    ) -> Result<(), PostgresError> {
        if self.since.is_none_or(|since| since.elapsed() >= NOTED) {
            self.known.clear();
            self.since = Some(Instant::now());
        }
        let mut missing: Vec<&AwaitedSubject> = subjects
            .iter()
            .filter(|subject| !self.known.contains(subject))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable();
        missing.dedup();
        let sql = "INSERT INTO awaited (source, type, path)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
            ON CONFLICT (source, type, path) DO UPDATE SET used = excluded.used
                WHERE awaited.used < excluded.used - 3600000000";
        let params = vec![
            Param::texts(missing.iter().map(|subject| &subject.source)),
            Param::texts(missing.iter().map(|subject| &subject.event_type)),
            Param::texts(missing.iter().map(|subject| &subject.path)),
        ];
        session.query(sql, params).await?;
        let known = shared.awaited.load();
        let has_new = missing.iter().any(|subject| known.row(subject).is_none());
        self.known.extend(missing.into_iter().cloned());
        if has_new {
            read_subjects(session, shared).await?;
            shared.notifier.changed();
        }
        Ok(())
    }
}

/// Reads all subjects.
pub async fn read_subjects(
    session: &PostgresSession,
    shared: &Shared,
) -> Result<(), PostgresError> {
    let sql = "SELECT id, source, type, path FROM awaited ORDER BY id";
    let mut rows = Vec::new();
    for row in session.query(sql, Vec::new()).await? {
        let subject = AwaitedSubject {
            source: row.try_get(1)?,
            event_type: row.try_get(2)?,
            path: row.try_get(3)?,
        };
        rows.push((row.try_get(0)?, subject));
    }
    shared.awaited.store(Arc::new(AwaitedTypes::new(rows)));
    Ok(())
}

/// Whether this daemon knows all subjects, given the columns of [`VERSION`] from an index on.
pub fn is_current(
    row: &tokio_postgres::Row,
    index: usize,
    shared: &Shared,
) -> Result<bool, PostgresError> {
    let version = (row.try_get(index)?, row.try_get(index + 1)?);
    Ok(shared.awaited.load().version == version)
}
