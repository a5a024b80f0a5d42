//! What the flows of claimed runs need: events, logs, and gathered events.

use std::collections::BTreeSet;

use crate::store::postgres::cell::{GATHERED, INBOX, LOG_ENTRIES, WAITERS, WINDOWS};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::load::{by_day, event, event_of_matched};
use crate::store::postgres::schema::partition;
use crate::store::postgres::session::{Param, Pipeline, PostgresSession};
use crate::store::postgres::workspace::Workspace;

/// Loads what the flows of the loaded runs need: events, logs, and gathered events.
pub async fn load_details(
    session: &PostgresSession,
    workspace: &mut Workspace,
) -> Result<(), PostgresError> {
    let places: Vec<(i64, i64, i64)> = workspace
        .runs
        .iter()
        .map(|(run, place)| (*run, place.day, place.event_day))
        .collect();
    let runs: Vec<i64> = places.iter().map(|(run, ..)| *run).collect();
    let mut events = BTreeSet::new();
    for (run, _, event_day) in &places {
        let event = workspace.run_cell(*run, "event")?.int();
        events.extend(event.map(|event| (event, *event_day)));
    }
    let mut load = Pipeline::default();
    for (day, events) in by_day(events.into_iter()) {
        load.query(
            &format!(
                "SELECT {} FROM {} WHERE id = ANY($1)",
                event_of_matched(""),
                partition("matched_events", day)
            ),
            vec![Param::ints(events)],
        );
    }
    let event_days = load.len();
    for (day, runs) in by_day(places.iter().map(|(run, day, _)| (*run, *day))) {
        load.query(
            &format!(
                "SELECT {} FROM {} WHERE run = ANY($1)",
                LOG_ENTRIES.list(""),
                partition(LOG_ENTRIES.name, day)
            ),
            vec![Param::ints(runs)],
        );
    }
    let windows = load.query(
        &format!(
            "SELECT {} FROM windows WHERE run = ANY($1)",
            WINDOWS.list("")
        ),
        vec![Param::ints(runs.iter().copied())],
    );
    let inbox = load.query(
        &format!("SELECT {} FROM inbox WHERE run = ANY($1)", INBOX.list("")),
        vec![Param::ints(runs.iter().copied())],
    );
    let waiters = load.query(
        &format!(
            "SELECT {} FROM waiters WHERE run = ANY($1)",
            WAITERS.list("")
        ),
        vec![Param::ints(runs.iter().copied())],
    );
    let answers = session.run(&load).await?;
    for row in &answers[inbox] {
        workspace.load(&INBOX, row)?;
    }
    for row in &answers[waiters] {
        workspace.load(&WAITERS, row)?;
    }
    for row in answers[..event_days].iter().flatten() {
        workspace.load_event(row)?;
    }
    for row in answers[event_days..windows].iter().flatten() {
        workspace.load(&LOG_ENTRIES, row)?;
    }
    for row in &answers[windows] {
        workspace.load(&WINDOWS, row)?;
    }
    if answers[windows].is_empty() {
        return Ok(());
    }
    let ids = || vec![Param::ints(runs.iter().copied())];
    let mut load = Pipeline::default();
    let from = "FROM windows AS w JOIN gathered AS g ON g.gathering = w.id";
    load.query(
        &format!(
            "SELECT {} {from} WHERE w.run = ANY($1)",
            GATHERED.list("g.")
        ),
        ids(),
    );
    load.query(
        &format!(
            "SELECT {} {from} JOIN events AS e ON e.id = g.event WHERE w.run = ANY($1)",
            event("e.")
        ),
        ids(),
    );
    let answers = session.run(&load).await?;
    for row in &answers[0] {
        workspace.load(&GATHERED, row)?;
    }
    for row in &answers[1] {
        workspace.load_event(row)?;
    }
    Ok(())
}
