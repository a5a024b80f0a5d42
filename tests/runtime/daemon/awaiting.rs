//! Events that runs wait for, through HTTP: they are stored before the answer although no rule matches them, and the runs
//! continue at once.

use flowtrigger::store::Store;
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon, event, soon};
use serde_json::{Value, json};

fn waiting(receiver: std::net::SocketAddr) -> String {
    format!(
        "name: waits\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
         - name: reply\n  wait_for:\n    event_type: ticket.TicketCreated\n    same: ticket.id\n    within: 1h\n\
         - name: tell\n  http:\n    url: http://{receiver}/after\n    json: {{ expired: \"{{{{ steps.reply.expired }}}}\" }}\n"
    )
}

/// An event that no rule matches.
fn created(ticket: u64, id: &str) -> Value {
    let mut event = event(ticket, id);
    event["input"]["ticket_event"]["type"] = json!("Ticket Created");
    event
}

#[tokio::test]
async fn an_event_that_no_rule_matches_continues_the_run_that_waits_for_it() {
    let receiver = Receiver::ok();
    let daemon = daemon(&waiting(receiver.address)).await;
    let runs = daemon.accepted(&event(7, "run")).await;
    let is_waiting = async {
        while !matches!(
            daemon
                .engine
                .store()
                .run(runs[0].id)
                .await
                .unwrap()
                .unwrap()
                .state,
            RunState::Awaiting { .. }
        ) {
            tokio::task::yield_now().await;
        }
    };
    soon("the run waits", is_waiting).await;
    let other = daemon.post(&created(8, "other")).await;
    assert_eq!((other.status, &other.body["runs"]), (200, &json!([])));
    let answered = daemon.post(&created(7, "answer")).await;
    assert_eq!((answered.status, &answered.body["runs"]), (200, &json!([])));
    let again = daemon.post(&created(7, "answer")).await;
    assert_eq!(again.body["redelivered"], true);
    let ended = daemon.settled(&runs).await;
    assert_eq!(ended[0].state, RunState::Done);
    let arrived = ended[0].log.iter().filter_map(|entry| match entry {
        LogEntry::Arrived { event, .. } => Some(event["event"]["type"].clone()),
        _ => None,
    });
    assert_eq!(arrived.collect::<Vec<_>>(), ["ticket.TicketCreated"]);
    let got = receiver.received();
    assert_eq!(got.len(), 1);
    assert!(got[0].body.contains("false"), "{}", got[0].body);
    assert_eq!(daemon.engine.store().count_waiters().await.unwrap(), 0);
}

#[tokio::test]
async fn an_event_that_comes_before_the_run_is_found() {
    let receiver = Receiver::ok();
    let daemon = daemon(&waiting(receiver.address)).await;
    // Events without a time happened when they were received: the array is one moment.
    let both = json!([created(7, "answer"), event(7, "run")]);
    let posted = daemon.post(&both).await;
    assert_eq!(posted.status, 200, "{}", posted.body);
    assert_eq!(receiver.wait_for_async(1).await.len(), 1);
}
