//! Retention by whole days: drops the partitions of days that are too old, or of the oldest day if all are too large.

use std::collections::BTreeSet;
use std::time::Duration;

use super::MAX_DELETED;
use crate::store::StoreSettings;
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::{PARTITIONED, day_of, partition};
use crate::store::postgres::session::{Param, Pipeline, PostgresSession};
use flowtrigger_core::config::archive::ArchiveScope;

/// Days by what their partitions hold.
#[derive(Debug, Clone, Copy)]
struct RetainedDay {
    day: i64,
    has_runs: bool,
    has_archive: bool,
}

/// Drops the partitions of days that are over their time or beyond their size.
pub async fn drop_days(
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

/// Bytes of the partitions of some tables.
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

/// Drops runs, their events, logs and exchanges of a day, unless one of the runs is unfinished or held, or a run of another
/// day has an event of this day.
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
             UNION ALL SELECT 1::bigint FROM ended_runs WHERE event_day = $1 AND day <> $1
             UNION ALL SELECT 1::bigint FROM matched_events AS e JOIN gathered AS g ON g.event = e.id
                 JOIN windows AS w ON w.id = g.gathering
                 WHERE e.day = $1 AND NOT EXISTS (SELECT 1 FROM ended_runs AS r WHERE r.id = w.run AND r.day = $1)
             LIMIT 1",
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
        "DELETE FROM waiters WHERE run IN (SELECT id FROM ended_runs WHERE day = $1)",
        "DELETE FROM inbox WHERE run IN (SELECT id FROM ended_runs WHERE day = $1)",
        "DELETE FROM counted_events WHERE run IN (SELECT id FROM ended_runs WHERE day = $1)",
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
