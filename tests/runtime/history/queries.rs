//! Every query of the history, about runs, events and gates.
//! Tests compare results, not SQL statements.

mod file;
mod revisions;

use std::time::Duration;

use flowtrigger::store::RevisionId;
use flowtrigger::store::history::{
    EventQuery, EventSelector, NearestEvent, Page, RunFilter, RunRow,
};
use flowtrigger::store::sqlite::codec::micros;
use flowtrigger::store::{History, SqliteHistory};
use flowtrigger_core::gate::{GateCheck, GateHistory, GateKind};
use flowtrigger_core::run::{RunId, RunState};
use flowtrigger_core::schedule::ScheduledDuration;
use rusqlite::params;

use super::fixture::{Data, RULES, at, failed, priority, succeeded};

const DAY: &str = "2026-01-07T09:02:00Z";

fn dead(why: &str) -> RunState {
    RunState::Dead { why: why.into() }
}

fn page(limit: usize) -> Page {
    Page {
        limit,
        before: None,
    }
}

/// Three events and their runs, on three days.
fn three() -> Data {
    let data = Data::new();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-01T00:00:00Z");
    for (ticket, day, state, message) in [
        (7, "2026-01-05T09:00:00Z", RunState::Done, "answered 503"),
        (
            8,
            "2026-01-06T09:00:00Z",
            dead("page: answered 404"),
            "answered 404",
        ),
        (
            8,
            "2026-01-07T09:00:00Z",
            dead("gave up"),
            "Connection refused",
        ),
    ] {
        let event = data.event(&priority(ticket, "urgent", day), day, &revision, 0);
        let log = [failed("page", 1, at(day), message)];
        data.run(event, &revision, "page-urgent", &state, &log);
    }
    data
}

fn ids(rows: &[RunRow]) -> Vec<u64> {
    rows.iter().map(|row| row.id.0).collect()
}

#[test]
fn runs_come_newest_first_page_by_page() {
    let data = three();
    let history = SqliteHistory::open(&data.path()).unwrap();
    let first = history.runs(&RunFilter::default(), page(2)).unwrap();
    assert_eq!(ids(&first), [3, 2]);
    let rest = Page {
        limit: 2,
        before: Some(RunId(2)),
    };
    assert_eq!(
        ids(&history.runs(&RunFilter::default(), rest).unwrap()),
        [1]
    );
    let row = &first[1];
    assert_eq!((row.rule.as_str(), row.attempts), ("page-urgent", 1));
    assert_eq!(row.state, dead("page: answered 404"));
    assert_eq!(row.error.as_deref(), Some("answered 404"));
    assert_eq!(row.key.as_deref(), Some("8"));
    assert_eq!(row.planned, at("2026-01-06T09:00:00Z"));
}

#[test]
fn every_filter_narrows() {
    let data = three();
    let history = SqliteHistory::open(&data.path()).unwrap();
    let found = |filter: RunFilter| ids(&history.runs(&filter, page(9)).unwrap());
    let any = RunFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        found(RunFilter {
            states: vec!["dead".into()],
            ..any()
        }),
        [3, 2]
    );
    assert_eq!(
        found(RunFilter {
            key: text("7"),
            ..any()
        }),
        [1]
    );
    assert_eq!(
        found(RunFilter {
            rule: text("note-calm"),
            ..any()
        }),
        [0_u64; 0]
    );
    assert_eq!(
        found(RunFilter {
            rule: text("page-urgent"),
            ..any()
        }),
        [3, 2, 1]
    );
    assert_eq!(
        found(RunFilter {
            since: Some(at("2026-01-06T09:00:00Z")),
            ..any()
        }),
        [3, 2]
    );
    assert_eq!(
        found(RunFilter {
            until: Some(at("2026-01-06T09:00:00Z")),
            ..any()
        }),
        [1]
    );
    assert_eq!(
        found(RunFilter {
            ids: vec![RunId(3), RunId(1)],
            ..any()
        }),
        [3, 1]
    );
    // In the state's reason, in an attempt's message; in any case of letters.
    assert_eq!(
        found(RunFilter {
            error: text("gave UP"),
            ..any()
        }),
        [3]
    );
    assert_eq!(
        found(RunFilter {
            error: text("ANSWERED 503"),
            ..any()
        }),
        [1]
    );
    assert_eq!(
        found(RunFilter {
            error: text("connection"),
            ..any()
        }),
        [3]
    );
    let event = history.runs(&any(), page(1)).unwrap()[0].event.clone();
    assert_eq!(
        found(RunFilter {
            event: Some(event),
            ..any()
        }),
        [3]
    );
    let both = RunFilter {
        key: text("8"),
        error: text("404"),
        ..any()
    };
    assert_eq!(found(both), [2]);
}

