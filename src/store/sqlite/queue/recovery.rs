//! After a start: what was under way when the program ended without a word, and what is done about it.
//! It blames no run that was not alone: a program that is killed takes innocents with it.

use rusqlite::{Connection, params};

use super::codec::micros;
use crate::core::run::RunId;
use jiff::Timestamp;

/// Ends of the program beside a run alone, before the run is held.
const MOST_CRASHES: i64 = 3;

/// What the last end of the program left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// They go on one at a time, and alone.
    pub suspects: Vec<RunId>,
    /// Held, because the program ended three times beside them alone.
    pub quarantined: Vec<RunId>,
}

/// Puts what was under way back into its queue.
pub fn recover(connection: &mut Connection, now: Timestamp) -> rusqlite::Result<Recovered> {
    let transaction = connection.transaction()?;
    let under_way: Vec<i64> = {
        let mut statement = transaction.prepare("SELECT id FROM runs WHERE state = 'running'")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        ids.collect::<Result<_, _>>()?
    };
    let mut recovered = Recovered::default();
    let alone = under_way.len() == 1;
    for run in under_way {
        transaction.execute(
            "UPDATE runs SET crashes = crashes + ?2 WHERE id = ?1",
            params![run, i64::from(alone)],
        )?;
        let crashes: i64 =
            transaction.query_row("SELECT crashes FROM runs WHERE id = ?1", [run], |row| {
                row.get(0)
            })?;
        let id = RunId(run as u64);
        if crashes >= MOST_CRASHES {
            quarantine(&transaction, run, now)?;
            recovered.quarantined.push(id);
        } else {
            transaction.execute(
                "UPDATE runs SET state = 'queued', ready = 1, suspect = 1 WHERE id = ?1",
                [run],
            )?;
            recovered.suspects.push(id);
        }
    }
    transaction.commit()?;
    Ok(recovered)
}

fn quarantine(connection: &Connection, run: i64, now: Timestamp) -> rusqlite::Result<()> {
    let why = format!(
        "quarantined: the program ended {MOST_CRASHES} times while this run alone was under way; look at its step, then `flowtrigger runs retry {run}` tries again"
    );
    connection.execute(
        "UPDATE runs SET state = 'held', why = ?2, ready = NULL, suspect = 0, changed = ?3 WHERE id = ?1",
        params![run, why, micros(now)],
    )?;
    // Its lane goes to the next, or away.
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
