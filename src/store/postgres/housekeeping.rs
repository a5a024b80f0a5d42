//! Periodic work: partitions for the next days, retention by whole days, and rows that nothing refers to. One daemon does what all
//! share: the one in the first slot.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::PostgresError;
use super::executor::Executor;
use super::schema::{PARTITIONED, day_of, ensure_days, partition};
use super::session::{Param, Pipeline, PostgresSession};
use super::shared::{Counter, NOW};
use crate::store::{MAX_ACCEPTED_DELIVERIES, MAX_REJECTED_DELIVERIES, StoreSettings};
use flowtrigger_core::config::archive::ArchiveScope;

/// Days whose partitions are created ahead.
const DAYS_AHEAD: i64 = 2;
/// Rows of one table that one statement deletes.
const MAX_DELETED: i64 = 10_000;
/// How long commands and numbers by minute are kept.
const KEEP_MINUTES: i64 = 7 * 1_440;
const MAX_COMMANDS: i64 = 20_000;
const KEEP_DELIVERIES_MICROS: i64 = 30 * 86_400_000_000;
/// A transaction that keeps old rows from being removed for longer than this is warned of.
const OLD_SNAPSHOT: Duration = Duration::from_secs(600);

/// What the last maintenance saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseUse {
    pub bytes: u64,
    /// Bytes of unmatched events.
    pub archive_bytes: u64,
    /// How long the oldest transaction of the server has kept old rows from being removed.
    pub oldest_snapshot: Duration,
    /// Rows in `live_runs` that were changed and not yet removed.
    pub dead_rows: u64,
}

/// Days by what their partitions hold.
#[derive(Debug, Clone, Copy)]
struct RetainedDay {
    day: i64,
    has_runs: bool,
    has_archive: bool,
}

impl Executor {
    /// What is done every half minute.
    pub async fn maintain(&mut self) -> Result<(), PostgresError> {
        let settings = self.workspace.state().settings.clone();
        let place = self.shared.member();
        let counter = place.counter(Counter::Housekeeping);
        let session = self.connector.session().await?;
        let now: i64 = session.query(NOW, Vec::new()).await?[0].try_get(0)?;
        let today = day_of(now);
        let days: Vec<i64> = (today..=today + DAYS_AHEAD).collect();
        ensure_days(session, &days).await?;
        let used = measure(session).await?;
        self.shared.set_used(used);
        if used.oldest_snapshot > OLD_SNAPSHOT && place.rank == 0 {
            tracing::warn!(
                seconds = used.oldest_snapshot.as_secs(),
                dead_rows = used.dead_rows,
                "a transaction on the server keeps old rows from being removed; look for it in `pg_stat_activity` (`xact_start`) and end it"
            );
        }
        if place.rank != 0 {
            return Ok(());
        }
        delete_rows(session, now).await?;
        drop_days(session, &settings, now, counter).await?;
        fold_counts(session).await
    }
}

async fn measure(session: &PostgresSession) -> Result<DatabaseUse, PostgresError> {
    let mut ask = Pipeline::default();
    ask.query(
        "SELECT pg_database_size(current_database())::bigint",
        Vec::new(),
    );
    ask.query(
        "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits
         WHERE inhparent = 'unmatched_events'::regclass",
        Vec::new(),
    );
    ask.query(
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::bigint FROM pg_stat_activity
         WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()",
        Vec::new(),
    );
    ask.query(
        "SELECT coalesce(max(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'live_runs'",
        Vec::new(),
    );
    let answers = session.run(&ask).await?;
    let number = |index: usize| -> Result<u64, PostgresError> {
        let number: i64 = answers[index][0].try_get(0)?;
        Ok(number.unsigned_abs())
    };
    Ok(DatabaseUse {
        bytes: number(0)?,
        archive_bytes: number(1)?,
        oldest_snapshot: Duration::from_secs(number(2)?),
        dead_rows: number(3)?,
    })
}

