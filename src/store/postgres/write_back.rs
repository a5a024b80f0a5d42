//! Writes what a batch changed in the workspace back to Postgres: for each table one statement for all its new, changed and
//! deleted rows.

use std::collections::HashMap;

use super::cell::{
    Cells, EVENTS, GATE_ADMISSIONS, GATHERED, LANES, LOG_ENTRIES, RUNS, Table, WINDOWS,
};
use super::counts::{CountKey, count_changes};
use super::error::PostgresError;
use super::schema::day_of;
use super::session::{Param, Pipeline};
use super::workspace::{RowUpdate, RunPlace, Workspace};
use flowtrigger_core::run::RunId;

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
    for table in [&LANES, &WINDOWS, &GATHERED] {
        let changes = workspace.changes(table)?;
        delete(&mut write.pipeline, table.name, table, &changes.deleted);
        let updated: Vec<&Cells> = changes.updated.iter().map(|update| &update.after).collect();
        update(&mut write.pipeline, table.name, table, &updated);
        let inserted: Vec<&Cells> = changes.inserted.iter().collect();
        insert(&mut write.pipeline, table.name, table, &inserted, &[]);
    }
    let logged = workspace.changes(&LOG_ENTRIES)?;
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
    write.days.sort_unstable();
    write.days.dedup();
    Ok(write)
}

/// The days of runs, known and new ones.
struct RunDays(HashMap<i64, i64>);

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
    new.extend(&changes.inserted);
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
    let new_days = days(&new);
    let rows = cut(&new);
    let rows: Vec<&Cells> = rows.iter().collect();
    write.days.extend(&new_days);
    insert(
        pipeline,
        "matched_events",
        table,
        &rows,
        &[("day", new_days.clone())],
    );
    if !new.is_empty() {
        let text = |name: &str| {
            let index = EVENTS.index(name);
            Param::texts(new.iter().map(|row| row[index].text().unwrap_or_default()))
        };
        pipeline.query(
            "INSERT INTO seen (endpoint, event_id, event, day)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])",
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
fn without_matched() -> &'static Table {
    static TABLE: std::sync::OnceLock<Table> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        let columns = EVENTS.columns.iter().copied();
        let columns: Vec<_> = columns.filter(|column| column.name != "matched").collect();
        Table {
            name: "matched_events",
            key: 1,
            columns: columns.leak(),
        }
    })
}

fn write_runs(
    workspace: &mut Workspace,
    daemon: i64,
    write: &mut WriteBack,
) -> Result<RunDays, PostgresError> {
    let changes = workspace.changes(&RUNS)?;
    write.counts = count_changes(&changes);
    let (id, planned, event, state, ready) = (
        RUNS.index("id"),
        RUNS.index("planned"),
        RUNS.index("event"),
        RUNS.index("state"),
        RUNS.index("ready"),
    );
    let number = |row: &Cells, index: usize| row[index].int().unwrap_or_default();
    let mut days: HashMap<i64, i64> = workspace
        .runs
        .iter()
        .map(|(run, place)| (*run, place.day))
        .collect();
    let (mut to_live, mut in_live, mut to_ended) = (Vec::new(), Vec::new(), Vec::new());
    let (mut from_live, mut from_ended) = (Vec::new(), Vec::new());
    let is_live = |row: &Cells| row[state].text().is_some_and(|word| LIVE.contains(&word));
    for row in &changes.inserted {
        let place = RunPlace {
            day: day_of(number(row, planned)),
            event_day: workspace
                .events
                .get(&number(row, event))
                .copied()
                .unwrap_or_default(),
            is_live: is_live(row),
            daemon: None,
            claim: None,
        };
        days.insert(number(row, id), place.day);
        workspace.runs.insert(number(row, id), place);
        match place.is_live {
            true => to_live.push(row),
            false => to_ended.push(row),
        }
    }
    for change in &changes.updated {
        let row = &change.after;
        let place = workspace.runs.get(&number(row, id));
        let was_live = place.is_some_and(|place| place.is_live);
        match (was_live, is_live(row)) {
            (true, true) => in_live.push(change),
            (true, false) => {
                from_live.push(change.before.clone());
                to_ended.push(row);
            }
            (false, true) => {
                from_ended.push(change.before.clone());
                to_live.push(row);
            }
            (false, false) => {
                from_ended.push(change.before.clone());
                to_ended.push(row);
            }
        }
    }
    write.has_ready = to_live
        .iter()
        .copied()
        .chain(in_live.iter().map(|change| &change.after))
        .any(|row| number(row, ready) == 1);
    let pipeline = &mut write.pipeline;
    delete(pipeline, "live_runs", &RUNS, &from_live);
    if !from_ended.is_empty() {
        let rows: Vec<&Cells> = from_ended.iter().collect();
        let of = RunDays(days.clone()).of(&rows, id);
        pipeline.query(
            "DELETE FROM ended_runs USING unnest($1::bigint[], $2::bigint[]) AS old(id, day)
             WHERE ended_runs.id = old.id AND ended_runs.day = old.day",
            vec![
                Param::ints(rows.iter().map(|row| number(row, id))),
                Param::ints(of),
            ],
        );
    }
    let claims = RunClaims {
        workspace,
        daemon,
        id,
        state,
    };
    let places = |rows: &[&Cells]| claims.places(rows);
    if !in_live.is_empty() {
        let rows: Vec<&Cells> = in_live.iter().map(|change| &change.after).collect();
        let Places {
            daemons, claims, ..
        } = places(&rows);
        let changed = changed_columns(&in_live);
        let mut params = Param::columns(&RUNS, &rows);
        let mut index = 0;
        params.retain(|_| {
            index += 1;
            changed.contains(&(index - 1))
        });
        params.push(Param::Ints(daemons));
        params.push(Param::Ints(claims));
        let names = changed.iter().map(|index| RUNS.columns[*index].name);
        let names: Vec<&str> = names.chain(["daemon", "claim"]).collect();
        let sets: Vec<String> = names[1..]
            .iter()
            .map(|name| format!("{name} = new.{name}"))
            .collect();
        let sql = format!(
            "UPDATE live_runs SET {} FROM unnest({}) AS new({}) WHERE live_runs.id = new.id",
            sets.join(", "),
            numbered(&params),
            names.join(", ")
        );
        pipeline.query(&sql, params);
    }
    if !to_live.is_empty() {
        let Places {
            days,
            event_days,
            daemons,
            claims,
        } = places(&to_live);
        let mut params = Param::columns(&RUNS, &to_live);
        params.push(Param::ints(days));
        params.push(Param::ints(event_days));
        params.push(Param::Ints(daemons));
        params.push(Param::Ints(claims));
        let sql = format!(
            "INSERT INTO live_runs ({}, day, event_day, daemon, claim) SELECT * FROM unnest({})",
            RUNS.list(""),
            numbered(&params)
        );
        pipeline.query(&sql, params);
    }
    let Places {
        days: of_days,
        event_days,
        ..
    } = places(&to_ended);
    write.days.extend(&of_days);
    insert(
        pipeline,
        "ended_runs",
        &RUNS,
        &to_ended,
        &[("day", of_days), ("event_day", event_days)],
    );
    Ok(RunDays(days))
}

