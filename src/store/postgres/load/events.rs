//! Events that were received before, by their ids or the hash of their body, and stored events that are replayed.

use super::{Loading, Rows, ended, event, event_of_matched, live};
use crate::store::postgres::cell::{GATHERED, WINDOWS};
use crate::store::postgres::scope::{BatchScope, EventKey};
use crate::store::postgres::session::Param;

const SEEN_ID: &str = "FROM unnest($1::text[], $2::text[]) AS wanted(endpoint, event_id)
    JOIN seen ON seen.endpoint = wanted.endpoint AND seen.event_id = wanted.event_id";
const SEEN_HASH: &str = "FROM unnest($1::text[], $2::text[]) AS wanted(endpoint, hash)
    JOIN seen ON seen.endpoint = wanted.endpoint AND seen.event_id >= wanted.hash COLLATE \"C\"
        AND seen.event_id < (wanted.hash || '.') COLLATE \"C\"";

fn ids_of(scope: &BatchScope) -> Vec<Param> {
    vec![
        Param::texts(scope.events.iter().map(|event| &event.endpoint)),
        Param::texts(scope.events.iter().map(|event| &event.id)),
    ]
}

/// `None` if no event has a hash as its id.
fn hashes_of(scope: &BatchScope) -> Option<Vec<Param>> {
    let hash = |event: &'_ EventKey| Some((event.endpoint.clone(), event.hash.clone()?));
    let hashed: Vec<(String, String)> = scope.events.iter().filter_map(hash).collect();
    let (endpoints, hashes): (Vec<_>, Vec<_>) = hashed.into_iter().unzip();
    (!hashes.is_empty()).then(|| vec![Param::texts(endpoints), Param::texts(hashes)])
}

/// Whether one of the events was received before: the indexes of the answers that say so.
pub fn add_seen(loading: &mut Loading, scope: &BatchScope) -> Vec<usize> {
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

/// Events that have the id of a received one, with their runs; also those that were stored without runs.
pub fn add_known_events(loading: &mut Loading, scope: &BatchScope) {
    let keys = || ids_of(scope);
    add_events_with_runs(loading, SEEN_ID, &keys);
    add_awaited_events(loading, SEEN_ID, keys());
    if scope.has_replay {
        let windows = format!(
            "{SEEN_ID} JOIN runs ON runs.event = seen.event JOIN windows ON windows.run = runs.id"
        );
        add_gathered(loading, &windows, &keys);
    }
    if let Some(keys) = hashes_of(scope) {
        add_events_with_runs(loading, SEEN_HASH, &|| keys.clone());
        add_awaited_events(loading, SEEN_HASH, keys);
    }
}

fn add_awaited_events(loading: &mut Loading, from: &str, keys: Vec<Param>) {
    loading.add(
        Rows::Events,
        &format!(
            "SELECT {} {from} JOIN events AS e ON e.id = seen.event AND e.day = seen.day AND e.matched = 0",
            event("e.")
        ),
        keys,
    );
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

/// Events that are replayed, with their runs and the windows of these.
pub fn add_stored_events(loading: &mut Loading, scope: &BatchScope) {
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
