//! Runs from start to end: retries, lanes, guards, and a panic that ends only its own run.

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{Perform, RunReport, act};
use flowtrigger::store::Store;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::{CallResult, Reply};
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon, daemon_with_performer, event, soon, telling};
use flowtrigger_testing::test_store::empty_store;
use serde_json::json;

const QUICKLY: &str = "  retry: { attempts: 3, backoff: 1ms, max_delay: 1ms }\n";

#[tokio::test]
async fn a_dead_receiver_is_tried_again_and_given_up() {
    // Bound, so that no other program gets the port, and never listening.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = nobody.local_addr().unwrap();
    let daemon = daemon(&telling("tell", address, QUICKLY)).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    let record = &daemon.settled(&runs).await[0];
    let RunState::Dead { why } = &record.state else {
        panic!("{:?}", record.state);
    };
    assert!(
        why.starts_with("step `tell` failed after 3 attempts"),
        "{why}"
    );
    let numbers: Vec<u32> = record
        .log
        .iter()
        .filter_map(LogEntry::attempt)
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    let report = RunReport::from_record(record);
    assert_eq!((report.steps.len(), report.steps[0].attempts), (1, 3));
    assert_eq!(report.steps[0].outcome, "failed");
}

#[tokio::test]
async fn a_receiver_that_recovers_gets_the_same_key_again() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[503, 429]);
    let daemon = daemon(&telling("tell", receiver.address, QUICKLY)).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    let got = receiver.received();
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|one| one.key == got[0].key));
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[404]);
    let daemon = daemon(&telling("tell", receiver.address, QUICKLY)).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    assert_eq!(daemon.settled(&runs).await[0].state.as_str(), "dead");
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_retrying_run_blocks_its_own_lane_only() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[503]);
    let slowly = "  retry: { attempts: 2, backoff: 1h, max_delay: 1h }\n";
    let daemon = daemon(&telling("tell", receiver.address, slowly)).await;
    let first = daemon.accepted(&event(1, "a")).await;
    receiver.wait_for_async(1).await;
    let second = daemon.accepted(&event(1, "b")).await;
    let other = daemon.accepted(&event(2, "c")).await;
    assert_eq!(daemon.settled(&other).await[0].state, RunState::Done);
    let store = daemon.engine.store();
    let state = |id| async move { store.run(id).await.unwrap().unwrap().state };
    let parked = async {
        while state(first[0].id).await.as_str() != "retrying" {
            tokio::task::yield_now().await;
        }
    };
    soon("the first run is parked", parked).await;
    assert_eq!(state(second[0].id).await, RunState::Queued);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn one_lane_keeps_its_order_while_another_proceeds() {
    let receiver = Receiver::ok();
    receiver.hold("first");
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let first = daemon.accepted(&event(1, "first")).await;
    receiver.wait_for_async(1).await;
    let second = daemon.accepted(&event(1, "second")).await;
    let other = daemon.accepted(&event(2, "other")).await;
    daemon.settled(&other).await;
    let bodies = |count: usize| {
        let got = receiver.received();
        assert_eq!(got.len(), count);
        got.into_iter()
            .map(|one| one.body.clone())
            .collect::<Vec<_>>()
    };
    assert!(bodies(2)[1].contains("other"));
    receiver.release(1);
    daemon.settled(&first).await;
    daemon.settled(&second).await;
    assert!(bodies(3)[2].contains("second"));
}

#[tokio::test]
async fn steps_pass_data_on_and_a_guard_ends_a_run() {
    let receiver = Receiver::ok();
    let more = "- name: note\n  set: { seen: \"{{ steps.tell.status }}\" }\n\
                - name: only-two-hundred\n  when: { steps.note.seen: 201 }\n\
                - fail: never reached\n";
    let more = more.replace("only-two-hundred", "only_created");
    let daemon = daemon(&telling("tell", receiver.address, &more)).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    let record = &daemon.settled(&runs).await[0];
    assert_eq!(record.state.as_str(), "skipped");
    assert!(record.state.why().unwrap().contains("only_created"));
    let results: Vec<&CallResult> = record
        .log
        .iter()
        .filter_map(LogEntry::attempt)
        .map(|attempt| &attempt.outcome)
        .collect();
    let seen = json!({"seen": 200});
    assert!(matches!(results[1], Ok(Reply { value: result }) if *result == seen));
}

#[tokio::test]
async fn a_fault_in_one_run_stops_no_other() {
    let daemon = daemon_with_performer(
        &telling("tell", "127.0.0.1:9".parse().unwrap(), ""),
        empty_store(),
        Faulty,
    )
    .await;
    let broken = daemon.accepted(&event(1, "boom")).await;
    let record = &daemon.settled(&broken).await[0];
    let why = record.state.why().unwrap_or_default();
    assert_eq!(record.state.as_str(), "dead");
    assert!(
        why.contains("injected") && why.contains("please report it"),
        "{why}"
    );
    let next = daemon.accepted(&event(1, "fine")).await;
    assert_eq!(daemon.settled(&next).await[0].state, RunState::Done);
}

struct Faulty;

impl Perform for Faulty {
    async fn perform(&self, call: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        assert!(!format!("{call:?}").contains("boom"), "injected");
        Ok(Reply { value: json!({}) })
    }
}

#[tokio::test]
async fn a_batch_reports_in_order_of_events() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[503, 503, 404]);
    let daemon = daemon(&telling("tell", receiver.address, QUICKLY)).await;
    let config = &daemon.engine.rulebook().config;
    let read =
        |change: String| flowtrigger::engine::read_event(event(1, &change), None, config).unwrap();
    let events: Vec<_> = (0..100).map(|n| read(format!("change {n}"))).collect();
    let (sender, coming) = tokio::sync::mpsc::channel(events.len());
    for event in events.clone() {
        let incoming = daemon.engine.matcher().match_event(event);
        assert!(sender.try_send(incoming).is_ok());
    }
    drop(sender);
    let mut reports = Vec::new();
    let batch = act(&daemon.engine, coming, |report| {
        reports.push(report);
        std::ops::ControlFlow::Continue(())
    });
    soon("all events are acted on", batch).await.unwrap();
    let reported: Vec<&str> = reports.iter().map(|r| r.event.id.as_str()).collect();
    let sent: Vec<&str> = events.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(reported, sent);
    assert_eq!(reports[0].matched, ["tell"]);
    assert_eq!(reports[0].runs[0].steps[0].attempts, 3);
    assert_eq!(reports[0].runs[0].state.as_str(), "dead");
    assert!(
        reports[1..]
            .iter()
            .all(|r| r.runs[0].state == RunState::Done)
    );
}
