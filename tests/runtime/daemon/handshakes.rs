//! Handshakes: how sources answer the check of their address, and that nothing else changes.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::sandbox::Sandbox;

const CONFIG: &str = "sources:
  slack: { event_type: { path: type }, handshake: slack, verify: { bearer: {} }, secrets: [SLACK_KEY] }
  graph: { event_type: change, handshake: graph, id: none }
  social: { event_type: change, handshake: { meta: { token: META_TOKEN } }, id: none }
  board: { event_type: change, handshake: trello, id: none }
  cloud: { event_type: change, handshake: cloudevents, id: none }
  calls: { event_type: { path: event }, handshake: zoom, verify: { bearer: {} }, secrets: [ZOOM_KEY], id: none }
  server: { event_type: { path: event.type }, handshake: discord, verify: { bearer: {} }, secrets: [SLACK_KEY], id: none }
  tasks: { event_type: change, handshake: asana, id: none }
  front: { event_type: change, handshake: { echo: { header: X-Front-Challenge } }, id: none }
  other: { event_type: change, handshake: { echo: { path: data.code } }, id: none }
  plain: { event_type: change, id: none }
";
const RULE: &str = "name: quiet\nevent_source: plain\nevent_type: change\nflow:\n- succeed: fine\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"))
        .with_env(
            "FLOWTRIGGER_SECRET_SLACK_KEY",
            "a-long-token-of-slack-1234567890",
        )
        .with_env(
            "FLOWTRIGGER_SECRET_ZOOM_KEY",
            "a-long-token-of-zoom-12345678901",
        )
        .with_env(
            "FLOWTRIGGER_SECRET_META_TOKEN",
            "a-long-token-of-meta-12345678901",
        );
    sandbox.write("flowtrigger.yaml", CONFIG);
    sandbox.write_rules(RULE);
    sandbox
}

const JSON: &str = "content-type: application/json\r\n";

/// An echo is plain text that no browser takes for a page.
fn assert_echo(answer: &Message, value: &str) {
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (200, value),
        "{answer:?}"
    );
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn each_handshake_is_answered_and_stores_nothing() {
    let sandbox = sandbox();
    let daemon = DaemonProcess::start(&sandbox);
    let graph = daemon.request(
        "POST",
        "/events/graph?validationToken=a%20b%2Bc",
        "content-type: text/plain\r\n",
        b"",
    );
    assert_echo(&graph, "a b+c");
    let meta = "/events/social?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a-long-token-of-meta-12345678901";
    assert_echo(&daemon.get(meta), "1158201444");
    assert_echo(&daemon.get("/events/board"), "");
    let cloud = daemon.request(
        "OPTIONS",
        "/events/cloud",
        "webhook-request-origin: events.example.com\r\n",
        b"",
    );
    assert_eq!(cloud.status(), 200, "{cloud:?}");
    assert_eq!(
        cloud.header("webhook-allowed-origin"),
        Some("events.example.com")
    );
    let tasks = daemon.request("POST", "/events/tasks", "x-hook-secret: abc123\r\n", b"{}");
    assert_eq!(
        (tasks.status(), tasks.header("x-hook-secret")),
        (200, Some("abc123"))
    );
    let front = "x-front-challenge: 7c1b0f\r\n";
    let front = daemon.request("POST", "/events/front", front, b"{}");
    assert_echo(&front, "7c1b0f");
    assert_eq!(front.header("x-front-challenge"), Some("7c1b0f"));
    let slack = r#"{"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}"#;
    let signed = format!("{JSON}authorization: Bearer a-long-token-of-slack-1234567890\r\n");
    assert_echo(
        &daemon.request("POST", "/events/slack", &signed, slack.as_bytes()),
        "3eZbrw1a",
    );
    let ping = br#"{"version": 1, "application_id": "1234560123453231555", "type": 0}"#;
    let answer = daemon.request("POST", "/events/server", &signed, ping);
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (204, ""),
        "{answer:?}"
    );
    let unsigned = daemon.request("POST", "/events/server", JSON, ping);
    assert_eq!(unsigned.status(), 401, "{unsigned:?}");
    assert_echo(
        &daemon.request(
            "POST",
            "/events/other",
            JSON,
            br#"{"data": {"code": "c-1"}}"#,
        ),
        "c-1",
    );
    let metrics = daemon.get("/metrics").body;
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with("flowtrigger_events_total{"));
    let counted: Vec<&str> = counts.filter(|line| !line.ends_with(" 0")).collect();
    assert!(counted.is_empty(), "nothing is stored: {counted:?}");
}