#[test]
fn a_story_holds_all_that_is_known_of_a_run() {
    let data = three();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "vars: { a: 1 }", DAY);
    let event = data.event(&priority(9, "urgent", DAY), DAY, &revision, 2);
    let log = [
        succeeded("org", at(DAY), serde_json::json!({"status": 200})),
        failed("page", 1, at("2026-01-07T09:02:01Z"), "answered 500"),
    ];
    let until = at("2026-01-07T09:02:30Z");
    let run = data.run(
        event,
        &revision,
        "page-urgent",
        &RunState::Retrying { until },
        &log,
    );
    let history = SqliteHistory::open(&data.path()).unwrap();
    let story = history.run(run).unwrap().expect("the run");
    assert_eq!(story.row.state, RunState::Retrying { until });
    assert_eq!(story.log, log);
    assert_eq!(*story.arrived.event, priority(9, "urgent", DAY));
    assert_eq!(story.arrived.head.redelivered, 2);
    let rule = story.rule.rule.as_ref().expect("it compiles");
    assert_eq!(*rule.vars, serde_json::json!({"a": 1}));
    assert_eq!(story.rule.files.location(rule.at), "rules/page.yaml:1:7");
    assert_eq!(story.flow().map(|flow| flow.steps.len()), Some(2));
    assert_eq!(
        (story.told_by, story.behind, story.crashes),
        (None, None, 0)
    );
    assert!(history.run(RunId(99)).unwrap().is_none());
}

#[test]
fn a_second_rule_of_a_file_keeps_its_place() {
    let data = Data::new();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", DAY);
    let event = data.event(&priority(9, "low", DAY), DAY, &revision, 0);
    let run = data.run(event, &revision, "note-calm", &RunState::Done, &[]);
    let story = SqliteHistory::open(&data.path()).unwrap().run(run).unwrap();
    let kept = story.expect("the run").rule;
    assert_eq!(
        kept.files.location(kept.rule.expect("it compiles").at),
        "rules/page.yaml:13:7"
    );
}

#[test]
fn runs_beside_a_run_are_found() {
    let data = Data::new();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", DAY);
    let event = data.event(&priority(9, "urgent", DAY), DAY, &revision, 0);
    let run = |state: &RunState| data.run(event, &revision, "page-urgent", state, &[]);
    let (died, tells, waits) = (
        run(&dead("x")),
        run(&RunState::Running),
        run(&RunState::Queued),
    );
    let error = serde_json::json!({"run": died.0, "message": "x"}).to_string();
    let sql = &data.sql;
    sql.execute(
        "UPDATE runs SET error = ?1 WHERE id = ?2",
        params![error, tells.0 as i64],
    )
    .unwrap();
    sql.execute("UPDATE runs SET ready = 0 WHERE id = ?1", [waits.0 as i64])
        .unwrap();
    sql.execute(
        "INSERT INTO lanes (queue, value, owner) VALUES (1, '9', ?1)",
        [tells.0 as i64],
    )
    .unwrap();
    let history = SqliteHistory::open(&data.path()).unwrap();
    let story = |run| history.run(run).unwrap().expect("the run");
    assert_eq!(story(died).told_by.map(|notice| notice.run), Some(tells));
    assert_eq!(story(tells).row.tells_of, Some(died));
    assert_eq!(story(tells).error["message"], "x");
    assert_eq!(story(waits).behind, Some(tells));
}

