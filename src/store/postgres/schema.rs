//! Creates and upgrades the schema under a lock, and creates the partitions of days.

use super::error::{PostgresError, PostgresOpenError};
use super::session::{Param, PostgresSession};
use super::settings::ConnectionSettings;

/// The migrations, oldest first: version N is the result of the first N on an empty database.
const MIGRATIONS: [&str; 7] = [
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_pushed.sql"),
    include_str!("migrations/0003_notices.sql"),
    include_str!("migrations/0004_suspensions.sql"),
    include_str!("migrations/0005_traces.sql"),
    include_str!("migrations/0006_time.sql"),
    include_str!("migrations/0007_shadow_versions.sql"),
];

/// The version that this program writes.
pub const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// The oldest program that works beside this schema: the number of the last migration that older programs cannot
/// live with. A migration that only adds tables and columns does not change it. Programs before 6 compare no event with what
/// runs wait for, and cannot read the entries of logs about events, answers and ends of waits.
const COMPATIBLE_FROM: i64 = 6;

/// The advisory lock of migrations and partitions: "flowtrg".
const LOCK: i64 = 0x66_6c_6f_77_74_72_67;

pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Tables with one partition for each day.
pub const PARTITIONED: [&str; 5] = [
    "matched_events",
    "unmatched_events",
    "ended_runs",
    "log_entries",
    "exchanges",
];

/// The day of a time in microseconds.
pub fn day_of(micros: i64) -> i64 {
    micros.div_euclid(MICROS_PER_DAY)
}

/// Brings the schema to this version. One that is newer is used if its writer said that this version may.
pub async fn migrate(
    session: &PostgresSession,
    settings: &ConnectionSettings,
) -> Result<(), PostgresOpenError> {
    let unusable = |error: PostgresError| unusable(settings, &error);
    check_encoding(session, settings).await?;
    session.plain("BEGIN").await.map_err(unusable)?;
    let migrated = migrate_locked(session, settings).await;
    match migrated {
        Ok(()) => session.plain("COMMIT").await.map_err(unusable),
        Err(error) => {
            drop(session.plain("ROLLBACK").await);
            Err(error)
        }
    }
}

/// Why the schema cannot be prepared.
fn unusable(settings: &ConnectionSettings, error: &PostgresError) -> PostgresOpenError {
    let server = settings.server.clone();
    match error.is_denied() {
        true => PostgresOpenError::NotOwner {
            server,
            database: settings.database(),
            user: settings.user(),
            why: error.to_string(),
        },
        false => PostgresOpenError::Unusable {
            server,
            why: error.to_string(),
        },
    }
}

/// Fails if the database cannot store all texts of events.
async fn check_encoding(
    session: &PostgresSession,
    settings: &ConnectionSettings,
) -> Result<(), PostgresOpenError> {
    let unusable = |error: PostgresError| unusable(settings, &error);
    let ask = "SELECT current_setting('server_encoding')";
    let rows = session.query(ask, Vec::new()).await.map_err(unusable)?;
    let row = rows.first().map(|row| row.try_get::<_, String>(0));
    let encoding = row.transpose().map_err(PostgresError::from);
    let encoding = encoding.map_err(unusable)?.unwrap_or_default();
    match encoding.as_str() {
        "UTF8" => Ok(()),
        _ => Err(PostgresOpenError::Encoding {
            server: settings.server.clone(),
            database: settings.database(),
            encoding,
        }),
    }
}

async fn migrate_locked(
    session: &PostgresSession,
    settings: &ConnectionSettings,
) -> Result<(), PostgresOpenError> {
    let unusable = |error: PostgresError| unusable(settings, &error);
    let lock = "SELECT 1::bigint FROM (SELECT pg_advisory_xact_lock($1)) AS locked";
    let locked = session.query(lock, vec![Param::int(LOCK)]).await;
    locked.map_err(unusable)?;
    session
        .plain(
            "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL, compatible_from BIGINT NOT NULL)",
        )
        .await
        .map_err(unusable)?;
    let rows = session
        .query(
            "SELECT max(version), max(compatible_from) FROM schema_version",
            Vec::new(),
        )
        .await
        .map_err(unusable)?;
    let number = |index: usize| {
        let row = rows.first();
        row.and_then(|row| row.get::<_, Option<i64>>(index))
            .unwrap_or_default()
    };
    let (found, compatible_from) = (number(0), number(1));
    if found > SCHEMA {
        return match compatible_from <= SCHEMA {
            true => Ok(()),
            false => Err(PostgresOpenError::Newer {
                server: settings.server.clone(),
                found,
                known: SCHEMA,
            }),
        };
    }
    let from = usize::try_from(found).unwrap_or_default();
    for migration in &MIGRATIONS[from.min(MIGRATIONS.len())..] {
        session.plain(migration).await.map_err(unusable)?;
    }
    if found < SCHEMA {
        let set = "INSERT INTO schema_version VALUES ($1, $2)";
        let params = vec![Param::int(SCHEMA), Param::int(COMPATIBLE_FROM)];
        session.query(set, params).await.map_err(unusable)?;
        if found > 0 {
            let server = &settings.server;
            tracing::info!(%server, from = found, to = SCHEMA, "database upgraded");
        }
    }
    Ok(())
}

/// Creates the partitions of some days that do not exist yet.
pub async fn ensure_days(session: &PostgresSession, days: &[i64]) -> Result<(), PostgresError> {
    let missing = session
        .query(
            "SELECT day FROM unnest($1::bigint[]) AS wanted(day) WHERE day NOT IN (SELECT day FROM days) ORDER BY day",
            vec![Param::ints(days.iter().copied())],
        )
        .await?;
    for row in missing {
        let day: i64 = row.try_get(0)?;
        session.plain("BEGIN").await?;
        let created = create_day(session, day).await;
        match created {
            Ok(()) => session.plain("COMMIT").await?,
            Err(error) => {
                drop(session.plain("ROLLBACK").await);
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn create_day(session: &PostgresSession, day: i64) -> Result<(), PostgresError> {
    let lock = "SELECT 1::bigint FROM (SELECT pg_advisory_xact_lock($1)) AS locked";
    session.query(lock, vec![Param::int(LOCK)]).await?;
    let insert = "INSERT INTO days (day) VALUES ($1) ON CONFLICT DO NOTHING RETURNING day";
    let inserted = session.query(insert, vec![Param::int(day)]).await?;
    if inserted.is_empty() {
        return Ok(());
    }
    for table in PARTITIONED {
        let next = day + 1;
        let partition = partition(table, day);
        session
            .plain(&format!(
                "CREATE TABLE IF NOT EXISTS {partition} PARTITION OF {table} FOR VALUES FROM ({day}) TO ({next})"
            ))
            .await?;
    }
    Ok(())
}

/// The name of a table's partition.
pub fn partition(table: &str, day: i64) -> String {
    // Days before 1970 have no minus sign in their name.
    match day < 0 {
        true => format!("{table}_before_{}", day.unsigned_abs()),
        false => format!("{table}_{day}"),
    }
}