#[test]
fn zoom_gets_the_hmac_of_its_token() {
    let sandbox = sandbox();
    let daemon = DaemonProcess::start(&sandbox);
    let signed = format!("{JSON}authorization: Bearer a-long-token-of-zoom-12345678901\r\n");
    let check = r#"{"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let answer = daemon.request("POST", "/events/calls", &signed, check.as_bytes());
    assert_eq!(answer.status(), 200, "{answer:?}");
    // printf TOKEN | openssl dgst -sha256 -hmac a-long-token-of-zoom-12345678901
    let expected = "bc52155f55a1ee0f5598c067f6b018e5c949e93d46b3d08f3d305d743d766d30";
    assert_eq!(answer.json()["encryptedToken"], expected);
    assert_eq!(answer.json()["plainToken"], "qgg8vlvZRS6UYooatFL8Aw");
}

#[test]
fn what_is_no_handshake_stays_as_it_is() {
    let sandbox = sandbox();
    let daemon = DaemonProcess::start(&sandbox);
    for (method, path) in [
        ("GET", "/events/plain"),
        ("GET", "/events/plain?validationToken=a"),
        ("OPTIONS", "/events/plain"),
        ("GET", "/events/slack"),
        ("GET", "/events/social"),
        ("OPTIONS", "/events/cloud"),
        ("PUT", "/events/board"),
    ] {
        let answer = daemon.request(method, path, "", b"");
        assert_eq!(answer.status(), 405, "{method} {path}: {answer:?}");
    }
    assert_eq!(daemon.get("/events/none?validationToken=a").status(), 404);
    let event = daemon.request("POST", "/events/board", JSON, b"{}");
    assert_eq!(event.json()["accepted"], true, "{event:?}");
    let twice = "/events/graph?validationToken=a&validationToken=b";
    let event = daemon.request("POST", twice, JSON, b"{}");
    assert_eq!(
        event.json()["accepted"],
        true,
        "two values are none: {event:?}"
    );
}

#[test]
fn handshakes_without_proof_and_with_odd_values_are_rejected() {
    let sandbox = sandbox();
    let daemon = DaemonProcess::start(&sandbox);
    let slack = br#"{"type": "url_verification", "challenge": "3eZbrw1a"}"#;
    let unsigned = daemon.request("POST", "/events/slack", JSON, slack);
    assert_eq!(unsigned.status(), 401, "{unsigned:?}");
    for token in ["", "&hub.verify_token=", "&hub.verify_token=wrong"] {
        let path = format!("/events/social?hub.mode=subscribe&hub.challenge=1{token}");
        let answer = daemon.get(&path);
        assert_eq!(answer.status(), 403, "{token}: {answer:?}");
        assert!(!answer.body.contains('1'), "{answer:?}");
    }
    let page = daemon.request(
        "POST",
        "/events/graph?validationToken=%3Cscript%3Ealert(1)%3C/script%3E",
        "",
        b"",
    );
    assert_echo(&page, "<script>alert(1)</script>");
    let long = format!("/events/graph?validationToken={}", "x".repeat(1_025));
    for path in [
        long.as_str(),
        "/events/graph?validationToken=a%0d%0aset-cookie:x",
        "/events/graph?validationToken=",
    ] {
        let answer = daemon.request("POST", path, "", b"");
        assert_eq!(answer.status(), 400, "{path}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), None);
    }
}