/// Deletes rows of tables without partitions that are too old, or that nothing refers to.
async fn delete_rows(session: &PostgresSession, now: i64) -> Result<(), PostgresError> {
    let limit = || Param::int(MAX_DELETED);
    let mut delete = Pipeline::default();
    delete.query(
        "DELETE FROM gate_admissions WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM gate_admissions WHERE until < $1 LIMIT $2))",
        vec![Param::int(now), limit()],
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
        "DELETE FROM deliveries WHERE received < $1",
        vec![Param::int(now - KEEP_DELIVERIES_MICROS)],
    );
    for (accepted, most) in [(1, MAX_ACCEPTED_DELIVERIES), (0, MAX_REJECTED_DELIVERIES)] {
        delete.query(
            "DELETE FROM deliveries WHERE accepted = $1 AND id <= (
                 SELECT id FROM deliveries WHERE accepted = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)",
            vec![Param::int(accepted), Param::int(most as i64)],
        );
    }
    session.run(&delete).await?;
    Ok(())
}

/// Drops the partitions of days that are over their time or beyond their size.
async fn drop_days(
    session: &PostgresSession,
    settings: &StoreSettings,
    now: i64,
    counter: i64,
) -> Result<(), PostgresError> {
    let micros = |keep: Duration| i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let runs_until = day_of(now.saturating_sub(micros(settings.retention.keep_for)));
    let archive_until = day_of(now.saturating_sub(micros(settings.archive.keep_for)));
    let rows = session
        .query(
            "SELECT day, runs, archive FROM days ORDER BY day",
            Vec::new(),
        )
        .await?;
    let mut days = Vec::with_capacity(rows.len());
    for row in &rows {
        days.push(RetainedDay {
            day: row.try_get(0)?,
            has_runs: row.try_get::<_, i64>(1)? == 1,
            has_archive: row.try_get::<_, i64>(2)? == 1,
        });
    }
    let today = day_of(now);
    let past = days.iter().filter(|day| day.day < today);
    let oldest =
        |has: fn(&RetainedDay) -> bool| past.clone().find(|day| has(day)).map(|day| day.day);
    let mut drop_runs: BTreeSet<i64> = past
        .clone()
        .filter(|day| day.has_runs && day.day < runs_until)
        .map(|day| day.day)
        .collect();
    let mut drop_archive: BTreeSet<i64> = past
        .clone()
        .filter(|day| day.has_archive && day.day < archive_until)
        .map(|day| day.day)
        .collect();
    if size(
        session,
        &["matched_events", "ended_runs", "log_entries", "exchanges"],
    )
    .await?
        > settings.retention.at_most
    {
        drop_runs.extend(oldest(|day| day.has_runs));
    }
    if size(session, &["unmatched_events"]).await? > settings.archive.at_most {
        match oldest(|day| day.has_archive) {
            Some(day) => drop_archive.extend([day]),
            None => delete_oldest_unmatched(session, today).await?,
        }
    }
    for day in drop_runs {
        // Events that led to runs may stay in the archive, unless its time is over too.
        let archive = match day >= archive_until {
            true => settings.archive.events,
            false => ArchiveScope::Off,
        };
        drop_runs_of(session, day, archive, counter).await?;
    }
    for day in drop_archive {
        drop_partition(session, "unmatched_events", day).await?;
        let sql = "UPDATE days SET archive = 0 WHERE day = $1";
        session.query(sql, vec![Param::int(day)]).await?;
    }
    let sql = "DELETE FROM days WHERE runs = 0 AND archive = 0";
    session.query(sql, Vec::new()).await?;
    Ok(())
}

async fn size(session: &PostgresSession, tables: &[&str]) -> Result<u64, PostgresError> {
    let rows = session
        .query(
            "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits
             WHERE inhparent = ANY(SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS wanted(name))",
            vec![Param::texts(tables.iter().copied())],
        )
        .await?;
    Ok(rows[0].try_get::<_, i64>(0)?.unsigned_abs())
}

