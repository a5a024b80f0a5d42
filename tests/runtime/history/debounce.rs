//! Collected events of debounce windows in the output of commands. The store wrote all data.

use std::sync::Arc;

use flowtrigger::store::sqlite::SqliteStore;
use flowtrigger::store::{
    ArrivalKind, IncomingEvent, PlannedRun, RevisionId, Store, StoreSettings,
};
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::matching::find::MatchScratch;
use jiff::Timestamp;

use super::fixture::{RULES, priority};
use super::program::flowtrigger;

fn gathering() -> String {
    let own = "debounce: { per: ticket.id, quiet: 4h, keep: all }\nflow:";
    RULES.replacen("flow:", own, 1)
}

async fn two_events(store: &SqliteStore) {
    let mut files = Files::default();
    let file = files.add("rules/page.yaml", gathering());
    let config = ConfigSource::default().compile();
    let mut diagnostics = Diagnostics::default();
    let rules = rule_set::rule_set(&Arc::new(files), &[file], &config, &mut diagnostics);
    for time in ["2026-01-07T09:02:00Z", "2026-01-07T09:03:00Z"] {
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
            received: Timestamp::now(),
            revision: RevisionId::default(),
            occasion: ArrivalKind::Delivery,
            delivery: None,
        };
        store.commit(arrival).await.unwrap();
    }
}

#[test]
fn a_window_is_told_by_the_run_that_gave_way_the_one_that_acts_and_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (store, _) =
        SqliteStore::open(&data.join("flowtrigger.db"), StoreSettings::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(two_events(&store));
    drop(store);
    let shown = flowtrigger(data, &["runs", "show", "1", "2"]);
    for expected in [
        "debounce: replaced by run 2 of a later event",
        "debounce  ticket.id 7  closed: replaced by run 2 of a later event",
        "debouncing",
        "debounce  ticket.id 7  open, quiet 4h; gathers 2 events since",
        "if no other event arrives before",
    ] {
        assert!(shown.out.contains(expected), "{expected}\n{}", shown.out);
    }
    let json = flowtrigger(data, &["runs", "show", "2", "--format", "json"]);
    let story: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let gathered = &story["gathered"];
    assert_eq!(
        (&gathered["run"], &gathered["count"]),
        (&2.into(), &2.into())
    );
    assert_eq!(gathered["events"].as_array().map(Vec::len), Some(2));
    let file = |name: &str, text: &str| {
        let path = data.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().expect("UTF-8").to_owned()
    };
    let rules = file("gathering.yaml", &gathering());
    let next = priority(7, "urgent", "2026-01-07T09:04:00Z");
    let next = file("next.json", &next.document().to_string());
    let said = flowtrigger(data, &["dry-run", "--rules", &rules, &next]);
    let outlook = "all events for ticket.id 7, quiet 4h  gathers: run 2 collects events for ticket.id 7 since";
    assert!(said.out.contains(outlook), "{}", said.out);
    let other = priority(8, "urgent", "2026-01-07T09:04:00Z");
    let other = file("other.json", &other.document().to_string());
    let said = flowtrigger(data, &["dry-run", "--rules", &rules, &other]);
    let outlook = "gathers: the first event for ticket.id 8; its run starts at";
    assert!(said.out.contains(outlook), "{}", said.out);
}
