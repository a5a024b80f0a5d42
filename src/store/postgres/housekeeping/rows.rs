//! Deletes old rows of tables that have no partitions, with the limits of the SQLite store.

use jiff::SignedDuration;

use super::MAX_DELETED;
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::MICROS_PER_DAY;
use crate::store::postgres::session::{Param, Pipeline, PostgresSession};
use crate::store::sqlite::codec::duration_micros;
use crate::store::sqlite::deliveries::{accepted_column, max_rows};
use crate::store::sqlite::retention::{KEEP_DELIVERIES, LATEST_COMMIT, MAX_ACTIVATIONS};
use crate::store::sqlite::waiters::lifetime::KEEP_CLOSED;
use crate::store::sqlite::waiters::plan::LOOKBACK;
use crate::store::{DeliveryKind, StoreSettings};

/// How long numbers by minute are kept.
const KEEP_MINUTES: i64 = 7 * 1_440;
/// How long what runs wait for is kept without use: daemons note its use once an hour.
const UNUSED_SUBJECTS: i64 = 2 * MICROS_PER_DAY;
const MAX_COMMANDS: i64 = 20_000;

fn before(now: i64, time: SignedDuration) -> i64 {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    now.saturating_sub(micros)
}

/// Deletes rows of tables without partitions that are too old or too many.
pub async fn delete_rows(
    session: &PostgresSession,
    settings: &StoreSettings,
    now: i64,
) -> Result<(), PostgresError> {
    let limit = || Param::int(MAX_DELETED);
    let mut delete = Pipeline::default();
    delete.query(
        "DELETE FROM gate_admissions WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM gate_admissions WHERE until < $1 LIMIT $2))",
        vec![Param::int(now.saturating_sub(LATEST_COMMIT)), limit()],
    );
    let kept = duration_micros(settings.retention.keep_for);
    delete.query(
        "WITH old AS (
             DELETE FROM counted_values WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM counted_values WHERE changed < $1 LIMIT $2)) RETURNING queue, value)
         DELETE FROM counted_events AS e USING old WHERE e.queue = old.queue AND e.value = old.value",
        vec![Param::int(now.saturating_sub(kept)), limit()],
    );
    delete.query(
        "UPDATE waiters SET value = NULL WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM waiters WHERE closed < $1 AND closed IS NOT NULL AND value IS NOT NULL LIMIT $2
             FOR UPDATE SKIP LOCKED))",
        vec![Param::int(before(now, KEEP_CLOSED)), limit()],
    );
    delete.query(
        "DELETE FROM recent_events WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM recent_events WHERE at < $1 LIMIT $2))",
        vec![Param::int(before(now, LOOKBACK)), limit()],
    );
    delete.query(
        "DELETE FROM awaited WHERE used < $1 AND NOT EXISTS (SELECT 1 FROM waiters WHERE subject = awaited.id)",
        vec![Param::int(now.saturating_sub(UNUSED_SUBJECTS))],
    );
    let every = duration_micros(settings.limits.notice_every);
    // A summary that has not run yet takes further failures, however late it is.
    delete.query(
        "DELETE FROM notices WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM notices WHERE until < $1
                 AND NOT EXISTS (SELECT 1 FROM live_runs WHERE id = summary AND state = 'waiting')
             LIMIT $2 FOR UPDATE SKIP LOCKED))",
        vec![Param::int(now.saturating_sub(every)), limit()],
    );
    let minute = now / 60_000_000 - KEEP_MINUTES;
    delete.query(
        "DELETE FROM minutes WHERE minute < $1",
        vec![Param::int(minute)],
    );
    delete.query(
        "DELETE FROM commands WHERE id <= (SELECT max(id) FROM commands) - $1",
        vec![Param::int(MAX_COMMANDS)],
    );
    delete.query(
        "DELETE FROM activations WHERE id <= (SELECT max(id) FROM activations) - $1",
        vec![Param::int(MAX_ACTIVATIONS)],
    );
    delete.query(
        "DELETE FROM deliveries WHERE received < $1",
        vec![Param::int(
            now.saturating_sub(duration_micros(KEEP_DELIVERIES)),
        )],
    );
    for kind in DeliveryKind::ALL {
        let most = max_rows(kind, settings);
        delete.query(
            "DELETE FROM deliveries WHERE accepted = $1 AND id <= (
                 SELECT id FROM deliveries WHERE accepted = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)",
            vec![Param::int(accepted_column(kind)), Param::int(most)],
        );
    }
    session.run(&delete).await?;
    Ok(())
}

/// Adds the counts of daemons that have ended to one row, so that sums stay short.
pub async fn fold_counts(session: &PostgresSession) -> Result<(), PostgresError> {
    let sql = "WITH ended AS (
            DELETE FROM run_counts WHERE daemon >= 4 AND daemon / 4 NOT IN (SELECT id FROM daemons WHERE live = 1)
            RETURNING queue, state, count)
        INSERT INTO run_counts (daemon, queue, state, count)
        SELECT -1, queue, state, sum(count) FROM ended GROUP BY queue, state ORDER BY queue, state
        ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count";
    session.query(sql, Vec::new()).await?;
    Ok(())
}
