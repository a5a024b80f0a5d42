//! What every read side must answer about what its store was given. It reads while the store is open, as the
//! commands do beside a daemon.

mod archive;
mod commands;
mod comparison;
pub mod deliveries;
mod event_list;
pub mod exchanges;
mod failures;
mod gates;
mod minutes;
mod recent;
mod traces;
mod waits;

pub use exchanges::exchange;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{arrival, attempt, claimed, in_lane, later, live_rule, now, submit, to};
use crate::store::history::{
    DeathNotice, EventQuery, EventSelector, NearestEvent, Page, RuleQueue, RunFilter, RunRow,
};
use crate::store::{
    ArrivalKind, History, IncomingEvent, ReplayMark, Revision, RevisionId, Store, StoreSettings,
};
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure};
use flowtrigger_core::run::{Attempt, LogEntry, RunId, RunState};
use jiff::Timestamp;

/// Runs the suite; `open` returns an empty store and what reads it.
pub async fn suite<S: Store, H: History>(open: impl Fn() -> (S, H)) {
    an_empty_store_has_no_history(open()).await;
    runs_are_listed_newest_first_page_by_page(open()).await;
    every_filter_narrows_the_list(open()).await;
    a_run_is_read_with_its_log_and_its_rule(open()).await;
    the_runs_beside_a_run_are_named(open()).await;
    events_are_found_by_id_and_by_key(open()).await;
    names_that_are_nearly_right_are_suggested(open()).await;
    an_event_is_read_with_the_revision_that_evaluated_it(open()).await;
    calendars_are_kept_with_their_configuration(open()).await;
    comparison::a_rule_is_compared_with_its_shadow_version(open()).await;
    exchanges::exchanges_are_read_with_their_run(open()).await;
    exchanges::a_run_is_found_by_a_part_of_an_address(open()).await;
    archive::events_are_read_in_the_order_of_their_receipt(open()).await;
    archive::a_page_has_its_texts_and_the_runs_of_its_events(open()).await;
    archive::a_filter_narrows_the_archive(open()).await;
    archive::a_replayed_event_has_its_run_from_then_on(open()).await;
    deliveries::requests_are_listed_newest_first_and_filtered(open()).await;
    deliveries::a_flood_is_counted_and_hides_nothing_else(open()).await;
    deliveries::an_event_names_the_request_that_delivered_it(open()).await;
    deliveries::an_event_of_a_flood_names_the_request_that_counts_its_own(open()).await;
    recent::the_newest_events_are_read_up_to_a_limit_and_a_time(open()).await;
    recent::the_runs_of_a_rule_are_counted_by_state(open()).await;
    recent::the_revision_in_force_is_the_one_that_was_set_last(open()).await;
    event_list::events_are_listed_newest_first_and_filtered(open()).await;
    event_list::a_listed_event_names_its_runs(open()).await;
    failures::dead_and_held_runs_are_read_with_their_last_request(open()).await;
    failures::receivers_are_read_with_their_attempts_of_the_last_hour(open()).await;
    failures::the_activity_of_rules_is_counted_by_day_and_state(open()).await;
    failures::totals_count_the_runs_of_a_filter_by_state(open()).await;
    commands::commands_are_read_with_who_gave_them(open()).await;
    minutes::minutes_are_kept_and_added_up(open()).await;
    traces::ends_are_noted_until_they_are_exported(open()).await;
    traces::runs_are_read_with_their_logs(open()).await;
    waits::a_wait_is_read_with_what_came(open()).await;
    waits::an_event_names_the_runs_that_it_continued(open()).await;
    gates::gates_are_read_as_the_store_decides(open()).await;
    gates::an_open_window_is_read_with_its_events(open()).await;
    gates::a_chain_is_read_from_its_end(open()).await;
}

fn ids(rows: &[RunRow]) -> Vec<u64> {
    rows.iter().map(|row| row.id.0).collect()
}

fn failed(message: &str) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: "one".into(),
        number: 1,
        started: now(),
        took: Duration::from_millis(3),
        outcome: Err(CallFailure {
            message: message.into(),
            retryable: false,
            retry_after: None,
            status: Some(404),
            effect: CallEffect::Possible,
            during_outage: false,
        }),
    })
}

fn query(subject: EventSelector) -> EventQuery {
    EventQuery {
        subject,
        endpoint: None,
        at: None,
        limit: 9,
    }
}

fn by_key(key: &str) -> EventQuery {
    query(EventSelector::Key(key.into()))
}

