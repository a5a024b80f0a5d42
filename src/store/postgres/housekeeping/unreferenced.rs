//! Deletes what nothing refers to any more: revisions, rules, configurations and texts, and the addresses of exchanges.
//!
//! Daemons remember ids of these rows, for an hour at most without refreshing the column `used`. Only what was not used for two
//! days is deleted. A run or event of a day refers to versions that were used on that day, so versions from before the first
//! day that is kept have no references, and no table of runs is searched.

use std::time::{Duration, Instant};

use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::MICROS_PER_DAY;
use crate::store::postgres::session::{Param, Pipeline, PostgresSession};

/// Rows without use for this long are deleted if nothing refers to them.
const UNUSED: i64 = 2 * MICROS_PER_DAY;
/// Between two deletions of versions.
const EACH: Duration = Duration::from_secs(3_600);
/// Addresses of one table that one maintenance looks at.
const MAX_ADDRESSES: i64 = 2_000;

/// Where the last maintenance has stopped.
#[derive(Debug, Default)]
pub struct UnreferencedRows {
    /// When versions were deleted last.
    pub versions_at: Option<Instant>,
    /// The last row that was looked at, in each table of addresses.
    urls_until: i64,
    receivers_until: i64,
}

impl UnreferencedRows {
    pub async fn delete(
        &mut self,
        session: &PostgresSession,
        now: i64,
    ) -> Result<(), PostgresError> {
        if self.versions_at.is_none_or(|at| at.elapsed() >= EACH) {
            delete_versions(session, now).await?;
            self.versions_at = Some(Instant::now());
        }
        let unused = now.saturating_sub(UNUSED);
        let (urls, receivers) = (self.urls_until, self.receivers_until);
        self.urls_until = delete_addresses(session, "request_urls", "url", urls, unused).await?;
        self.receivers_until =
            delete_addresses(session, "receivers", "receiver", receivers, unused).await?;
        Ok(())
    }
}

async fn delete_versions(session: &PostgresSession, now: i64) -> Result<(), PostgresError> {
    let first = session
        .query("SELECT min(day) FROM days", Vec::new())
        .await?;
    let Some(first) = first[0].try_get::<_, Option<i64>>(0)? else {
        return Ok(());
    };
    // Clocks differ, and what is in use is refreshed once per hour: a day more than enough.
    let before_days = (first - 1).saturating_mul(MICROS_PER_DAY);
    let unused = before_days.min(now.saturating_sub(UNUSED));
    let mut delete = Pipeline::default();
    delete.query(
        "UPDATE revisions SET used = $1 WHERE id IN (SELECT revision FROM daemons WHERE live = 1)",
        vec![Param::int(now)],
    );
    for sql in [
        "DELETE FROM revisions WHERE used < $1
             AND id NOT IN (SELECT revision FROM daemons WHERE revision IS NOT NULL)
             AND id NOT IN (SELECT revision FROM activations ORDER BY id DESC LIMIT 1)",
        "DELETE FROM rules WHERE used < $1
             AND NOT EXISTS (SELECT 1 FROM live_runs WHERE live_runs.rule = rules.id)",
        "DELETE FROM configs WHERE used < $1
             AND id NOT IN (SELECT config FROM revisions) AND id NOT IN (SELECT config FROM rules)",
        "DELETE FROM texts WHERE used < $1 AND id NOT IN (SELECT text FROM configs)
             AND id NOT IN (SELECT (entry ->> 1)::bigint FROM revisions, json_array_elements(files::json) AS entry)",
    ] {
        delete.query(sql, vec![Param::int(unused)]);
    }
    delete.query(
        "DELETE FROM activations WHERE revision NOT IN (SELECT id FROM revisions)",
        Vec::new(),
    );
    session.run(&delete).await?;
    Ok(())
}

/// Looks at the next addresses of a table, and deletes those that no exchange has. Returns the last of them, or 0 at the end.
async fn delete_addresses(
    session: &PostgresSession,
    table: &str,
    column: &str,
    after: i64,
    unused: i64,
) -> Result<i64, PostgresError> {
    // One that another daemon locks is about to be used.
    let sql = format!(
        "WITH next AS MATERIALIZED (SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT $2),
         free AS MATERIALIZED (
             SELECT a.id FROM {table} AS a JOIN next ON next.id = a.id WHERE a.used < $3
                 AND NOT EXISTS (SELECT 1 FROM exchanges WHERE exchanges.{column} = a.id)
             FOR UPDATE OF a SKIP LOCKED),
         gone AS (DELETE FROM {table} WHERE id IN (SELECT id FROM free))
         SELECT CASE WHEN count(*) < $2 THEN 0 ELSE max(id) END FROM next"
    );
    let params = vec![
        Param::int(after),
        Param::int(MAX_ADDRESSES),
        Param::int(unused),
    ];
    Ok(session.query(&sql, params).await?[0].try_get(0)?)
}
