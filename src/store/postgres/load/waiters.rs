//! What decides the `wait_for` steps of runs: waiters of the events that arrive, inboxes, and recent events for runs that are
//! planned.

use std::collections::BTreeSet;

use super::{Loading, Rows, event, whole};
use crate::store::awaited::AwaitedValue;
use crate::store::postgres::cell::{INBOX, RECENT_EVENTS, WAITERS};
use crate::store::postgres::schema::MICROS_PER_DAY;
use crate::store::postgres::scope::BatchScope;
use crate::store::postgres::session::Param;

/// Subjects and values as the parameters `$1` and `$2`.
pub fn value_params(values: &BTreeSet<&AwaitedValue>) -> Vec<Param> {
    vec![
        Param::ints(values.iter().map(|of| of.subject)),
        Param::texts(values.iter().map(|of| &of.value)),
    ]
}

/// Waiters of the events that arrive, with what decided their steps, and those of runs that are changed.
pub fn add_waiters(loading: &mut Loading, scope: &BatchScope) {
    let arriving: BTreeSet<&AwaitedValue> = scope.arriving.iter().collect();
    if !arriving.is_empty() {
        let from = "FROM unnest($1::bigint[], $2::text[]) AS wanted(subject, value)
            JOIN waiters AS w ON w.subject = wanted.subject AND w.value = wanted.value";
        loading.add(
            Rows::Of(&WAITERS),
            &format!("SELECT {} {from}", WAITERS.list("w.")),
            value_params(&arriving),
        );
        // All waiters of a step are closed together.
        loading.add(
            Rows::Of(&WAITERS),
            &format!(
                "SELECT {} {from} JOIN waiters AS o ON o.run = w.run AND o.step = w.step",
                WAITERS.list("o.")
            ),
            value_params(&arriving),
        );
        loading.add(
            Rows::Of(&INBOX),
            &format!(
                "SELECT {} {from} JOIN inbox AS i ON i.run = w.run AND i.step = w.step",
                INBOX.list("i.")
            ),
            value_params(&arriving),
        );
    }
    let runs: BTreeSet<i64> = scope.waiting.iter().copied().chain(whole(scope)).collect();
    if !runs.is_empty() {
        for table in [&WAITERS, &INBOX] {
            loading.add(
                Rows::Of(table),
                &format!(
                    "SELECT {} FROM {} WHERE run = ANY($1)",
                    table.list(""),
                    table.name
                ),
                vec![Param::ints(runs.iter().copied())],
            );
        }
    }
}

/// Awaited events that were received shortly before the runs that are planned now.
pub fn add_recent_events(loading: &mut Loading, scope: &BatchScope) {
    let planned: BTreeSet<&AwaitedValue> = scope.awaiting.iter().collect();
    if planned.is_empty() {
        return;
    }
    let from = "FROM unnest($1::bigint[], $2::text[]) AS wanted(subject, value)
        JOIN recent_events AS r ON r.subject = wanted.subject AND r.value = wanted.value";
    loading.add(
        Rows::Of(&RECENT_EVENTS),
        &format!("SELECT {} {from}", RECENT_EVENTS.list("r.")),
        value_params(&planned),
    );
    loading.add(
        Rows::Events,
        &format!(
            "SELECT {} {from} JOIN events AS e ON e.id = r.event AND e.day = r.at / {MICROS_PER_DAY}",
            event("e.")
        ),
        value_params(&planned),
    );
}
