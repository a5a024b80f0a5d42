//! The response to a sender, for each status.

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{EngineOptions, Perform};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::{Store, StoreError};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::call_result::{CallResult, Reply};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{
    answered, daemon, daemon_with, daemon_with_performer, event, soon, telling,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::broken_store::Broken;

const QUIET: &str = "name: quiet\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- succeed: fine\n";

#[tokio::test]
async fn an_event_is_accepted_and_acted_on() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let answered = daemon.post(&event(1, "hello")).await;
    assert_eq!(answered.status, 200);
    let id = answered.body["event"].as_str().unwrap().to_owned();
    let runs = daemon.accepted(&event(1, "hello")).await;
    let run = runs[0].id.0;
    assert_eq!(
        answered.body,
        json!({"accepted": true, "event": id, "runs": [{"id": run, "rule": "tell", "state": "queued"}]})
    );
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    let got = receiver.received();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].path, "/tell");
    assert_eq!(got[0].body, r#"{"subject":"hello"}"#);
    assert_eq!(got[0].key.len(), 32);
}

#[tokio::test]
async fn an_event_that_comes_again_runs_nothing_twice() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let runs = daemon.accepted(&event(1, "hello")).await;
    daemon.settled(&runs).await;
    let again = daemon.post(&event(1, "hello")).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.body["redelivered"], true);
    assert_eq!(
        again.body["runs"],
        json!([{"id": runs[0].id.0, "rule": "tell", "state": "done"}])
    );
    let other = daemon.accepted(&event(1, "other")).await;
    daemon.settled(&other).await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn an_array_is_taken_whole_or_not_at_all() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let mut broken = event(2, "b");
    broken["input"]["ticket_event"]["ticket"]["id"] = json!([]);
    let refused = daemon.post(&json!([event(1, "a"), broken])).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["accepted"], false);
    assert_eq!(refused.body["index"], 1);
    assert_eq!(refused.body["path"], "input.ticket_event.ticket.id");
    assert!(daemon.engine.store().counts().await.unwrap().is_empty());
    let taken = daemon.post(&json!([event(1, "a"), event(2, "b")])).await;
    assert_eq!(taken.status, 200);
    assert_eq!(taken.body[1]["runs"][0]["rule"], "tell");
    assert_eq!(receiver.wait_for_async(2).await.len(), 2);
    let one = daemon.post(&json!([event(3, "c")])).await;
    assert!(one.body.is_array(), "{}", one.body);
}

#[tokio::test]
async fn what_matches_nothing_is_accepted_all_the_same() {
    let daemon = daemon(QUIET).await;
    let mut unknown = event(1, "a");
    unknown["input"]["ticket_event"]["type"] = json!("Subjekt Changed");
    let answered = daemon.post(&unknown).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.body["runs"], json!([]));
    let warning = answered.body["warnings"][0].as_str().unwrap();
    assert!(warning.contains("ticket.SubjectChanged"), "{warning}");
}

