//! Reads the rows that a batch concerns into the workspace, after their keys are locked: each statement sees what other
//! daemons committed before they released the keys.

mod details;
mod events;
mod guards;
mod rules;
mod series;
mod waiters;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::store::postgres::cell::{
    EVENTS, GATE_ADMISSIONS, GATHERED, LANES, LOG_ENTRIES, RUNS, TableColumns, WINDOWS,
};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::partition;
use crate::store::postgres::scope::{BatchScope, RunAccess, RunExtent, RunScope};
use crate::store::postgres::session::{Param, Pipeline, PostgresSession};
use crate::store::postgres::workspace::Workspace;
use details::add_details;
use events::{add_known_events, add_seen, add_stored_events};
use guards::{add_causes, add_gates, add_loops, add_notices};
use series::add_series;
use waiters::{add_recent_events, add_waiters};

pub use rules::load_rules;
pub use waiters::value_params;

/// Runs that wait behind the owner of a lane, of which a batch may need the first.
const MAX_NEXT: i64 = 16;

/// What the rows of an answer are.
#[derive(Debug, Clone, Copy)]
enum Rows {
    Runs,
    Events,
    Of(&'static TableColumns),
    /// Only whether there are any is of interest.
    Signs,
}

/// Statements, and which rows each of them returns.
#[derive(Debug, Default)]
pub struct Loading {
    pipeline: Pipeline,
    rows: Vec<Rows>,
}

impl Loading {
    fn add(&mut self, rows: Rows, sql: &str, params: Vec<Param>) {
        self.pipeline.query(sql, params);
        self.rows.push(rows);
    }

    async fn run(
        self,
        session: &PostgresSession,
        workspace: &mut Workspace,
    ) -> Result<Vec<Vec<Row>>, PostgresError> {
        let answers = session.run(&self.pipeline).await?;
        for (rows, answer) in self.rows.into_iter().zip(&answers) {
            for row in answer {
                put(rows, row, workspace)?;
            }
        }
        Ok(answers)
    }
}

fn put(rows: Rows, row: &Row, workspace: &mut Workspace) -> Result<(), PostgresError> {
    match rows {
        Rows::Runs => workspace.load_run(row)?,
        Rows::Events => workspace.load_event(row)?,
        Rows::Of(table) => workspace.load(table, row)?,
        Rows::Signs => false,
    };
    Ok(())
}

/// The columns of a run with its location, from `live_runs`.
pub fn live(prefix: &str) -> String {
    format!(
        "{}, {prefix}day, {prefix}event_day, {prefix}daemon, {prefix}claim, 1::bigint",
        RUNS.list(prefix)
    )
}

/// The same from `ended_runs`.
pub fn ended(prefix: &str) -> String {
    format!(
        "{}, {prefix}day, {prefix}event_day, NULL::bigint, NULL::bigint, 0::bigint",
        RUNS.list(prefix)
    )
}

/// The columns of a run with its location, from the view `runs`.
pub fn view(prefix: &str) -> String {
    format!(
        "{}, {prefix}day, {prefix}event_day, {prefix}daemon, {prefix}claim,
         (CASE WHEN {prefix}state IN ('queued', 'running', 'retrying', 'waiting', 'debouncing') THEN 1 ELSE 0 END)::bigint",
        RUNS.list(prefix)
    )
}

/// The columns of an event with its day.
pub fn event(prefix: &str) -> String {
    format!("{}, {prefix}day", EVENTS.list(prefix))
}

/// The columns of `matched_events` in the order of the view.
pub fn event_of_matched(prefix: &str) -> String {
    let columns = EVENTS.columns.iter().map(|column| match column.name {
        "matched" => "1::bigint".to_owned(),
        name => format!("{prefix}{name}"),
    });
    format!("{}, {prefix}day", columns.collect::<Vec<_>>().join(", "))
}

/// Loads everything that the scope names.
pub async fn load(
    session: &PostgresSession,
    workspace: &mut Workspace,
    scope: &BatchScope,
    now: Timestamp,
) -> Result<(), PostgresError> {
    let mut loading = Loading::default();
    add_runs(&mut loading, scope);
    add_lanes(&mut loading, scope);
    add_windows(&mut loading, scope);
    let seen = add_seen(&mut loading, scope);
    add_stored_events(&mut loading, scope);
    add_gates(&mut loading, scope, now);
    add_series(&mut loading, scope);
    add_notices(&mut loading, scope);
    let causes = add_causes(&mut loading, scope, now);
    add_details(&mut loading, scope);
    add_waiters(&mut loading, scope);
    add_recent_events(&mut loading, scope);
    let answers = loading.run(session, workspace).await?;
    // Few events are received again, and few runs are changed after their end.
    let mut more = Loading::default();
    add_ended_runs(&mut more, scope, workspace);
    let has_rows = |index: usize| !answers[index].is_empty();
    if seen.into_iter().any(has_rows) {
        add_known_events(&mut more, scope);
    }
    if causes.is_some_and(has_rows) {
        add_loops(&mut more, scope, now);
    }
    if !more.rows.is_empty() {
        more.run(session, workspace).await?;
    }
    let whole: Vec<i64> = whole(scope).collect();
    load_rules(session, workspace, &whole).await
}

fn whole(scope: &BatchScope) -> impl Iterator<Item = i64> {
    let runs = scope.runs.iter();
    runs.filter(|run| run.detail == RunExtent::Whole)
        .map(|run| run.run)
}

/// The runs themselves; those that are changed are locked while they are live.
fn add_runs(loading: &mut Loading, scope: &BatchScope) {
    if scope.runs.is_empty() {
        return;
    }
    for (access, lock) in [(RunAccess::Change, "FOR UPDATE"), (RunAccess::Read, "")] {
        let runs = scope.runs.iter().filter(|run| run.access == access);
        let ids: Vec<i64> = runs.map(|run| run.run).collect();
        if !ids.is_empty() {
            let sql = format!(
                "SELECT {} FROM live_runs WHERE id = ANY($1) ORDER BY id {lock}",
                live("")
            );
            loading.add(Rows::Runs, &sql, vec![Param::ints(ids)]);
        }
    }
    let dated = scope
        .runs
        .iter()
        .filter_map(|run| Some((run.run, run.day?)));
    for (day, runs) in by_day(dated) {
        add_last_entries(loading, &partition(LOG_ENTRIES.name, day), runs);
    }
    let others = scope.runs.iter().filter(|run| run.day.is_none());
    let others: Vec<i64> = others.map(|run| run.run).collect();
    if !others.is_empty() {
        add_last_entries(loading, LOG_ENTRIES.name, others);
    }
}

/// Rows by the day of their partition. A partition that is named is found without a look at all others.
pub fn by_day(rows: impl Iterator<Item = (i64, i64)>) -> BTreeMap<i64, Vec<i64>> {
    let mut days: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (row, day) in rows {
        days.entry(day).or_default().push(row);
    }
    days
}

/// The last entry of the log of each run.
fn add_last_entries(loading: &mut Loading, table: &str, runs: Vec<i64>) {
    loading.add(
        Rows::Of(&LOG_ENTRIES),
        &format!(
            "SELECT {} FROM unnest($1::bigint[]) AS wanted(id) CROSS JOIN LATERAL (
                 SELECT * FROM {table} WHERE run = wanted.id ORDER BY number DESC LIMIT 1) AS last",
            LOG_ENTRIES.list("last.")
        ),
        vec![Param::ints(runs)],
    );
}

