//! A start with ten thousand runs in the queue: all are done, and each lane in its order.

use std::collections::HashMap;

use flowtrigger::engine::{ConfigFile, Rulebook, RulebookPaths, read_event};
use flowtrigger::store::{Arrival, EditionId, Occasion, Settings, SqliteStore, Store};
use jiff::Timestamp;

use crate::daemon::Daemon;
use crate::place::{Place, event, telling};
use crate::receiver::Receiver;
use crate::turn::Turn;

const RUNS: u64 = 10_000;
const LANES: u64 = 400;
/// Events that are written together.
const TOGETHER: u64 = 1_000;

/// Requests cost more than all the rest, so that not every run makes one.
fn is_told(number: u64) -> bool {
    (number / LANES).is_multiple_of(5)
}

fn rulebook(place: &Place) -> Rulebook {
    let places = RulebookPaths {
        config: ConfigFile::Named(place.path("flowtrigger.yaml")),
        ..RulebookPaths::new(place.path("rules"))
    };
    let reading = places.read();
    assert!(!reading.diagnostics.has_errors(), "{reading:?}");
    reading.rulebook
}

fn arrival(number: u64, rulebook: &Rulebook) -> Arrival {
    let kind = match is_told(number) {
        true => "told",
        false => "noted",
    };
    let event = event(&number.to_string(), number % LANES, kind);
    let event = read_event(event, Some("desk"), &rulebook.config).unwrap();
    Arrival {
        planned: rulebook.plan(&event),
        event: event.into(),
        received: Timestamp::now(),
        edition: EditionId::default(),
        occasion: Occasion::Delivery,
    }
}

/// Writes the queue as an earlier life of the daemon would have.
fn fill(place: &Place) {
    let rulebook = rulebook(place);
    std::fs::create_dir_all(place.path("data")).unwrap();
    let (store, _) = SqliteStore::open(&place.database(), Settings::default()).unwrap();
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
fn overtaking(place: &Place) -> u64 {
    let database = rusqlite::Connection::open(place.database()).unwrap();
    let sql = "SELECT count(*) FROM (
        SELECT changed < lag(changed) OVER (PARTITION BY queue, lane ORDER BY id) AS overtakes FROM runs)
        WHERE overtakes";
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    count.unsigned_abs()
}

#[test]
fn ten_thousand_queued_runs_are_done_after_a_start() {
    let _turn = Turn::take();
    let receiver = Receiver::fine();
    let noting =
        "name: note\nevent_source: desk\nevent_type: noted\nflow:\n- set: { seen: true }\n";
    let rules = [telling("tell", "told", receiver.port, ""), noting.into()];
    let place = Place::new(&rules.join("---\n"));
    place.configure("limits: { runs: 64, per_rule: 64, per_host: 64 }\n");
    fill(&place);
    let told = (0..RUNS).filter(|number| is_told(*number)).count();
    let daemon = Daemon::start(&place);
    receiver.gets(told);
    daemon.rests();
    assert_eq!(daemon.count("done"), RUNS);
    daemon.stops();
    let got = receiver.got();
    assert_eq!(got.len(), told, "each once");
    let mut latest: HashMap<u64, u64> = HashMap::new();
    for got in &got {
        let number: u64 = got.id().parse().unwrap();
        let before = latest.insert(number % LANES, number);
        assert!(before < Some(number), "{number} after {before:?}");
    }
    assert_eq!(overtaking(&place), 0);
}
