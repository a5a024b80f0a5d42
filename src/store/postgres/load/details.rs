//! Everything about runs that end, are retried or are read: log, events, windows and admissions.

use super::{Loading, Rows, event_of_matched, view, whole};
use crate::store::postgres::cell::{GATE_ADMISSIONS, GATHERED, LOG_ENTRIES, WINDOWS};
use crate::store::postgres::scope::BatchScope;
use crate::store::postgres::session::Param;

/// Everything about runs that end, are retried or are read.
pub fn add_details(loading: &mut Loading, scope: &BatchScope) {
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