#[tokio::test]
async fn a_shadow_rule_is_recorded_and_never_acts() {
    let receiver = Receiver::ok();
    let rules = format!(
        "mode: shadow\n{}---\n{}",
        telling("shadowed", receiver.address, ""),
        telling("live", receiver.address, "")
    );
    let daemon = daemon(&rules).await;
    let answered = daemon.post(&event(1, "a")).await;
    assert_eq!(answered.body["runs"][0]["state"], "shadow");
    assert_eq!(answered.body["runs"][1]["state"], "queued");
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(receiver.received()[0].path, "/live");
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_its_place() {
    let daemon = daemon(QUIET).await;
    let post = |body: &'static str| answered(daemon.request("POST", "/events/support").body(body));
    let broken = post("{\n  \"a\": }").await;
    assert_eq!(broken.status, 400);
    assert_eq!(broken.body["accepted"], false);
    assert_eq!(
        (&broken.body["line"], &broken.body["column"]),
        (&json!(2), &json!(8))
    );
    for body in ["", "[]", "7", "{}", "{\"a\":1,\"a\":2}", "{\"input\":null}"] {
        let refused = post(body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(!refused.error().is_empty(), "{body}");
    }
    let deep = "[".repeat(1_000);
    let deep = answered(daemon.request("POST", "/events/support").body(deep)).await;
    assert_eq!(deep.status, 400);
    assert!(deep.error().contains("127 levels"), "{}", deep.error());
}

#[tokio::test]
async fn the_urls_source_must_be_known_and_agree() {
    let daemon = daemon(QUIET).await;
    let request = daemon.request("POST", "/events/zendesk");
    let unknown = answered(request.body("{}")).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.error().starts_with("unknown source;"));
    assert!(!unknown.error().contains("/events/"));
    let nameless = answered(daemon.request("POST", "/events/").body("{}")).await;
    assert_eq!(nameless.status, 404);
    assert!(nameless.error().starts_with("unknown source;"));
    let request = daemon.request("POST", "/events/upmind");
    let other = answered(request.body(event(1, "a").to_string())).await;
    assert_eq!(other.status, 400);
    assert_eq!(other.body["help"], "send it to `/events/support`");
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_are_allowed() {
    let daemon = daemon(QUIET).await;
    let read = answered(daemon.request("GET", "/events/support")).await;
    assert_eq!((read.status, read.header("allow")), (405, "POST"));
    let written = answered(daemon.request("POST", "/readyz")).await;
    assert_eq!(
        (written.status, written.header("allow")),
        (405, "GET, HEAD")
    );
    let elsewhere = answered(daemon.request("GET", "/")).await;
    assert_eq!(elsewhere.status, 404);
    assert!(elsewhere.error().contains("/events/{source}"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_one_at_it_is_read() {
    let limits = HttpLimits::default();
    let daemon = daemon(QUIET).await;
    let post = |size: usize| {
        let body = " ".repeat(size);
        answered(daemon.request("POST", "/events/support").body(body))
    };
    assert_eq!(post(limits.body).await.status, 400);
    let over = post(limits.body + 1).await;
    assert_eq!(over.status, 413);
    assert!(over.error().contains("1048576 bytes"), "{}", over.error());
    assert_eq!(post(10 * 1024 * 1024).await.status, 413);
}

#[tokio::test]
async fn json_is_taken_by_its_media_type() {
    let daemon = daemon(QUIET).await;
    let body = event(1, "a").to_string();
    for (media, status) in [
        ("application/json; charset=utf-8", 200),
        ("application/cloudevents+json", 200),
        ("text/plain", 200),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ] {
        let request = daemon.request("POST", "/events/support");
        let request = request.header("content-type", media).body(body.clone());
        assert_eq!(answered(request).await.status, status, "{media}");
    }
    let request = daemon.request("POST", "/events/support");
    let packed = request
        .header("content-encoding", "gzip")
        .body(body.clone());
    assert_eq!(answered(packed).await.status, 415);
    let silent = daemon.request("POST", "/events/support").body(body);
    assert_eq!(answered(silent).await.status, 200);
}

#[tokio::test]
async fn health_and_readiness() {
    let daemon = daemon(QUIET).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(answered(daemon.request("GET", path)).await.status, 200);
        assert_eq!(answered(daemon.request("HEAD", path)).await.status, 200);
    }
}

#[tokio::test]
async fn a_store_that_takes_nothing_asks_the_sender_to_come_back() {
    for (why, status, error) in [
        (
            StoreError::Full { unfinished: 7 },
            429,
            "7 runs are unfinished",
        ),
        (StoreError::Busy, 503, "send it again later"),
        (StoreError::Broken("no room".into()), 503, "no room"),
        (
            StoreError::Unreachable("failed to connect to db.example".into()),
            503,
            "the database is not available; send it again later",
        ),
    ] {
        let daemon = daemon_with_performer(QUIET, Broken(why), Idle).await;
        let refused = daemon.post(&event(1, "a")).await;
        assert_eq!(refused.status, status);
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((5..=30).contains(&seconds), "{seconds}");
        assert!(refused.error().contains(error), "{}", refused.error());
        assert!(!refused.error().contains("db.example"));
        let ready = answered(daemon.request("GET", "/readyz")).await;
        assert_eq!(ready.status, 503, "a store that cannot write is not ready");
        let mut unmatched = event(1, "a");
        unmatched["input"]["ticket_event"]["type"] = json!("Ticket Created");
        assert_eq!(daemon.post(&unmatched).await.status, 200);
        let many = json!([unmatched, event(1, "a")]);
        assert_eq!(daemon.post(&many).await.status, status);
    }
}

#[tokio::test]
async fn a_sender_that_dribbles_is_hung_up_on() {
    let limits = HttpLimits {
        request: std::time::Duration::from_millis(20),
        ..HttpLimits::default()
    };
    let daemon = daemon_with(QUIET, EngineOptions::default(), limits).await;
    for start in [
        "",
        "POST /events/support HT",
        "POST /events/support HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{",
        "POST /events/support HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n",
    ] {
        let mut sender = tokio::net::TcpStream::connect(daemon.address())
            .await
            .unwrap();
        sender.write_all(start.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let end = soon("the connection is closed", sender.read_to_end(&mut said)).await;
        let said = String::from_utf8_lossy(&said);
        assert!(end.is_err() || !said.contains("200 OK"), "{start}: {said}");
    }
}

struct Idle;

impl Perform for Idle {
    async fn perform(&self, _: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        Ok(Reply { value: Value::Null })
    }
}
