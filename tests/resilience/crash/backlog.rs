//! Starting with ten thousand queued runs: all are done, each lane in its order.

use std::collections::HashMap;

use flowtrigger::engine::{ConfigFile, Rulebook, RulebookPaths, read_event};
use flowtrigger::store::{
    ArrivalKind, IncomingEvent, RevisionId, SqliteStore, Store, StoreSettings,
};
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use jiff::Timestamp;

use super::desk::{configure, event, request_rule, sandbox};
use crate::scheduling::ExclusiveTest;

const RUNS: u64 = 10_000;
const LANES: u64 = 400;
/// Events per batch.
const TOGETHER: u64 = 1_000;

/// Only some runs send a request, because requests take most of the time.
fn is_told(number: u64) -> bool {
    (number / LANES).is_multiple_of(5)
}

fn rulebook(sandbox: &Sandbox) -> Rulebook {
    let places = RulebookPaths {
        config: ConfigFile::Named(sandbox.path("flowtrigger.yaml")),
        ..RulebookPaths::new(sandbox.path("rules"))
    };
    let reading = places.read();
    assert!(!reading.diagnostics.has_errors(), "{reading:?}");
    reading.rulebook
}

fn arrival(number: u64, rulebook: &Rulebook) -> IncomingEvent {
    let kind = match is_told(number) {
        true => "told",
        false => "noted",
    };
    let event = event(&number.to_string(), number % LANES, kind);
    let event = read_event(event, rulebook.config.sources.get("desk"), &rulebook.config).unwrap();
    IncomingEvent {
        planned: rulebook.plan(&event),
        event: event.into(),
        received: Timestamp::now(),
        revision: RevisionId::default(),
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

/// Fills the queue as an earlier daemon would have.
fn fill(sandbox: &Sandbox) {
    let rulebook = rulebook(sandbox);
    std::fs::create_dir_all(sandbox.path("data")).unwrap();
    let (store, _) = SqliteStore::open(&sandbox.database(), StoreSettings::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    for first in (0..RUNS).step_by(TOGETHER as usize) {
        let arrivals = (first..first + TOGETHER).map(|number| arrival(number, &rulebook));
        let committed = store.commit_all(arrivals.collect());
        assert_eq!(
            runtime.block_on(committed).unwrap().len(),
            TOGETHER as usize
        );
    }
}

/// Runs that ended before an earlier one of their lane.
fn overtaking(sandbox: &Sandbox) -> u64 {
    let database = rusqlite::Connection::open(sandbox.database()).unwrap();
    let sql = "SELECT count(*) FROM (
        SELECT changed < lag(changed) OVER (PARTITION BY queue, lane ORDER BY id) AS overtakes FROM runs)
        WHERE overtakes";
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    count.unsigned_abs()
}

#[test]
fn ten_thousand_queued_runs_are_done_after_startup() {
    let _exclusive = ExclusiveTest::start();
    let receiver = Receiver::ok();
    let noting =
        "name: note\nevent_source: desk\nevent_type: noted\nflow:\n- set: { seen: true }\n";
    let rules = [
        request_rule("tell", "told", receiver.port, ""),
        noting.into(),
    ];
    let sandbox = sandbox(&rules.join("---\n"));
    configure(
        &sandbox,
        "limits: { runs: 64, per_rule: 64, per_host: 64 }\n",
    );
    fill(&sandbox);
    let told = (0..RUNS).filter(|number| is_told(*number)).count();
    let daemon = DaemonProcess::start(&sandbox);
    receiver.wait_for(told);
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), RUNS);
    daemon.stop();
    let got = receiver.received();
    assert_eq!(got.len(), told, "each once");
    let mut latest: HashMap<u64, u64> = HashMap::new();
    for got in &got {
        let number: u64 = got.id().parse().unwrap();
        let before = latest.insert(number % LANES, number);
        assert!(before < Some(number), "{number} after {before:?}");
    }
    assert_eq!(overtaking(&sandbox), 0);
}
