//! The intake of events: in their order, all or none, with the current rules; unmatched events are archived.

use flowtrigger::engine::{EngineOptions, reload};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::source::{EventDelivery, Ingest};
use flowtrigger::store::{RevisionId, Store};
use flowtrigger_core::config::sender_method::SenderMethod;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{answered, daemon, daemon_on_store, event, telling, until};
use serde_json::{Value, json};

use super::durable::Durable;

const QUIET: &str = "name: quiet\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- succeed: fine\n";

fn at(position: Value, change: &str) -> Value {
    let mut event = event(1, change);
    event["input"]["ticket_event"]["meta"]["sequence"]["position"] = position;
    event
}

#[tokio::test]
async fn an_array_is_committed_in_the_order_of_its_update_and_answered_as_it_came() {
    let daemon = daemon(QUIET).await;
    let sent = json!([
        at(json!(3), "c"),
        at(json!("2"), "b"),
        at(json!(10), "d"),
        at(json!(1), "a"),
        at(json!(3), "c again"),
    ]);
    let answered = daemon.post(&sent).await;
    let id = |index: usize| answered.body[index]["runs"][0]["id"].as_u64().unwrap();
    let committed = [3, 1, 0, 4, 2].map(id);
    assert!(committed.is_sorted(), "{committed:?}");
}

#[tokio::test]
async fn a_sender_that_hangs_up_cannot_stop_it_half_way() {
    let store = Durable::default();
    let gate = store.holds_commits();
    let daemon = daemon_on_store(
        store.clone(),
        QUIET,
        EngineOptions::default(),
        HttpLimits::default(),
    )
    .await;
    let body = event(1, "a").to_string();
    let endpoint = "support".into();
    let delivery = EventDelivery {
        trace: None,
        endpoint: &endpoint,
        method: SenderMethod::Post,
        path: "/events/support",
        peer: None,
        id: None,
        values: None,
        body: body.as_bytes(),
    };
    let mut receiving = Box::pin(daemon.engine.receive(delivery));
    tokio::select! {
        biased;
        _ = &mut receiving => panic!("the store holds it back"),
        () = tokio::task::yield_now() => {}
    }
    drop(receiving);
    gate.add_permits(1);
    until("the event is there", || async {
        !store.counts().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn rules_and_their_edition_change_together_and_the_unmatched_are_filed() {
    let receiver = Receiver::ok();
    let store = Durable::default();
    let options = (EngineOptions::default(), HttpLimits::default());
    let daemon = daemon_on_store(store.clone(), QUIET, options.0, options.1).await;
    assert_eq!(store.revisions(), 1, "at the start");
    let mut unmatched = event(1, "a");
    unmatched["input"]["ticket_event"]["type"] = json!("Ticket Created");
    daemon.post(&json!([event(1, "a"), unmatched])).await;
    daemon.post(&event(1, "a")).await;
    let broken = telling("broken", receiver.address, "").replace("flow:", "folw:");
    std::fs::write(daemon.rules_file(), broken).unwrap();
    assert!(reload(daemon.paths.clone(), &daemon.engine).await.is_err());
    assert_eq!(store.revisions(), 1, "a broken one is none");
    std::fs::write(daemon.rules_file(), QUIET.replace("fine", "better")).unwrap();
    reload(daemon.paths.clone(), &daemon.engine).await.unwrap();
    daemon.post(&json!([event(1, "b"), unmatched])).await;
    let revisions = |filed: Vec<(String, RevisionId)>| {
        let revisions = filed.into_iter().map(|(_, revision)| revision.0);
        revisions.collect::<Vec<u64>>()
    };
    assert_eq!(revisions(store.arrived()), [1, 1, 2]);
    assert_eq!(revisions(store.archived()), [1, 2]);
    assert!(store.archived()[0].0.contains("ticket.TicketCreated"));
}

#[tokio::test]
async fn what_came_is_counted() {
    let daemon = daemon(QUIET).await;
    daemon.post(&event(1, "a")).await;
    daemon.post(&event(1, "a")).await;
    daemon.post(&json!({})).await;
    let metrics = answered(daemon.request("GET", "/metrics")).await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = metrics.body.as_str().unwrap();
    for line in [
        "flowtrigger_events_total{source=\"support\",outcome=\"accepted\"} 1",
        "flowtrigger_events_total{source=\"support\",outcome=\"redelivered\"} 1",
        "flowtrigger_requests_refused_total{source=\"support\",reason=\"unsound\"} 1",
        "flowtrigger_commit_duration_seconds_count 2",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
    let passed_on = daemon.request("GET", "/metrics");
    let passed_on = passed_on.header("x-forwarded-for", "192.0.2.1");
    assert_eq!(answered(passed_on).await.status, 403);
}
