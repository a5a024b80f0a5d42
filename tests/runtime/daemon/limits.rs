//! Concurrency limits: in total, for one rule, for one host.

use std::time::Duration;

use flowtrigger::engine::EngineOptions;
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::{RunStatus, Store};
use flowtrigger_core::run::RunState;
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon_on_store, daemon_with, event, telling, until};
use flowtrigger_testing::test_store::empty_store_by_callers;

#[tokio::test]
async fn a_host_that_does_not_answer_holds_up_no_other() {
    let (dead, alive) = (Receiver::ok(), Receiver::ok());
    dead.hold("");
    let rules: Vec<String> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| telling(name, dead.address, ""))
        .chain([telling("z", alive.address, "")])
        .collect();
    let options = EngineOptions {
        concurrency: 2,
        per_host: 1,
        ..EngineOptions::default()
    };
    let daemon = daemon_with(&rules.join("---\n"), options, HttpLimits::default()).await;
    let runs = daemon.accepted(&event(1, "x")).await;
    let (to_dead, to_alive) = runs.split_at(4);
    assert_eq!(daemon.settled(to_alive).await[0].state, RunState::Done);
    assert_eq!(dead.wait_for_async(1).await.len(), 1, "one at a time");
    dead.release(4);
    for record in daemon.settled(to_dead).await {
        assert_eq!(record.state, RunState::Done);
    }
    assert_eq!(dead.received().len(), 4);
}

#[tokio::test]
async fn one_rule_takes_no_more_than_its_share() {
    let receiver = Receiver::ok();
    receiver.hold("many");
    let rules = [
        telling("greedy", receiver.address, ""),
        telling("modest", receiver.address, "").replace("flow:", "when: { current: one }\nflow:"),
    ];
    let options = EngineOptions {
        per_rule: 2,
        ..EngineOptions::default()
    };
    let daemon = daemon_with(&rules.join("---\n"), options, HttpLimits::default()).await;
    let mut runs = Vec::new();
    for ticket in 0..5 {
        runs.extend(
            daemon
                .accepted(&event(ticket, &format!("many {ticket}")))
                .await,
        );
    }
    receiver.wait_for_async(2).await;
    let both = daemon.accepted(&event(9, "one")).await;
    assert_eq!(&*both[1].rule, "modest");
    daemon.settled(&both[1..]).await;
    let greedy = receiver
        .received()
        .iter()
        .filter(|got| got.path == "/greedy")
        .count();
    assert_eq!(greedy, 2);
    receiver.release(5);
    daemon.settled(&runs).await;
}

/// The state of each run, and how many lines its log has.
async fn standing(store: &impl Store, runs: &[RunStatus]) -> Vec<(&'static str, usize)> {
    let mut standing = Vec::new();
    for run in runs {
        let record = store.run(run.id).await.unwrap().unwrap();
        standing.push((record.state.as_str(), record.log.len()));
    }
    standing
}

#[tokio::test]
async fn no_more_runs_wait_for_a_host_in_memory_than_are_allowed() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let clock = ManualClock::default();
    let options = EngineOptions {
        concurrency: 4,
        per_rule: 1_000,
        per_host: 1,
        ..clock.options()
    };
    let rules = telling("tell", receiver.address, "");
    let (store, limits) = (empty_store_by_callers(), HttpLimits::default());
    let daemon = daemon_on_store(store, &rules, options, limits).await;
    let mut runs = Vec::new();
    for ticket in 0..70 {
        runs.extend(daemon.accepted(&event(ticket, &format!("x{ticket}"))).await);
    }
    let store = daemon.engine.store();
    until("one is at work, 64 wait, five come back", || async {
        let standing = standing(store, &runs).await;
        let in_state = |word| standing.iter().filter(|at| **at == (word, 0)).count();
        in_state("running") == 65 && in_state("retrying") == 5
    })
    .await;
    assert_eq!(receiver.received().len(), 1);
    receiver.release(1_000);
    until("all are done", || async {
        clock.advance(Duration::from_secs(1));
        let standing = standing(store, &runs).await;
        standing.iter().all(|at| *at == ("done", 1))
    })
    .await;
    assert_eq!(receiver.received().len(), 70);
}