#[test]
fn events_are_found_by_id_and_by_ticket_newest_or_nearest_first() {
    let data = three();
    let history = SqliteHistory::open(&data.path()).unwrap();
    let find = |subject: EventSelector, at| {
        let query = EventQuery {
            subject,
            endpoint: None,
            at,
            limit: 5,
        };
        history.events(&query).unwrap()
    };
    let eight = || EventSelector::Key("8".into());
    let rows = |at| {
        find(eight(), at)
            .iter()
            .map(|head| head.row.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(None), [3, 2]);
    assert_eq!(rows(Some(at("2026-01-06T11:00:00Z"))), [2, 3]);
    let head = find(eight(), None).remove(0);
    assert!(head.matched);
    assert_eq!(head.revision, RevisionId(1));
    assert_eq!(
        find(EventSelector::Id(head.id.clone()), None),
        std::slice::from_ref(&head)
    );
    let arrived = history.event(head.row).unwrap().expect("the event");
    assert_eq!(arrived.event.key.as_deref(), Some("8"));
    assert_eq!(ids(&history.runs_of(head.row).unwrap()), [3]);
    assert_eq!(find(EventSelector::Key("5".into()), None), []);
}

#[test]
fn what_is_nearly_there_is_named() {
    let data = Data::new();
    let revision = data.revision(&[], "", DAY);
    for ticket in [90_417, 90_471, 12] {
        data.event(&priority(ticket, "low", DAY), DAY, &revision, 0);
    }
    let history = SqliteHistory::open(&data.path()).unwrap();
    let near = history.nearest("90714").unwrap();
    let key = |text: &str| NearestEvent::Key(text.into());
    assert!(
        near.contains(&key("90417")) && !near.contains(&key("12")),
        "{near:?}"
    );
    let query = EventQuery {
        subject: EventSelector::Key("12".into()),
        endpoint: None,
        at: None,
        limit: 1,
    };
    let id = history.events(&query).unwrap()[0].id.clone();
    let start: String = id.chars().take(id.len() - 3).collect();
    assert!(
        history
            .nearest(&start)
            .unwrap()
            .contains(&NearestEvent::Id(id))
    );
    let span = history.retained().unwrap();
    assert_eq!((span.events, span.matched), (3, None));
    assert_eq!(span.unmatched, Some((at(DAY), at(DAY))));
}

#[test]
fn gates_are_told_the_charges_in_their_window() {
    let data = Data::new();
    let sql = &data.sql;
    sql.execute_batch("INSERT INTO queues (id, rule) VALUES (4, 'page-urgent'), (5, 'other')")
        .unwrap();
    let day = at(DAY);
    for (queue, gate, minutes, run) in [
        (4, "dedupe", 30, 11),
        (4, "dedupe", 90, 10),
        (4, "throttle", 20, 12),
        (5, "dedupe", 5, 13),
    ] {
        let at = micros(day) - minutes * 60_000_000;
        let charge = "INSERT INTO gate_admissions (queue, gate, value, at, run, until) VALUES (?1, ?2, 'ticket.id 7', ?3, ?4, 0)";
        sql.execute(charge, params![queue, gate, at, run]).unwrap();
    }
    let history = SqliteHistory::open(&data.path()).unwrap();
    let ask = |hours: u64, value: &str| GateCheck {
        kind: GateKind::Dedupe,
        window: ScheduledDuration::always(Duration::from_secs(hours * 3_600)),
        value: value.into(),
        time: None,
    };
    let facts = |ask| {
        history
            .gate_history("page-urgent", &ask, None, day)
            .unwrap()
    };
    let oldest = |run, time: &str| Some((RunId(run), at(time)));
    let one = GateHistory {
        runs: 1,
        oldest: oldest(11, "2026-01-07T08:32:00Z"),
    };
    assert_eq!(facts(ask(1, "ticket.id 7")), one);
    let two = GateHistory {
        runs: 2,
        oldest: oldest(10, "2026-01-07T07:32:00Z"),
    };
    assert_eq!(facts(ask(2, "ticket.id 7")), two);
    assert_eq!(facts(ask(2, "ticket.id 8")), GateHistory::default());
}
