//! Senders that exceed limits: headers, bodies, connections, time.

use std::time::Duration;

use flowtrigger::engine::{EngineOptions, ReloadablePerformer};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::AnyStore;
use flowtrigger_testing::test_daemon::{daemon_with, event, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type TestDaemon = flowtrigger_testing::test_daemon::TestDaemon<AnyStore, ReloadablePerformer>;

const QUIET: &str = "name: quiet\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- succeed: fine\n";

async fn daemon(limits: HttpLimits) -> TestDaemon {
    daemon_with(QUIET, EngineOptions::default(), limits).await
}

async fn connected(daemon: &TestDaemon) -> TcpStream {
    TcpStream::connect(daemon.address()).await.unwrap()
}

/// What is answered until the server hangs up.
async fn said(daemon: &TestDaemon, request: &[u8]) -> String {
    let mut sender = connected(daemon).await;
    // The server may hang up before it has all of it.
    let _ = sender.write_all(request).await;
    let mut said = Vec::new();
    let _ = soon("an end", sender.read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).into_owned()
}

async fn still_serves(daemon: &TestDaemon) {
    assert_eq!(daemon.post(&event(1, "a")).await.status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_before_its_end() {
    let daemon = daemon(HttpLimits::default()).await;
    let endless = format!("POST /events/support HTTP/1.1\r\nx: {}", "a".repeat(40_000));
    let many = "x: a\r\n".repeat(101);
    let many = format!("POST /events/support HTTP/1.1\r\n{many}\r\n");
    let long = format!("POST /events/{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
    for (request, status) in [(endless, "431"), (many, "431"), (long, "4")] {
        let said = said(&daemon, request.as_bytes()).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{said}");
    }
    still_serves(&daemon).await;
}

#[tokio::test]
async fn a_body_in_chunks_is_bounded_like_any_other() {
    let limits = HttpLimits {
        body: 1_000,
        ..HttpLimits::default()
    };
    let daemon = daemon(limits).await;
    let head = "POST /events/support HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("64\r\n{}\r\n", "{".repeat(100));
    let one = said(&daemon, format!("{head}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(one.starts_with("HTTP/1.1 400"), "{one}");
    let many = format!("{head}{}0\r\n\r\n", chunk.repeat(11));
    let many = said(&daemon, many.as_bytes()).await;
    assert!(many.starts_with("HTTP/1.1 413"), "{many}");
    let unclear = format!("{head}zz\r\nabc\r\n0\r\n\r\n");
    let unclear = said(&daemon, unclear.as_bytes()).await;
    assert!(!unclear.contains("200 OK"), "{unclear}");
    still_serves(&daemon).await;
}

#[tokio::test]
async fn two_lengths_are_no_length() {
    let daemon = daemon(HttpLimits::default()).await;
    let request = "POST /events/support HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{}";
    let said = said(&daemon, request.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    still_serves(&daemon).await;
}

#[tokio::test]
async fn who_does_not_read_the_answers_is_hung_up_on() {
    let limits = HttpLimits {
        request: Duration::from_millis(200),
        ..HttpLimits::default()
    };
    let daemon = daemon(limits).await;
    let mut sender = connected(&daemon).await;
    let asked = "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
    // The buffers of both ends fill up, then nothing moves any more.
    let asking = async { while sender.write_all(asked.as_bytes()).await.is_ok() {} };
    soon("the server hangs up", asking).await;
    still_serves(&daemon).await;
}

#[tokio::test]
async fn who_has_no_place_waits_until_an_idle_one_is_gone() {
    let limits = HttpLimits {
        connections: 1,
        request: Duration::from_millis(200),
        ..HttpLimits::default()
    };
    let daemon = daemon(limits).await;
    let _idle = connected(&daemon).await;
    soon("a place", still_serves(&daemon)).await;
}
