//! What gates and the loop guard ask about: admissions, and the runs that may have caused an event.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Loading, Rows, ended, live, view};
use crate::store::postgres::cell::{GATE_ADMISSIONS, LOG_ENTRIES, NOTICES};
use crate::store::postgres::scope::BatchScope;
use crate::store::postgres::session::Param;

pub fn add_gates(loading: &mut Loading, scope: &BatchScope, now: Timestamp) {
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

/// The windows of notices. Their summaries are among the runs of the scope.
pub fn add_notices(loading: &mut Loading, scope: &BatchScope) {
    let causes: BTreeSet<_> = scope.notices.iter().collect();
    if causes.is_empty() {
        return;
    }
    loading.add(
        Rows::Of(&NOTICES),
        &format!(
            "SELECT {} FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, cause)
             JOIN notices AS n ON n.queue = wanted.queue AND n.cause = wanted.cause FOR UPDATE OF n",
            NOTICES.list("n.")
        ),
        vec![
            Param::ints(causes.iter().map(|cause| cause.queue)),
            Param::texts(causes.iter().map(|cause| &cause.hash)),
        ],
    );
}

const CAUSES: &str = "FROM unnest($1::text[], $2::bigint[]) AS wanted(value, since)
    JOIN gate_admissions AS c ON c.gate = 'loop_guard' AND c.value = wanted.value AND c.at > wanted.since";

/// What events are about of which the loop guard asks for a cause, and since when; `None` if it asks for none.
fn causes_of(scope: &BatchScope, now: Timestamp) -> Option<Vec<Param>> {
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
pub fn add_causes(loading: &mut Loading, scope: &BatchScope, now: Timestamp) -> Option<usize> {
    let keys = causes_of(scope, now)?;
    loading.add(
        Rows::Of(&GATE_ADMISSIONS),
        &format!("SELECT {} {CAUSES}", GATE_ADMISSIONS.list("c.")),
        keys,
    );
    Some(loading.rows.len() - 1)
}

/// The runs that may have caused an event, with what the loop guard asks of them.
pub fn add_loops(loading: &mut Loading, scope: &BatchScope, now: Timestamp) {
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
