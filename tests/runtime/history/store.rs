//! The history reads what the store wrote: a gate that suppresses, a run that dies with a notice, an event
//! without a run. No test writes rows itself.

use std::sync::Arc;
use std::time::Duration;

use flowtrigger::store::history::{EventQuery, EventSelector};
use flowtrigger::store::{
    ArrivalKind, ClaimRequest, History, IncomingEvent, PlannedRun, Revision, SqliteHistory,
    SqliteStore, Store, StoreSettings,
};
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::gate::{GateCheck, GateDecision};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::{RunId, RunState};
use jiff::Timestamp;

use super::fixture::{RULES, failed, priority};
use super::program::flowtrigger;

const TIME: &str = "2026-01-07T09:02:00Z";

fn rules() -> RuleSet {
    let own = "dedupe: { per: ticket.id, for: 24h }\non_dead: [{ succeed: told }]\nflow:";
    let text = RULES.replacen("flow:", own, 1);
    let mut files = Files::default();
    let file = files.add("rules/page.yaml", text);
    let config = ConfigSource::default().compile();
    let mut diagnostics = Diagnostics::default();
    let set = rule_set::rule_set(&Arc::new(files), &[file], &config, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    set
}

fn revision(rules: &RuleSet) -> Revision {
    let version = &rules.rules[0].version;
    let file = rules.files.get(rules.rules[0].at.file).expect("a file");
    Revision {
        files: vec![(Arc::clone(&file.name), Arc::clone(&file.text))],
        config: Arc::clone(version.config()),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    }
}

/// Two urgent changes of ticket 7, of which the second meets a closed gate; the run of the first dies.
/// Then one that no rule matches.
async fn week(store: &SqliteStore, rules: &RuleSet) {
    let revision = store.set_revision(revision(rules)).await.unwrap();
    let now = Timestamp::now();
    for time in [TIME, "2026-01-07T09:03:00Z"] {
        let event = Arc::new(priority(7, "urgent", time));
        let mut scratch = MatchScratch::default();
        let evaluation = rules.evaluate_event(&event, &mut scratch);
        let planned = evaluation.matched().map(|rule| PlannedRun {
            rule: Arc::clone(rule),
            mode: rule.mode,
            lane: rule.lane_of(&event),
            loop_ask: rule.loop_ask_of(&event),
            asks: rule.asks_of(&event),
            waiters: Vec::new(),
            counterpart: None,
        });
        let planned = planned.collect();
        let arrival = IncomingEvent {
            planned,
            event,
            received: now,
            revision,
            occasion: ArrivalKind::Delivery,
            delivery: None,
        };
        store.commit(arrival).await.unwrap();
    }
    let claim = ClaimRequest {
        limit: 1,
        per_rule: 1,
        now,
    };
    let claimed = store.claim(claim).await.unwrap();
    assert_eq!(claimed[0].id, RunId(1));
    let why = "page: answered 404".to_owned();
    let lines = vec![failed("page", 1, now, "answered 404")];
    store
        .advance(RunId(1), lines, Some(RunState::Dead { why }))
        .await
        .unwrap();
    store.archive_unmatched(
        Arc::new(priority(8, "high", TIME)).into(),
        revision,
        now,
        None,
    );
}

#[test]
fn what_the_store_wrote_is_read_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
    let rules = rules();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(week(&store, &rules));
    let history = SqliteHistory::open(&path).unwrap();
    let story = |run| history.run(RunId(run)).unwrap().expect("the run");
    let dead = story(1);
    assert_eq!(
        (
            dead.row.state.as_str(),
            dead.told_by.map(|notice| notice.run)
        ),
        ("dead", Some(RunId(3)))
    );
    assert_eq!(dead.asks.len(), 1);
    assert_eq!(story(3).error["message"], "page: answered 404");
    let suppressed = story(2);
    let RunState::Suppressed { gate, why } = &suppressed.row.state else {
        panic!("{:?}", suppressed.row);
    };
    assert!(
        (
            gate.as_str(),
            why.starts_with("earlier run 1 for ticket.id 7")
        ) == ("dedupe", true),
        "{why}"
    );
    // The dead run gave its place back.
    let gate = &suppressed.rule.rule.as_ref().expect("a rule").gates[0];
    let ask = &GateCheck {
        kind: gate.kind.clone(),
        window: gate.window.clone(),
        value: suppressed.asks[0].value.clone(),
        time: None,
    };
    let now = Timestamp::now();
    let facts = history.gate_history("page-urgent", ask, None, now).unwrap();
    assert_eq!(ask.decide(&facts), GateDecision::Admit);
    let past = history.revision(suppressed.arrived.head.revision, &suppressed.arrived.event);
    assert_eq!(past.unwrap().expect("kept").rules.rules.len(), 2);
    let why = flowtrigger(folder.path(), &["why", "7", "--all"]);
    assert!(
        why.out
            .contains("gate  dedupe  ticket.id 7  closed: earlier run 1"),
        "{}",
        why.out
    );
    assert!(
        why.out.contains("run  1 dead after 1 attempt"),
        "{}",
        why.out
    );
    assert!(
        why.out.contains(": reports that run 1 is dead; "),
        "{}",
        why.out
    );
    archived(&history);
}

/// Unmatched events are written soon, without an answer when.
fn archived(history: &SqliteHistory) {
    let query = EventQuery {
        subject: EventSelector::Key("8".into()),
        endpoint: None,
        at: None,
        limit: 1,
    };
    for _ in 0..600 {
        if let Some(head) = history.events(&query).unwrap().first() {
            assert!(!head.matched);
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the event was never archived");
}
