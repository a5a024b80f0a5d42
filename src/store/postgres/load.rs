//! Reads the rows that a batch concerns into the workspace, after their keys are locked: each statement sees what other
//! daemons committed before they released the keys.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio_postgres::Row;

use super::cell::{
    CONFIGS, EVENTS, GATE_ADMISSIONS, GATHERED, LANES, LOG_ENTRIES, RULES, RUNS, TEXTS, Table,
    WINDOWS,
};
use super::error::PostgresError;
use super::schema::partition;
use super::scope::{EventKey, RunDetail, RunScope, Scope};
use super::session::{Param, Pipeline, Session};
use super::workspace::Workspace;

/// Runs that wait behind the owner of a lane, of which a batch may need the first.
const MAX_NEXT: i64 = 16;

/// What the rows of an answer are.
#[derive(Debug, Clone, Copy)]
enum Rows {
    Runs,
    Events,
    Of(&'static Table),
    /// Only whether there are any is of interest.
    Signs,
}

/// Statements and what becomes of their rows.
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
        session: &Session,
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

/// The columns of a run with its place, from `live_runs`.
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

/// The columns of an event with its day.
pub fn event(prefix: &str) -> String {
    format!("{}, {prefix}day", EVENTS.list(prefix))
}

/// Loads everything that the scope names.
pub async fn load(
    session: &Session,
    workspace: &mut Workspace,
    scope: &Scope,
    now: Timestamp,
) -> Result<(), PostgresError> {
    let mut loading = Loading::default();
    add_runs(&mut loading, scope);
    add_lanes(&mut loading, scope);
    add_windows(&mut loading, scope);
    let seen = add_seen(&mut loading, scope);
    add_stored_events(&mut loading, scope);
    add_gates(&mut loading, scope, now);
    let causes = add_causes(&mut loading, scope, now);
    add_details(&mut loading, scope);
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

fn whole(scope: &Scope) -> impl Iterator<Item = i64> {
    let runs = scope.runs.iter();
    runs.filter(|run| run.detail == RunDetail::Whole)
        .map(|run| run.run)
}

/// The runs themselves, locked while they are live.
fn add_runs(loading: &mut Loading, scope: &Scope) {
    if scope.runs.is_empty() {
        return;
    }
    let ids = || Param::ints(scope.runs.iter().map(|run| run.run));
    loading.add(
        Rows::Runs,
        &format!(
            "SELECT {} FROM live_runs WHERE id = ANY($1) ORDER BY id FOR UPDATE",
            live("")
        ),
        vec![ids()],
    );
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
fn add_ended_runs(loading: &mut Loading, scope: &Scope, workspace: &Workspace) {
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
fn add_lanes(loading: &mut Loading, scope: &Scope) {
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
    if scope.runs.is_empty() && scope.windows.is_empty() {
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
fn add_windows(loading: &mut Loading, scope: &Scope) {
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

const SEEN_ID: &str = "FROM unnest($1::text[], $2::text[]) AS wanted(endpoint, event_id)
    JOIN seen ON seen.endpoint = wanted.endpoint AND seen.event_id = wanted.event_id";
const SEEN_HASH: &str = "FROM unnest($1::text[], $2::text[]) AS wanted(endpoint, hash)
    JOIN seen ON seen.endpoint = wanted.endpoint AND seen.event_id >= wanted.hash COLLATE \"C\"
        AND seen.event_id < (wanted.hash || '.') COLLATE \"C\"";

fn ids_of(scope: &Scope) -> Vec<Param> {
    vec![
        Param::texts(scope.events.iter().map(|event| &event.endpoint)),
        Param::texts(scope.events.iter().map(|event| &event.id)),
    ]
}

/// `None` if no event has a hash as its id.
fn hashes_of(scope: &Scope) -> Option<Vec<Param>> {
    let hash = |event: &'_ EventKey| Some((event.endpoint.clone(), event.hash.clone()?));
    let hashed: Vec<(String, String)> = scope.events.iter().filter_map(hash).collect();
    let (endpoints, hashes): (Vec<_>, Vec<_>) = hashed.into_iter().unzip();
    (!hashes.is_empty()).then(|| vec![Param::texts(endpoints), Param::texts(hashes)])
}

/// Whether one of the events was received before: the indexes of the answers that say so.
fn add_seen(loading: &mut Loading, scope: &Scope) -> Vec<usize> {
    let mut signs = Vec::new();
    if scope.events.is_empty() {
        return signs;
    }
    let mut add = |from: &str, keys: Vec<Param>| {
        signs.push(loading.rows.len());
        let sql = format!("SELECT 1::bigint {from} LIMIT 1");
        loading.add(Rows::Signs, &sql, keys);
    };
    add(SEEN_ID, ids_of(scope));
    if let Some(keys) = hashes_of(scope) {
        add(SEEN_HASH, keys);
    }
    signs
}

/// Events that have the id of a received one, with their runs.
fn add_known_events(loading: &mut Loading, scope: &Scope) {
    let keys = || ids_of(scope);
    add_events_with_runs(loading, SEEN_ID, &keys);
    if scope.has_replay {
        let windows = format!(
            "{SEEN_ID} JOIN runs ON runs.event = seen.event JOIN windows ON windows.run = runs.id"
        );
        add_gathered(loading, &windows, &keys);
    }
    if let Some(keys) = hashes_of(scope) {
        add_events_with_runs(loading, SEEN_HASH, &|| keys.clone());
    }
}

fn add_events_with_runs(loading: &mut Loading, from: &str, keys: &dyn Fn() -> Vec<Param>) {
    loading.add(
        Rows::Events,
        &format!(
            "SELECT {} {from} JOIN matched_events AS e ON e.id = seen.event AND e.day = seen.day FOR UPDATE OF e",
            event_of_matched("e.")
        ),
        keys(),
    );
    loading.add(
        Rows::Runs,
        &format!(
            "SELECT {} {from} JOIN live_runs AS r ON r.event = seen.event",
            live("r.")
        ),
        keys(),
    );
    loading.add(
        Rows::Runs,
        &format!(
            "SELECT {} {from} JOIN ended_runs AS r ON r.event = seen.event AND r.day >= seen.day",
            ended("r.")
        ),
        keys(),
    );
}

/// The columns of `matched_events` in the order of the view.
pub fn event_of_matched(prefix: &str) -> String {
    let columns = EVENTS.columns.iter().map(|column| match column.name {
        "matched" => "1::bigint".to_owned(),
        name => format!("{prefix}{name}"),
    });
    format!("{}, {prefix}day", columns.collect::<Vec<_>>().join(", "))
}

/// Events that are replayed, with their runs and the windows of these.
fn add_stored_events(loading: &mut Loading, scope: &Scope) {
    if scope.stored.is_empty() {
        return;
    }
    let ids = || vec![Param::ints(scope.stored.iter().copied())];
    loading.add(
        Rows::Events,
        &format!("SELECT {} FROM events WHERE id = ANY($1)", event("")),
        ids(),
    );
    // An event that repeats another one has its runs there.
    let from =
        "FROM events AS stored JOIN seen ON seen.endpoint = stored.endpoint AND seen.event_id = stored.event_id
        AND stored.id = ANY($1)";
    add_events_with_runs(loading, from, &ids);
    let windows = "FROM runs JOIN windows ON windows.run = runs.id AND runs.event = ANY($1)";
    add_gathered(loading, windows, &ids);
}

/// Windows, and what they gathered.
fn add_gathered(loading: &mut Loading, windows: &str, keys: &dyn Fn() -> Vec<Param>) {
    loading.add(
        Rows::Of(&WINDOWS),
        &format!("SELECT {} {windows}", WINDOWS.list("windows.")),
        keys(),
    );
    loading.add(
        Rows::Of(&GATHERED),
        &format!(
            "SELECT {} {windows} JOIN gathered ON gathered.gathering = windows.id",
            GATHERED.list("gathered.")
        ),
        keys(),
    );
}

fn add_gates(loading: &mut Loading, scope: &Scope, now: Timestamp) {
    let rows = scope.gate_rows(now);
    if rows.queues.is_empty() {
        return;
    }
    loading.add(
        Rows::Of(&GATE_ADMISSIONS),
        &format!(
            "SELECT {} FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) AS wanted(queue, gate, value, since)
             JOIN gate_admissions AS g ON g.queue = wanted.queue AND g.gate = wanted.gate AND g.value = wanted.value
                 AND g.at > wanted.since",
            GATE_ADMISSIONS.list("g.")
        ),
        vec![
            Param::ints(rows.queues),
            Param::texts(rows.gates),
            Param::texts(rows.values),
            Param::ints(rows.since),
        ],
    );
}

const CAUSES: &str = "FROM unnest($1::text[], $2::bigint[]) AS wanted(value, since)
    JOIN gate_admissions AS c ON c.gate = 'loop_guard' AND c.value = wanted.value AND c.at > wanted.since";

/// What events are about of which the loop guard asks for a cause, and since when; `None` if it asks for none.
fn causes_of(scope: &Scope, now: Timestamp) -> Option<Vec<Param>> {
    let (mut about, mut since) = (Vec::new(), Vec::new());
    for of in &scope.loops {
        if let Some(search) = of.check.cause(now) {
            about.push(search.about.to_owned());
            since.push(search.since.as_microsecond());
        }
    }
    (!about.is_empty()).then(|| vec![Param::texts(about), Param::ints(since)])
}

/// Admissions of the runs that may have caused an event: the index of the answer.
fn add_causes(loading: &mut Loading, scope: &Scope, now: Timestamp) -> Option<usize> {
    let keys = causes_of(scope, now)?;
    loading.add(
        Rows::Of(&GATE_ADMISSIONS),
        &format!("SELECT {} {CAUSES}", GATE_ADMISSIONS.list("c.")),
        keys,
    );
    Some(loading.rows.len() - 1)
}

/// The runs that may have caused an event, with what the loop guard asks of them.
fn add_loops(loading: &mut Loading, scope: &Scope, now: Timestamp) {
    let Some(params) = causes_of(scope, now) else {
        return;
    };
    let (keys, from) = (|| params.clone(), CAUSES);
    loading.add(
        Rows::Of(&GATE_ADMISSIONS),
        &format!(
            "SELECT {} {from} JOIN gate_admissions AS m ON m.run = c.run AND m.gate = 'loop_update'",
            GATE_ADMISSIONS.list("m.")
        ),
        keys(),
    );
    // The run itself, and the others of its event: one of them may be its `on_dead` run.
    let others = format!(
        "WITH causing AS (SELECT DISTINCT r.event, r.day {from} JOIN runs AS r ON r.id = c.run AND r.day = c.day)"
    );
    loading.add(
        Rows::Runs,
        &format!(
            "{others} SELECT {} FROM causing JOIN live_runs AS r ON r.event = causing.event",
            live("r.")
        ),
        keys(),
    );
    loading.add(
        Rows::Runs,
        &format!(
            "{others} SELECT {} FROM causing JOIN ended_runs AS r ON r.event = causing.event AND r.day >= causing.day",
            ended("r.")
        ),
        keys(),
    );
    loading.add(
        Rows::Of(&LOG_ENTRIES),
        &format!(
            "{others} SELECT {} FROM causing JOIN runs AS r ON r.event = causing.event AND r.day >= causing.day
             JOIN log_entries AS l ON l.run = r.id AND l.day = r.day",
            LOG_ENTRIES.list("l.")
        ),
        keys(),
    );
    // The chain of causes, which the reason names.
    loading.add(
        Rows::Runs,
        &format!(
            "WITH RECURSIVE chain(id, cause, links) AS (
                 SELECT r.id, r.cause, 1 {from} JOIN runs AS r ON r.id = c.run AND r.day = c.day
                 UNION SELECT r.id, r.cause, chain.links + 1 FROM chain JOIN runs AS r ON r.id = chain.cause
                 WHERE chain.links < 20)
             SELECT {} FROM (SELECT DISTINCT id FROM chain) AS links JOIN runs AS r ON r.id = links.id",
            view("r.")
        ),
        keys(),
    );
}

/// The columns of a run with its place, from the view `runs`.
pub fn view(prefix: &str) -> String {
    format!(
        "{}, {prefix}day, {prefix}event_day, {prefix}daemon, {prefix}claim,
         (CASE WHEN {prefix}state IN ('queued', 'running', 'retrying', 'waiting', 'debouncing') THEN 1 ELSE 0 END)::bigint",
        RUNS.list(prefix)
    )
}

/// Everything about runs that end, are retried or are read.
fn add_details(loading: &mut Loading, scope: &Scope) {
    let whole: Vec<i64> = whole(scope).collect();
    if whole.is_empty() {
        return;
    }
    let ids = || vec![Param::ints(whole.iter().copied())];
    loading.add(
        Rows::Of(&LOG_ENTRIES),
        &format!(
            "SELECT {} FROM log_entries WHERE run = ANY($1)",
            LOG_ENTRIES.list("")
        ),
        ids(),
    );
    loading.add(
        Rows::Of(&GATE_ADMISSIONS),
        &format!(
            "SELECT {} FROM gate_admissions WHERE run = ANY($1)",
            GATE_ADMISSIONS.list("")
        ),
        ids(),
    );
    // The runs' own events, and those that they gathered.
    let own = "WITH own AS (
            SELECT event AS id, event_day AS day FROM runs WHERE id = ANY($1)
            UNION SELECT g.event, NULL FROM windows AS w JOIN gathered AS g ON g.gathering = w.id WHERE w.run = ANY($1))";
    loading.add(
        Rows::Events,
        &format!(
            "{own} SELECT {} FROM own JOIN matched_events AS e ON e.id = own.id FOR UPDATE OF e",
            event_of_matched("e.")
        ),
        ids(),
    );
    // Other runs that may need these events.
    loading.add(
        Rows::Runs,
        &format!(
            "{own} SELECT {} FROM own JOIN runs AS r ON r.event = own.id",
            view("r.")
        ),
        ids(),
    );
    let windows = "SELECT w.id FROM windows AS w WHERE w.run = ANY($1)
        UNION SELECT g.gathering FROM own JOIN gathered AS g ON g.event = own.id";
    loading.add(
        Rows::Of(&WINDOWS),
        &format!(
            "{own} SELECT {} FROM ({windows}) AS found JOIN windows AS w ON w.id = found.id",
            WINDOWS.list("w.")
        ),
        ids(),
    );
    loading.add(
        Rows::Of(&GATHERED),
        &format!(
            "{own} SELECT {} FROM ({windows}) AS found JOIN gathered AS g ON g.gathering = found.id",
            GATHERED.list("g.")
        ),
        ids(),
    );
    loading.add(
        Rows::Runs,
        &format!(
            "{own} SELECT {} FROM ({windows}) AS found JOIN windows AS w ON w.id = found.id
             JOIN runs AS r ON r.id = w.run",
            view("r.")
        ),
        ids(),
    );
}

/// The rules of some loaded runs, with their configurations and texts, and the queues of all loaded runs: they stay in the
/// workspace.
pub async fn load_rules(
    session: &Session,
    workspace: &mut Workspace,
    runs: &[i64],
) -> Result<(), PostgresError> {
    let mut missing = BTreeSet::new();
    for run in runs.iter().filter(|run| workspace.runs.contains_key(run)) {
        let rule = workspace.run_cell(*run, "rule")?.int();
        if let Some(rule) = rule
            && !workspace.has_rule(rule)?
        {
            missing.insert(rule);
        }
    }
    let mut queues = workspace.queues_of_runs()?;
    let known: BTreeSet<i64> = workspace.state().queues.values().copied().collect();
    queues.retain(|queue| !known.contains(queue));
    if missing.is_empty() && queues.is_empty() {
        return Ok(());
    }
    let mut pipeline = Pipeline::default();
    let ids = || vec![Param::ints(missing.iter().copied())];
    pipeline.query(
        &format!("SELECT {} FROM rules WHERE id = ANY($1)", RULES.list("")),
        ids(),
    );
    pipeline.query(
        &format!(
            "SELECT {} FROM configs WHERE id IN (SELECT config FROM rules WHERE id = ANY($1))",
            CONFIGS.list("")
        ),
        ids(),
    );
    pipeline.query(
        &format!(
            "SELECT {} FROM texts WHERE id IN (
                 SELECT c.text FROM configs AS c JOIN rules AS r ON r.config = c.id WHERE r.id = ANY($1))",
            TEXTS.list("")
        ),
        ids(),
    );
    pipeline.query(
        "SELECT id, rule FROM queues WHERE id = ANY($1)",
        vec![Param::ints(queues)],
    );
    let answers = session.run(&pipeline).await?;
    for (table, answer) in [&RULES, &CONFIGS, &TEXTS].into_iter().zip(&answers) {
        for row in answer {
            workspace.keep(table, row)?;
        }
    }
    for row in &answers[3] {
        let rule: String = row.try_get(1)?;
        workspace.keep_queue(row.try_get(0)?, &rule)?;
    }
    Ok(())
}