/// The archive of one day alone is larger than its limit.
async fn delete_oldest_unmatched(
    session: &PostgresSession,
    today: i64,
) -> Result<(), PostgresError> {
    let sql = "DELETE FROM unmatched_events WHERE day = $1 AND id IN (
        SELECT id FROM unmatched_events WHERE day = $1 ORDER BY received LIMIT $2)";
    let params = vec![Param::int(today), Param::int(MAX_DELETED)];
    session.query(sql, params).await?;
    Ok(())
}

/// Drops runs, their events, logs and exchanges of a day, unless one of the runs is unfinished or held.
async fn drop_runs_of(
    session: &PostgresSession,
    day: i64,
    archive: ArchiveScope,
    counter: i64,
) -> Result<(), PostgresError> {
    let of = || vec![Param::int(day)];
    let needed = session
        .query(
            "SELECT 1::bigint FROM live_runs WHERE day = $1 OR event_day = $1
             UNION ALL SELECT 1::bigint FROM ended_runs WHERE (day = $1 OR event_day = $1) AND state = 'held'
             UNION ALL SELECT 1::bigint FROM ended_runs WHERE event_day = $1 AND day <> $1 LIMIT 1",
            of(),
        )
        .await?;
    if !needed.is_empty() {
        return Ok(());
    }
    let mut change = Pipeline::default();
    change.plain("BEGIN");
    change.query(
        "INSERT INTO run_counts (daemon, queue, state, count)
         SELECT $2, queue, state, -count(*) FROM ended_runs WHERE day = $1 GROUP BY queue, state ORDER BY queue, state
         ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count",
        vec![Param::int(day), Param::int(counter)],
    );
    if archive == ArchiveScope::Full {
        change.query(
            "INSERT INTO unmatched_events SELECT id, source, type, event_id, key, received, revision, redelivered,
                 last_received, size, body, endpoint, differed, 1, last_generation, delivery, delivery_index,
                 received_unmatched, day
             FROM matched_events WHERE day = $1",
            of(),
        );
    }
    for sql in [
        "DELETE FROM seen WHERE day = $1",
        "DELETE FROM gathered WHERE gathering IN (
             SELECT w.id FROM windows AS w JOIN ended_runs AS r ON r.id = w.run AND r.day = $1)",
        "DELETE FROM windows WHERE run IN (SELECT id FROM ended_runs WHERE day = $1)",
        "DELETE FROM gate_admissions WHERE day = $1",
        "DELETE FROM ended_runs WHERE day = $1",
        "UPDATE days SET runs = 0 WHERE day = $1",
    ] {
        change.query(sql, of());
    }
    change.plain("COMMIT");
    session.run(&change).await?;
    for table in PARTITIONED {
        if table != "unmatched_events" {
            drop_partition(session, table, day).await?;
        }
    }
    Ok(())
}

/// Detaches a partition without a lock that others wait for, and drops it.
async fn drop_partition(
    session: &PostgresSession,
    table: &str,
    day: i64,
) -> Result<(), PostgresError> {
    let name = partition(table, day);
    let find = "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass($1)";
    let attached = session.query(find, vec![Param::text(&*name)]).await?;
    if let Some(row) = attached.first() {
        let how = match row.try_get::<_, bool>(0)? {
            true => "FINALIZE",
            false => "CONCURRENTLY",
        };
        let detach = format!("ALTER TABLE {table} DETACH PARTITION {name} {how}");
        session.plain(&detach).await?;
    }
    session.plain(&format!("DROP TABLE IF EXISTS {name}")).await
}

/// Adds the counts of daemons that have ended to one row, so that sums stay short.
async fn fold_counts(session: &PostgresSession) -> Result<(), PostgresError> {
    let sql = "WITH ended AS (
            DELETE FROM run_counts WHERE daemon >= 4 AND daemon / 4 NOT IN (SELECT id FROM daemons WHERE live = 1)
            RETURNING queue, state, count)
        INSERT INTO run_counts (daemon, queue, state, count)
        SELECT -1, queue, state, sum(count) FROM ended GROUP BY queue, state ORDER BY queue, state
        ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count";
    session.query(sql, Vec::new()).await?;
    Ok(())
}