/// Runs that are not live any more.
fn add_ended_runs(loading: &mut Loading, scope: &BatchScope, workspace: &Workspace) {
    let missing: Vec<&RunScope> = scope
        .runs
        .iter()
        .filter(|run| !workspace.runs.contains_key(&run.run))
        .collect();
    if missing.is_empty() {
        return;
    }
    let ids = Param::ints(missing.iter().map(|run| run.run));
    let days: Option<BTreeSet<i64>> = missing.iter().map(|run| run.day).collect();
    let sql = format!("SELECT {} FROM ended_runs WHERE id = ANY($1)", ended(""));
    match days {
        Some(days) => loading.add(
            Rows::Runs,
            &format!("{sql} AND day = ANY($2)"),
            vec![ids, Param::ints(days)],
        ),
        None => loading.add(Rows::Runs, &sql, vec![ids]),
    }
}

/// The owners of lanes, and the runs that are next in them.
fn add_lanes(loading: &mut Loading, scope: &BatchScope) {
    let lanes: BTreeSet<_> = scope.lanes.iter().collect();
    if lanes.is_empty() {
        return;
    }
    let keys = || {
        vec![
            Param::ints(lanes.iter().map(|lane| lane.queue)),
            Param::texts(lanes.iter().map(|lane| &lane.value)),
        ]
    };
    loading.add(
        Rows::Of(&LANES),
        &format!(
            "SELECT {} FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, value)
             JOIN lanes ON lanes.queue = wanted.queue AND lanes.value = wanted.value",
            LANES.list("lanes.")
        ),
        keys(),
    );
    // Only a run that exists already passes its lane on.
    let changes = |run: &RunScope| run.access == RunAccess::Change;
    if !scope.runs.iter().any(changes) && scope.windows.is_empty() {
        return;
    }
    loading.add(
        Rows::Runs,
        &format!(
            "SELECT {} FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, value) CROSS JOIN LATERAL (
                 SELECT * FROM live_runs WHERE queue = wanted.queue AND lane = wanted.value AND ready = 0
                 ORDER BY position LIMIT {MAX_NEXT} FOR UPDATE) AS next",
            live("next.")
        ),
        keys(),
    );
}

/// Open windows with the runs that act once they close.
fn add_windows(loading: &mut Loading, scope: &BatchScope) {
    let wanted: BTreeSet<_> = scope.windows.iter().collect();
    if wanted.is_empty() {
        return;
    }
    let keys = || {
        vec![
            Param::ints(wanted.iter().map(|window| window.queue)),
            Param::texts(wanted.iter().map(|window| &window.value)),
        ]
    };
    let from = "FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, value)
        JOIN windows ON windows.queue = wanted.queue AND windows.value = wanted.value AND windows.open = 1";
    loading.add(
        Rows::Runs,
        &format!(
            "SELECT {} {from} JOIN live_runs ON live_runs.id = windows.run FOR UPDATE OF live_runs",
            live("live_runs.")
        ),
        keys(),
    );
    loading.add(
        Rows::Of(&WINDOWS),
        &format!("SELECT {} {from}", WINDOWS.list("windows.")),
        keys(),
    );
    loading.add(
        Rows::Of(&GATHERED),
        &format!(
            "SELECT {} {from} CROSS JOIN LATERAL (
                 SELECT * FROM gathered WHERE gathering = windows.id ORDER BY number DESC LIMIT 1) AS last",
            GATHERED.list("last.")
        ),
        keys(),
    );
    // A replaced run counts at no gate.
    loading.add(
        Rows::Of(&GATE_ADMISSIONS),
        &format!(
            "SELECT {} {from} JOIN gate_admissions ON gate_admissions.run = windows.run",
            GATE_ADMISSIONS.list("gate_admissions.")
        ),
        keys(),
    );
}