/// An event of a ticket at so many seconds, without a lane.
fn of_ticket(id: &str, ticket: &str, rule: &Arc<Rule>, seconds: i64) -> IncomingEvent {
    let mut arrival = in_lane(id, rule, None);
    Arc::make_mut(&mut arrival.event).key = Some(ticket.into());
    arrival.received = later(seconds);
    arrival
}

/// A run that is done, one that died and one that is queued.
async fn three<S: Store>(store: &S) -> [RunId; 3] {
    let (a, b) = (live_rule("a"), live_rule("b"));
    let done = submit(store, of_ticket("first", "7", &a, 0)).await;
    let dead = submit(store, of_ticket("second", "8", &a, 10)).await;
    claimed(store, later(10)).await;
    store
        .advance(done, vec![attempt(1)], Some(RunState::Done))
        .await
        .unwrap();
    let why = "page: answered 404".to_owned();
    let state = Some(RunState::Dead { why });
    store
        .advance(dead, vec![failed("Not Found")], state)
        .await
        .unwrap();
    let queued = submit(store, of_ticket("third", "8", &b, 20)).await;
    [done, dead, queued]
}

async fn an_empty_store_has_no_history<S: Store, H: History>((_store, history): (S, H)) {
    assert_eq!(
        history.runs(&RunFilter::default(), Page::first(9)).unwrap(),
        []
    );
    assert!(history.run(RunId(1)).unwrap().is_none());
    assert_eq!(history.events(&by_key("7")).unwrap(), []);
    assert_eq!(history.counts().unwrap(), []);
    assert_eq!(history.nearest("7").unwrap(), []);
    assert_eq!(history.retained().unwrap().events, 0);
    assert!(history.latest_config().unwrap().is_none());
    assert!(history.rules_with_runs().unwrap().is_empty());
}

async fn runs_are_listed_newest_first_page_by_page<S: Store, H: History>((store, history): (S, H)) {
    let [done, dead, queued] = three(&store).await;
    let any = RunFilter::default();
    let first = history.runs(&any, Page::first(2)).unwrap();
    assert_eq!(ids(&first), [queued.0, dead.0]);
    let rest = Page {
        limit: 2,
        before: Some(dead),
    };
    assert_eq!(ids(&history.runs(&any, rest).unwrap()), [done.0]);
    let row = &first[1];
    assert_eq!((row.rule.as_str(), row.attempts), ("a", 1));
    assert_eq!(row.state.why(), Some("page: answered 404"));
    assert_eq!(row.error.as_deref(), Some("Not Found"));
    assert_eq!(
        (row.event.as_str(), row.key.as_deref()),
        ("second", Some("8"))
    );
    assert_eq!(row.planned, later(10));
    let counts = history.counts().unwrap();
    let count = |state: &str| counts.iter().find(|(name, _)| name == state).cloned();
    for state in ["done", "dead", "queued"] {
        assert_eq!(count(state), Some((state.to_owned(), 1)));
    }
    assert_eq!(history.rules_with_runs().unwrap(), ["a", "b"]);
    let waiting = history.unfinished_by_rule().unwrap();
    let expected = RuleQueue {
        rule: "b".into(),
        runs: [("queued".to_owned(), 1)].into(),
    };
    assert_eq!(waiting, [expected], "ended runs are left out");
}

async fn every_filter_narrows_the_list<S: Store, H: History>((store, history): (S, H)) {
    let [done, dead, queued] = three(&store).await.map(|run| run.0);
    let text = |text: &str| Some(text.to_owned());
    let any = RunFilter::default;
    let event = history.events(&query(EventSelector::Id("third".into())));
    let third = event.unwrap()[0].row;
    for (filter, expected) in [
        (any(), vec![queued, dead, done]),
        (
            RunFilter {
                ids: vec![RunId(dead), RunId(done)],
                ..any()
            },
            vec![dead, done],
        ),
        (
            RunFilter {
                rule: text("a"),
                ..any()
            },
            vec![dead, done],
        ),
        (
            RunFilter {
                rule: text("none"),
                ..any()
            },
            vec![],
        ),
        (
            RunFilter {
                states: vec!["dead".into(), "queued".into()],
                ..any()
            },
            vec![queued, dead],
        ),
        (
            RunFilter {
                key: text("8"),
                ..any()
            },
            vec![queued, dead],
        ),
        (
            RunFilter {
                event: text("first"),
                ..any()
            },
            vec![done],
        ),
        (
            RunFilter {
                since: Some(later(10)),
                ..any()
            },
            vec![queued, dead],
        ),
        (
            RunFilter {
                until: Some(later(10)),
                ..any()
            },
            vec![done],
        ),
        // In the reason of the state, and in the message of an attempt.
        (
            RunFilter {
                error: text("ANSWERED 404"),
                ..any()
            },
            vec![dead],
        ),
        (
            RunFilter {
                error: text("not found"),
                ..any()
            },
            vec![dead],
        ),
        (
            RunFilter {
                row: Some(third),
                ..any()
            },
            vec![queued],
        ),
        (
            RunFilter {
                key: text("8"),
                rule: text("a"),
                ..any()
            },
            vec![dead],
        ),
    ] {
        let found = history.runs(&filter, Page::first(9)).unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
    }
}

