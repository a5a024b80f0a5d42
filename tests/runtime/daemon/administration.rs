//! Commands to runs over the admin socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::source::admin;
use flowtrigger::store::Store;
use flowtrigger::store::history::EventRowId;
use flowtrigger_core::run::RunState;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon, event, soon, telling};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

async fn ask(socket: &Path, method: &str, path: &str) -> (u16, String) {
    send(socket, method, path, "").await
}

async fn send(socket: &Path, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: f\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    soon("an answer", stream.read_to_string(&mut said))
        .await
        .unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn order(socket: &Path, path: &str) -> (u16, Value) {
    let (status, body) = ask(socket, "POST", path).await;
    (status, serde_json::from_str(&body).unwrap())
}

fn serve<A: admin::AdminApi>(engine: A) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.sock");
    let listener = admin::listen(&path).unwrap();
    tokio::spawn(admin::serve(
        listener,
        Arc::new(engine),
        admin::no_page(),
        std::future::pending(),
    ));
    (folder, path)
}

#[tokio::test]
async fn runs_are_retried_replayed_and_cancelled() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[404]);
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let (_folder, socket) = serve(daemon.engine.clone());
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    let run = |state: &str, id: u64| json!({"runs": [{"id": id, "rule": "tell", "state": state}]});
    let first = runs[0].id.0;
    let path = |order: &str| format!("/runs/{first}/{order}");
    assert_eq!(
        order(&socket, &path("retry")).await,
        (200, run("queued", first))
    );
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    let (status, replayed) = order(&socket, &path("replay")).await;
    let second = replayed["runs"][0]["id"].as_u64().unwrap();
    assert!(second > first);
    assert_eq!((status, replayed), (200, run("queued", second)));
    let none = order(&socket, &path("replay?rule=other%20one")).await;
    assert_eq!(none, (200, json!({"runs": []})));
    receiver.hold("held");
    let held = daemon.accepted(&event(2, "held")).await;
    let cancel = format!("/runs/{}/cancel", held[0].id.0);
    let cancelled = order(&socket, &cancel).await;
    assert_eq!(cancelled, (200, run("cancelled", held[0].id.0)));
    let done = format!("run {first} is done, and only");
    for (path, status, why) in [
        (&*path("retry"), 409, &*done),
        ("/runs/99/retry", 404, "run 99"),
        ("/runs/99/replay", 404, "run 99"),
        ("/runs/all/cancel", 404, "unknown run `all`"),
        ("/nowhere", 404, "/runs/{id}/retry"),
        ("/status", 405, "GET"),
    ] {
        let (said, body) = order(&socket, path).await;
        assert_eq!(said, status, "{path}: {body}");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(why), "{path}: {error}");
    }
}

/// The row of the only event. A store may leave numbers out.
async fn only_row(store: &impl Store) -> i64 {
    for row in 1..100 {
        if store.stored_event(EventRowId(row)).await.unwrap().is_some() {
            return row;
        }
    }
    panic!("no event is stored");
}

#[tokio::test]
async fn a_stored_event_is_replayed_once_and_only_with_the_rules_that_are_meant() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let (_folder, socket) = serve(daemon.engine.clone());
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    let replay = async |event: i64, revision: u64, rules: &[&str]| {
        let request = json!({"event": event, "replay": "r7", "revision": revision, "rules": rules});
        let (status, body) = send(&socket, "POST", "/replay", &request.to_string()).await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let run = runs[0].id;
    let record = daemon.engine.store().run(run).await.unwrap().unwrap();
    let (row, revision) = (only_row(daemon.engine.store()).await, record.revision.0);
    let (status, body) = replay(row, revision + 1, &["tell"]).await;
    assert_eq!(status, 409, "{body}");
    assert!(body["error"].as_str().unwrap().contains("other rules"));
    let none = replay(row, revision, &["other"]).await;
    assert_eq!(
        none,
        (200, json!({"runs": [], "repeated": [], "left_out": []}))
    );
    let (status, first) = replay(row, revision, &["tell"]).await;
    let second = &first["runs"][0]["id"];
    assert_eq!(status, 200, "{first}");
    assert!(second.as_u64().unwrap() > run.0);
    let (_, again) = replay(row, revision, &["tell"]).await;
    assert_eq!(
        (&again["runs"], &again["repeated"][0]["id"]),
        (&json!([]), second)
    );
    // Another replay that has seen only the run of the event gets the run of the first one.
    let request = json!({
        "event": row, "replay": "r8", "revision": revision, "rules": ["tell"],
        "seen": {"newest": run.0, "beside_unfinished": false},
    });
    let (_, body) = send(&socket, "POST", "/replay", &request.to_string()).await;
    let other: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&other["runs"], &other["left_out"][0]["id"]),
        (&json!([]), second),
        "{body}"
    );
    assert_eq!(replay(99, revision, &["tell"]).await.0, 404);
    assert_eq!(send(&socket, "POST", "/replay", "{}").await.0, 400);
}

#[tokio::test]
async fn status_and_metrics_are_told() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let (_folder, socket) = serve(daemon.engine.clone());
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    let (status, text) = ask(&socket, "GET", "/status").await;
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &told["ready"], &told["rules"]),
        (200, &json!(true), &json!(1))
    );
    assert_eq!(told["pid"], std::process::id());
    assert_eq!(told["runs"], json!({"done": 1}));
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    let run = daemon.engine.store().run(runs[0].id).await.unwrap();
    assert_eq!(told["revision"], run.unwrap().revision.0);
    assert_eq!(told["lost_events"], 0);
    let (status, text) = ask(&socket, "GET", "/metrics").await;
    assert_eq!(status, 200);
    let attempts = "flowtrigger_attempts_total{kind=\"http\",result=\"succeeded\"} 1";
    assert!(text.contains(attempts), "{text}");
    assert!(
        text.contains("flowtrigger_runs{state=\"done\"} 1"),
        "{text}"
    );
}
