//! Writes what a batch changed in the workspace back to Postgres: for each table one statement for all its new, changed and
//! deleted rows.

mod runs;
mod statements;

use std::collections::HashMap;

use crate::store::postgres::cell::{
    COUNTED_EVENTS, COUNTED_VALUES, Cells, EVENTS, GATE_ADMISSIONS, GATHERED, INBOX, LANES,
    LOG_ENTRIES, NOTICES, RECENT_EVENTS, TableColumns, UNTRACED_RUNS, WAITERS, WINDOWS,
};
use crate::store::postgres::counts::{CountKey, count_waiters};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::day_of;
use crate::store::postgres::session::{Param, Pipeline};
use crate::store::postgres::workspace::Workspace;
use runs::write_runs;
use statements::{delete, insert, update};

/// States of runs in `live_runs`.
pub const LIVE: [&str; 5] = ["queued", "running", "retrying", "waiting", "debouncing"];

/// What the transaction writes, and what it changes in the counts.
#[derive(Debug, Default)]
pub struct WriteBack {
    pub pipeline: Pipeline,
    pub counts: HashMap<CountKey, i64>,
    /// Whether runs may be claimed now that could not be before.
    pub has_ready: bool,
    /// Days to which rows are added.
    pub days: Vec<i64>,
}

/// Collects the changes; `daemon` is the one that new claims belong to.
pub fn write_back(workspace: &mut Workspace, daemon: i64) -> Result<WriteBack, PostgresError> {
    let mut write = WriteBack::default();
    write_events(workspace, &mut write)?;
    let days = write_runs(workspace, daemon, &mut write)?;
    for table in [
        &LANES,
        &WINDOWS,
        &GATHERED,
        &NOTICES,
        &WAITERS,
        &INBOX,
        &RECENT_EVENTS,
        &COUNTED_EVENTS,
        &COUNTED_VALUES,
    ] {
        let changes = workspace.changes(table)?;
        if table.name == WAITERS.name {
            count_waiters(&changes, &mut write.counts);
        }
        delete(&mut write.pipeline, table.name, table, &changes.deleted);
        let updated: Vec<&Cells> = changes.updated.iter().map(|update| &update.after).collect();
        update(&mut write.pipeline, table.name, table, &updated);
        let inserted: Vec<&Cells> = changes.inserted.iter().collect();
        insert(&mut write.pipeline, table.name, table, &inserted, &[]);
    }
    let logged = workspace.changes(&LOG_ENTRIES)?;
    // Only the removal of fields changes an entry.
    let updated: Vec<&Cells> = logged.updated.iter().map(|update| &update.after).collect();
    update(
        &mut write.pipeline,
        LOG_ENTRIES.name,
        &LOG_ENTRIES,
        &updated,
    );
    let inserted: Vec<&Cells> = logged.inserted.iter().collect();
    let days_of = days.of(&inserted, LOG_ENTRIES.index("run"));
    write.days.extend(&days_of);
    insert(
        &mut write.pipeline,
        LOG_ENTRIES.name,
        &LOG_ENTRIES,
        &inserted,
        &[("day", days_of)],
    );
    let admitted = workspace.changes(&GATE_ADMISSIONS)?;
    delete(
        &mut write.pipeline,
        GATE_ADMISSIONS.name,
        &GATE_ADMISSIONS,
        &admitted.deleted,
    );
    let inserted: Vec<&Cells> = admitted.inserted.iter().collect();
    let days_of = days.of(&inserted, GATE_ADMISSIONS.index("run"));
    insert(
        &mut write.pipeline,
        GATE_ADMISSIONS.name,
        &GATE_ADMISSIONS,
        &inserted,
        &[("day", days_of)],
    );
    let ended = workspace.changes(&UNTRACED_RUNS)?;
    let inserted: Vec<&Cells> = ended.inserted.iter().collect();
    insert(
        &mut write.pipeline,
        UNTRACED_RUNS.name,
        &UNTRACED_RUNS,
        &inserted,
        &[("daemon", vec![daemon; inserted.len()])],
    );
    write.days.sort_unstable();
    write.days.dedup();
    Ok(write)
}