async fn a_run_is_read_with_its_log_and_its_rule<S: Store, H: History>((store, history): (S, H)) {
    let [_, dead, _] = three(&store).await;
    store.retry(dead, later(30)).await.unwrap();
    let detail = history.run(dead).unwrap().expect("the run");
    assert_eq!(detail.row.state, RunState::Queued);
    assert_eq!(
        detail.log,
        [failed("Not Found"), LogEntry::Revived { at: later(30) }]
    );
    assert_eq!(detail.arrived.event.id, "second");
    assert_eq!((detail.lane.as_deref(), detail.generation), (None, 0));
    assert!(detail.error.is_null() && detail.asks.is_empty() && detail.charges.is_empty());
    assert!(!detail.suspect && detail.crashes == 0 && detail.window.is_none());
    assert_eq!(detail.flow().map(|flow| flow.steps.len()), Some(1));
    let rule = detail.rule.rule.expect("it compiles");
    assert_eq!((rule.name.as_str(), rule.mode), ("a", Mode::Live));
    let record = store.run(dead).await.unwrap().unwrap();
    assert_eq!(rule.version.fingerprint, record.rule.version.fingerprint);
}

async fn the_runs_beside_a_run_are_named<S: Store, H: History>((store, history): (S, H)) {
    let text = "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\n\
        on_dead: [{ succeed: reported }]\nflow:\n  - succeed: fine\n";
    let rule = Arc::clone(&flowtrigger_testing::rules::from_text(text).rules[0]);
    let first = submit(&store, arrival("1", &rule)).await;
    let second = submit(&store, arrival("2", &rule)).await;
    claimed(&store, now()).await;
    let detail = |run| history.run(run).unwrap().expect("the run");
    assert_eq!(detail(second).behind, Some(first));
    assert_eq!(detail(second).lane.as_deref(), Some("7"));
    to(&store, first, RunState::Dead { why: "x".into() }).await;
    let reporter = detail(first).told_by.expect("a run that reports on it").run;
    assert_eq!(detail(reporter).row.tells_of, Some(first));
    assert_eq!(detail(reporter).error["message"], "x");
    // The next dead runs of this cause share one run, which waits.
    let mut more = Vec::new();
    for event in ["3", "4"] {
        let run = submit(&store, in_lane(event, &rule, None)).await;
        to(&store, run, RunState::Dead { why: "x".into() }).await;
        more.push(run);
    }
    let listed = history
        .runs(&RunFilter::default(), Page::first(100))
        .unwrap();
    let told_by = |run: RunId| listed.iter().find(|row| row.id == run).unwrap().told_by;
    let told = more.iter().map(|run| told_by(*run).expect("a notice"));
    let told: Vec<DeathNotice> = told.collect();
    assert_eq!((told[0], told[0].others), (told[1], 1));
    assert_eq!(detail(more[1]).told_by, Some(told[0]));
    assert_eq!(told_by(first).map(|notice| notice.others), Some(0));
    let summary = detail(told[0].run).row;
    assert_eq!(
        (summary.tells_of, summary.reports.count),
        (Some(more[0]), 2)
    );
    assert_eq!(
        (told[0].due, summary.state.due()),
        (summary.state.due(), told[0].due)
    );
    assert!(told[0].due.is_some());
    assert_eq!(detail(second).behind, None);
    let replay = IncomingEvent {
        occasion: ArrivalKind::Replay(ReplayMark::default()),
        ..arrival("1", &rule)
    };
    let again = submit(&store, replay).await;
    assert_eq!(detail(again).generation, 1);
}

