//! Writes runs to the table of live runs or to that of ended ones, with the columns that the workspace does not have.

use std::collections::HashMap;

use super::statements::{delete, insert, numbered};
use super::{LIVE, RunDays, WriteBack};
use crate::store::postgres::cell::{Cells, RUNS};
use crate::store::postgres::counts::count_changes;
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::day_of;
use crate::store::postgres::session::Param;
use crate::store::postgres::workspace::{RowUpdate, RunLocation, Workspace};
use flowtrigger_core::run::RunId;

pub fn write_runs(
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
        let place = RunLocation {
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
    let places = |rows: &[&Cells]| claims.location_columns(rows);
    if !in_live.is_empty() {
        let rows: Vec<&Cells> = in_live.iter().map(|change| &change.after).collect();
        let LocationColumns {
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
        let LocationColumns {
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
    let LocationColumns {
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
struct LocationColumns {
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
    fn location_columns(&self, rows: &[&Cells]) -> LocationColumns {
        let mut places = LocationColumns::default();
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
