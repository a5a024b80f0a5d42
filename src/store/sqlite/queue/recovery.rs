//! What the store does at its start about runs that were running when the process ended without shutdown:
//! they are suspects, queued again and claimed one at a time. Only a run that was alone counts a crash; after
//! three of them it is held.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::store::RecoveryReport;
use crate::store::sqlite::codec::micros;
use flowtrigger_core::run::RunId;

/// Crashes with only this run running, before it is held.
const MAX_CRASHES: i64 = 3;

/// Queues the runs that were running, or holds them. With `traces`, those that it holds are noted for the exporter.
pub fn recover(
    connection: &mut Connection,
    now: Timestamp,
    traces: bool,
) -> rusqlite::Result<RecoveryReport> {
    let transaction = connection.transaction()?;
    let running: Vec<i64> = {
        let mut statement = transaction.prepare("SELECT id FROM runs WHERE state = 'running'")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        ids.collect::<Result<_, _>>()?
    };
    let mut report = RecoveryReport::default();
    let alone = running.len() == 1;
    for run in running {
        transaction.execute(
            "UPDATE runs SET crashes = crashes + ?2 WHERE id = ?1",
            params![run, i64::from(alone)],
        )?;
        let crashes: i64 =
            transaction.query_row("SELECT crashes FROM runs WHERE id = ?1", [run], |row| {
                row.get(0)
            })?;
        let id = RunId(run as u64);
        if crashes >= MAX_CRASHES {
            quarantine(&transaction, run, now)?;
            if traces {
                let sql = "INSERT OR IGNORE INTO untraced_runs (ended, run) VALUES (?1, ?2)";
                transaction.execute(sql, params![micros(now), run])?;
            }
            report.quarantined.push(id);
        } else {
            transaction.execute(
                "UPDATE runs SET state = 'queued', ready = 1, suspect = 1 WHERE id = ?1",
                [run],
            )?;
            report.suspects.push(id);
        }
    }
    transaction.commit()?;
    Ok(report)
}

fn quarantine(connection: &Connection, run: i64, now: Timestamp) -> rusqlite::Result<()> {
    let why = format!(
        "quarantined: the program ended {MAX_CRASHES} times while only this run was running; check its step, then run `flowtrigger runs retry {run}`"
    );
    connection.execute(
        "UPDATE runs SET state = 'held', why = ?2, ready = NULL, suspect = 0, changed = ?3 WHERE id = ?1",
        params![run, why, micros(now)],
    )?;
    // Its lane goes to the next run, or is released.
    connection.execute(
        "UPDATE lanes SET owner = coalesce((
             SELECT next.id FROM runs AS next
             WHERE next.queue = lanes.queue AND next.lane = lanes.value AND next.ready = 0
             ORDER BY next.position LIMIT 1), owner)
         WHERE owner = ?1",
        [run],
    )?;
    connection.execute(
        "UPDATE runs SET ready = 1
         WHERE ready = 0 AND id IN (SELECT owner FROM lanes)",
        [],
    )?;
    connection.execute("DELETE FROM lanes WHERE owner = ?1", [run])?;
    Ok(())
}