async fn events_are_found_by_id_and_by_key<S: Store, H: History>((store, history): (S, H)) {
    let [done, dead, queued] = three(&store).await;
    let rule = live_rule("a");
    let again = store.commit(of_ticket("first", "7", &rule, 40)).await;
    assert!(again.unwrap().redelivered);
    let found = history.events(&by_key("8")).unwrap();
    let names: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(names, ["third", "second"]);
    let nearest = EventQuery {
        at: Some(later(11)),
        limit: 1,
        ..by_key("8")
    };
    assert_eq!(history.events(&nearest).unwrap()[0].id, "second");
    let first = history.events(&query(EventSelector::Id("first".into())));
    let first = first.unwrap().remove(0);
    assert!(first.matched);
    assert_eq!((first.received, first.redelivered), (now(), 1));
    assert_eq!(first.last_came, Some(later(40)));
    let record = history.event(first.row).unwrap().expect("the event");
    assert_eq!((record.event.id.as_str(), &record.head), ("first", &first));
    assert_eq!(ids(&history.runs_of(first.row).unwrap()), [done.0]);
    assert_eq!(ids(&history.runs_of(found[1].row).unwrap()), [dead.0]);
    let retained = history.retained().unwrap();
    assert_eq!(retained.events, 3);
    assert_eq!(retained.matched, Some((now(), later(20))));
    assert!(queued > dead);
}

async fn names_that_are_nearly_right_are_suggested<S: Store, H: History>((store, history): (S, H)) {
    let rule = live_rule("a");
    for (id, ticket) in [("01J9Z6V8Q0", "90417"), ("other", "12")] {
        submit(&store, of_ticket(id, ticket, &rule, 0)).await;
    }
    let near = history.nearest("90714").unwrap();
    assert_eq!(near, [NearestEvent::Key("90417".into())]);
    let near = history.nearest("01j9z6").unwrap();
    assert_eq!(near, [NearestEvent::Id("01J9Z6V8Q0".into())]);
}

async fn an_event_is_read_with_the_revision_that_evaluated_it<S: Store, H: History>(
    (store, history): (S, H),
) {
    let revision = |name: &str| {
        let rule = live_rule(name);
        let text = rule.version.document();
        Revision {
            files: vec![("a.yaml".into(), text.into())],
            config: Arc::clone(rule.version.config()),
            settings: StoreSettings::default(),
            awaited: Vec::new(),
        }
    };
    let before = store.set_revision(revision("before")).await.unwrap();
    let mut old = arrival("1", &live_rule("before"));
    old.revision = before;
    submit(&store, old).await;
    let after = store.set_revision(revision("after")).await.unwrap();
    assert_ne!(before, after);
    let row = history.events(&by_key("7")).unwrap().remove(0);
    assert_eq!(row.revision, before);
    let event = history.event(row.row).unwrap().expect("the event").event;
    let names = |id: RevisionId| {
        let past = history.revision(id, &event).unwrap().expect("it is kept");
        assert!(!past.diagnostics.has_errors());
        let names = past.rules.rules.iter().map(|rule| rule.name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(before), ["before"]);
    assert_eq!(names(after), ["after"]);
    assert!(history.revision(RevisionId(99), &event).unwrap().is_none());
    assert!(history.latest_config().unwrap().is_some());
}

/// The calendars of a configuration are kept with it, so that schedules are judged with the holidays of that time.
async fn calendars_are_kept_with_their_configuration<S: Store, H: History>(
    (store, history): (S, H),
) {
    let text = "schedules: { office: { zone: UTC, hours: { daily: all day }, holidays: [h.ics] } }";
    let revision = |date: &str| {
        let calendar =
            format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:{date}\nEND:VEVENT\nEND:VCALENDAR\n");
        let calendars = BTreeMap::from([("h.ics".to_owned(), calendar.into())]);
        let (file, environment) = ("flowtrigger.yaml".into(), BTreeMap::new());
        let source = ConfigSource::with_calendars(file, text.into(), environment, calendars);
        Revision {
            files: Vec::new(),
            config: Arc::new(source),
            settings: StoreSettings::default(),
            awaited: Vec::new(),
        }
    };
    let christmas: Timestamp = "2026-12-25T12:00:00Z".parse().unwrap();
    for (date, open) in [("20261225", false), ("20261226", true), ("20261225", false)] {
        store.set_revision(revision(date)).await.unwrap();
        let config = history.latest_config().unwrap().expect("it is kept");
        assert_eq!(
            config.schedules["office"].is_open(christmas),
            open,
            "{date}"
        );
    }
}