/// The columns of runs that the workspace does not have, for some rows.
#[derive(Default)]
struct Places {
    days: Vec<i64>,
    event_days: Vec<i64>,
    daemons: Vec<Option<i64>>,
    claims: Vec<Option<i64>>,
}

struct RunClaims<'a> {
    workspace: &'a Workspace,
    daemon: i64,
    id: usize,
    state: usize,
}

impl RunClaims<'_> {
    fn places(&self, rows: &[&Cells]) -> Places {
        let mut places = Places::default();
        for row in rows {
            let run = row[self.id].int().unwrap_or_default();
            let place = self.workspace.runs.get(&run);
            let is_running = row[self.state].text() == Some("running");
            let claim = self
                .workspace
                .claim_of(RunId(run.unsigned_abs()))
                .filter(|_| is_running);
            let same = place.filter(|place| place.claim == claim);
            places.days.push(place.map_or(0, |place| place.day));
            places
                .event_days
                .push(place.map_or(0, |place| place.event_day));
            places.claims.push(claim);
            let owner = match same {
                Some(place) => place.daemon,
                None => Some(self.daemon),
            };
            places.daemons.push(owner.filter(|_| claim.is_some()));
        }
        places
    }
}

/// The key, and the columns that differ in one of the rows.
fn changed_columns(changes: &[&RowUpdate]) -> Vec<usize> {
    let differs = |index: &usize| {
        let differ = |change: &&RowUpdate| change.before[*index] != change.after[*index];
        *index < RUNS.key || changes.iter().any(differ)
    };
    (0..RUNS.columns.len()).filter(differs).collect()
}

fn numbered(params: &[Param]) -> String {
    let places = params.iter().enumerate();
    let places = places.map(|(index, param)| format!("${}::{}", index + 1, param.type_name()));
    places.collect::<Vec<_>>().join(", ")
}

fn insert(
    pipeline: &mut Pipeline,
    name: &str,
    table: &Table,
    rows: &[&Cells],
    more: &[(&str, Vec<i64>)],
) {
    if rows.is_empty() {
        return;
    }
    let mut params = Param::columns(table, rows);
    let mut columns = table.list("");
    for (column, values) in more {
        columns.push_str(", ");
        columns.push_str(column);
        params.push(Param::ints(values.iter().copied()));
    }
    let sql = format!(
        "INSERT INTO {name} ({columns}) SELECT * FROM unnest({})",
        numbered(&params)
    );
    pipeline.query(&sql, params);
}

fn update(pipeline: &mut Pipeline, name: &str, table: &Table, rows: &[&Cells]) {
    if rows.is_empty() {
        return;
    }
    let params = Param::columns(table, rows);
    let sets = table.columns[table.key..].iter();
    let sets: Vec<String> = sets
        .map(|column| format!("{0} = new.{0}", column.name))
        .collect();
    let sql = format!(
        "UPDATE {name} SET {} FROM unnest({}) AS new({}) WHERE {}",
        sets.join(", "),
        numbered(&params),
        table.list(""),
        same_key(name, table, "new")
    );
    pipeline.query(&sql, params);
}

fn delete(pipeline: &mut Pipeline, name: &str, table: &Table, rows: &[Cells]) {
    if rows.is_empty() {
        return;
    }
    let rows: Vec<&Cells> = rows.iter().collect();
    let params: Vec<Param> = Param::columns(table, &rows)
        .into_iter()
        .take(table.key)
        .collect();
    let keys: Vec<&str> = table.columns[..table.key]
        .iter()
        .map(|column| column.name)
        .collect();
    let sql = format!(
        "DELETE FROM {name} USING unnest({}) AS old({}) WHERE {}",
        numbered(&params),
        keys.join(", "),
        same_key(name, table, "old")
    );
    pipeline.query(&sql, params);
}

fn same_key(name: &str, table: &Table, other: &str) -> String {
    let keys = table.columns[..table.key].iter();
    let terms: Vec<String> = keys
        .map(|column| format!("{name}.{0} = {other}.{0}", column.name))
        .collect();
    terms.join(" AND ")
}