/// The days of runs, known and new ones.
pub struct RunDays(HashMap<i64, i64>);

impl RunDays {
    fn of(&self, rows: &[&Cells], run: usize) -> Vec<i64> {
        let day = |row: &&Cells| {
            let run = row[run].int().unwrap_or_default();
            self.0.get(&run).copied().unwrap_or_default()
        };
        rows.iter().map(day).collect()
    }
}

fn write_events(workspace: &mut Workspace, write: &mut WriteBack) -> Result<(), PostgresError> {
    let changes = workspace.changes(&EVENTS)?;
    let (id, matched, received) = (
        EVENTS.index("id"),
        EVENTS.index("matched"),
        EVENTS.index("received"),
    );
    let number = |row: &Cells, index: usize| row[index].int().unwrap_or_default();
    for row in &changes.inserted {
        let day = day_of(number(row, received));
        workspace.events.insert(number(row, id), day);
    }
    let (mut new, mut known, mut unmatched, mut moved) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let is_matched = |row: &&Cells| number(row, matched) == 1;
    new.extend(changes.inserted.iter().filter(is_matched));
    // Only awaited events are stored here without runs.
    let awaited = changes.inserted.iter().filter(|row| !is_matched(row));
    let awaited: Vec<&Cells> = awaited.collect();
    for change in &changes.updated {
        match (
            number(&change.before, matched),
            number(&change.after, matched),
        ) {
            (0, 1) => {
                moved.push(change.before.clone());
                new.push(&change.after);
            }
            (0, _) => unmatched.push(&change.after),
            (_, _) => known.push(&change.after),
        }
    }
    let days = |rows: &[&Cells]| -> Vec<i64> {
        let day = |row: &&Cells| workspace.events.get(&number(row, id)).copied();
        rows.iter()
            .map(|row| day(row).unwrap_or_default())
            .collect()
    };
    let (table, pipeline) = (without_matched(), &mut write.pipeline);
    let cut = |rows: &[&Cells]| -> Vec<Cells> {
        let cut = |row: &&Cells| {
            let mut row = (*row).clone();
            row.remove(matched);
            row
        };
        rows.iter().map(cut).collect()
    };
    delete(pipeline, "unmatched_events", &EVENTS, &moved);
    for (name, rows) in [("unmatched_events", &unmatched), ("matched_events", &known)] {
        let rows = cut(rows);
        update(pipeline, name, table, &rows.iter().collect::<Vec<_>>());
    }
    for (name, new) in [("matched_events", &new), ("unmatched_events", &awaited)] {
        let new_days = days(new);
        let rows = cut(new);
        let rows: Vec<&Cells> = rows.iter().collect();
        write.days.extend(&new_days);
        insert(pipeline, name, table, &rows, &[("day", new_days)]);
    }
    new.extend(awaited);
    let new_days = days(&new);
    if !new.is_empty() {
        let text = |name: &str| {
            let index = EVENTS.index(name);
            Param::texts(new.iter().map(|row| row[index].text().unwrap_or_default()))
        };
        pipeline.query(
            "INSERT INTO seen (endpoint, event_id, event, day)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING",
            vec![
                text("endpoint"),
                text("event_id"),
                Param::ints(new.iter().map(|row| number(row, id))),
                Param::ints(new_days),
            ],
        );
    }
    Ok(())
}

/// The columns of an event without `matched`, which the tables say.
fn without_matched() -> &'static TableColumns {
    static TABLE: std::sync::OnceLock<TableColumns> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        let columns = EVENTS.columns.iter().copied();
        let columns: Vec<_> = columns.filter(|column| column.name != "matched").collect();
        TableColumns {
            name: "matched_events",
            key: 1,
            columns: columns.leak(),
        }
    })
}
