//! Rejected requests: each is logged, counted and listed with its reason, and `why` points to them.

use std::io::{Read, Write};
use std::net::TcpStream;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::Value;

use super::setup::sandbox;
use super::signed::KEY;

const RULE: &str = "name: note\nevent_source: desk\nevent_type: ticket\nflow:\n- succeed: fine\n";
const SOURCES: &str = "sources:
  desk: { event_type: ticket, key: ticket_id, id: id }
  signed: { event_type: ticket, id: id, verify: bearer, secrets: KEY }
listen: { body: 16KiB }
";

fn desk() -> Sandbox {
    let sandbox = sandbox();
    sandbox.write_rules(RULE);
    sandbox.write("flowtrigger.yaml", SOURCES);
    sandbox.with_env("FLOWTRIGGER_SECRET_KEY", KEY)
}

const JSON: &str = "content-type: application/json\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const XML: &str = "content-type: application/xml\r\n";

#[test]
fn deliveries_say_what_to_do_about_a_rejection() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    let bearer = format!("{JSON}authorization: Bearer no-{KEY}\r\n");
    for (path, headers, body, detail) in [
        (
            "/events/desk",
            JSON,
            "{\"ticket_id\":1}",
            "`id` is absent, expected text or a number; the source `desk` reads its `id` from this path",
        ),
        (
            "/events/desk",
            FORM,
            "ticket_id=1",
            "`id` is absent, expected text or a number; the source `desk` reads its `id` from this path; the body was read as a form, as its `Content-Type` says; JSON needs `application/json`",
        ),
        (
            "/events/signed",
            bearer.as_str(),
            "{}",
            "the token does not match any secret of the source; copy the secret to the sender again, and with `basic` the user name",
        ),
    ] {
        daemon.request("POST", path, headers, body.as_bytes());
        let listed = sandbox.run(&["deliveries", "--format", "json", "--rejected"]);
        let listed = listed.json_lines();
        let newest = listed[0]["detail"].as_str().unwrap();
        assert!(newest.starts_with(detail), "{newest}");
    }
}

#[test]
fn every_rejected_request_is_logged_counted_and_listed() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    let large = "x".repeat(20_000);
    let cases: [(&str, &str, &str, &str, u16, &str); 10] = [
        (
            "POST",
            "/events/desk",
            JSON,
            "{\"id\":1,\"comment\":\"she said \"no\" twice\"}",
            400,
            "unsound",
        ),
        (
            "POST",
            "/events/desk",
            JSON,
            "{\"ticket_id\":1}",
            400,
            "unsound",
        ),
        ("POST", "/events/desk", FORM, "{}", 415, "media_type"),
        ("POST", "/events/desk", XML, "<a/>", 415, "media_type"),
        ("PUT", "/events/desk", JSON, "{}", 405, "method"),
        ("POST", "/events/desk", JSON, &large, 413, "too_large"),
        (
            "POST",
            "/events/elsewhere",
            JSON,
            "{}",
            404,
            "unknown_source",
        ),
        (
            "POST",
            "/hooks/zendesk?token=s3cr3t",
            JSON,
            "{}",
            404,
            "unknown_path",
        ),
        ("POST", "/events/signed", JSON, "{}", 401, "sender_unsigned"),
        ("DELETE", "/readyz", JSON, "", 405, "method"),
    ];
    for (method, path, headers, body, status, reason) in cases {
        let response = daemon.request(method, path, headers, body.as_bytes());
        assert_eq!(response.status(), status, "{method} {path}: {response:?}");
        daemon.expect_log(|line| {
            line["reason"] == reason
                && line["message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("request rejected"))
        });
    }
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream
        .write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        .unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    daemon.expect_log(|line| line["reason"] == "not_http");
    let listed = sandbox
        .run(&["deliveries", "--format", "json"])
        .json_lines();
    assert_eq!(listed.len(), cases.len() + 1, "{listed:?}");
    assert_eq!(listed[0]["reason"], "not_http");
    for (row, (method, path, _, body, status, reason)) in listed[1..].iter().rev().zip(cases) {
        let path = path.split('?').next().unwrap();
        let source = path
            .strip_prefix("/events/")
            .filter(|name| ["desk", "signed"].contains(name));
        assert_eq!(row["reason"], reason, "{row}");
        assert_eq!(row["status"], status, "{row}");
        assert_eq!(
            (&row["method"], &row["path"]),
            (&Value::from(method), &Value::from(path))
        );
        assert_eq!(row["source"], Value::from(source), "{row}");
        assert_eq!(row["peer"], "127.0.0.1");
        if !body.is_empty() {
            assert_eq!(row["size"], body.len(), "{row}");
        }
    }
    let everything = format!("{listed:?}{}", daemon.log());
    for private in ["she said", "comment", "s3cr3t"] {
        assert!(!everything.contains(private), "`{private}` was kept");
    }
    let metrics = daemon.get("/metrics").body;
    for (source, reason, count) in [
        ("desk", "unsound", 2),
        ("desk", "media_type", 2),
        ("desk", "method", 1),
        ("desk", "too_large", 1),
        ("", "unknown_source", 1),
        ("", "unknown_path", 1),
        ("signed", "sender_unsigned", 1),
        ("", "not_http", 1),
    ] {
        let line = format!(
            "flowtrigger_requests_refused_total{{source=\"{source}\",reason=\"{reason}\"}} {count}\n"
        );
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[test]
fn an_unknown_path_is_listed_with_the_nearest_one() {
    let sandbox = desk();
    sandbox.write(
        "flowtrigger.yaml",
        SOURCES.replace(
            "listen:",
            "  hidden: { event_type: ticket, path: /hooks/s3cret }\nlisten:",
        ),
    );
    let daemon = DaemonProcess::start(&sandbox);
    for (path, expected) in [
        (
            "/events/deks",
            "no source has this path; did you mean `/events/desk`?",
        ),
        (
            "/events/desk/",
            "no source has this path; did you mean `/events/desk`?",
        ),
        (
            "/Events/Desk",
            "no source has this path; did you mean `/events/desk`?",
        ),
        (
            "/signed",
            "no source has this path; did you mean `/events/signed`?",
        ),
        (
            "/hooks/s3cert",
            "no source has this path; did you mean `/hooks/s3cret`?",
        ),
        ("/events/other", "no source has this path"),
        ("/events", "no source has this path"),
        ("/favicon.ico", "no source has this path"),
    ] {
        let answer = daemon.post(path, "{\"id\":1}");
        answer.expect_rejected(404, &[]);
        for configured in ["desk", "signed", "s3cret"] {
            assert!(!answer.body.contains(configured), "{answer:?}");
        }
        let listed = sandbox.run(&["deliveries", "--format", "json", "--limit", "1"]);
        assert_eq!(listed.json_lines()[0]["detail"], expected, "{path}");
        daemon.expect_log(|line| line["path"] == path && line["detail"] == expected);
    }
}

#[test]
fn why_points_to_rejected_requests_and_claims_nothing_about_the_sender() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    let output = sandbox.run(&["why", "90417"]);
    output.expect_stdout(
        1,
        &[
            "no rejected request is stored",
            "whether a sender sent anything is not known here",
        ],
    );
    assert!(!output.stdout.contains("never sent"), "{output:?}");
    daemon.post(
        "/events/desk",
        "{\"id\":\"e1\",\"ticket_id\":90417,\"c\":\"a \"b\" c\"}",
    );
    let output = sandbox.run(&["why", "90417"]);
    output.expect_stdout(
        1,
        &[
            "1 rejected request since",
            "may have held it",
            "a request to `desk` from 127.0.0.1 was rejected at",
            "not JSON: line 1, column 38",
        ],
    );
    let json = sandbox
        .run(&["why", "90417", "--format", "json"])
        .json_lines();
    assert_eq!(json[0]["rejected"]["count"], 1);
    assert_eq!(json[0]["rejected"]["newest"][0]["status"], 400);
    daemon.stop();
    // What was received last is kept by a shutdown, and read without a daemon.
    let output = sandbox.run(&["deliveries", "--source", "desk", "--reason", "unsound"]);
    output.expect_stdout(0, &["POST /events/desk", "400", "not JSON: line 1, column"]);
    sandbox
        .run(&["deliveries", "--reason", "too_large"])
        .expect_stdout(
            1,
            &["no such request is stored; there are 1 rejected request and 0 accepted requests"],
        );
}

#[test]
fn a_flood_of_rejected_requests_is_counted_and_hides_no_other() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/desk", "no JSON");
    for _ in 0..400 {
        daemon.post("/events/nowhere", "{}");
    }
    let log = daemon.log().matches("request rejected").count();
    assert!(log <= 12, "{log} lines");
    let answer = sandbox
        .run(&["why", "1", "--format", "json"])
        .json_lines()
        .remove(0);
    let count = |field: &str| answer["rejected"][field].as_u64().unwrap();
    assert_eq!(count("count"), 401, "{answer}");
    assert!(count("omitted") > 350, "{answer}");
    let output = sandbox.run(&["deliveries"]);
    output.expect_stdout(
        0,
        &[
            "unsound",
            " more for the same reason until ",
            "401 rejected requests, ",
        ],
    );
    assert!(
        daemon
            .get("/metrics")
            .body
            .contains("reason=\"unknown_source\"} 400\n")
    );
}

#[test]
fn invalid_json_is_listed_and_logged_with_its_place_and_without_its_text() {
    let sandbox = sandbox();
    sandbox.write(
        "flowtrigger.yaml",
        "sources: { desk: { event_type: order, time: order.at } }\n",
    );
    sandbox.write_rules("");
    let daemon = DaemonProcess::start(&sandbox);
    for (body, detail) in [
        (
            "{\"hunter2\": 1,\n \"hunter2\": 2}",
            "JSON that cannot be accepted: line 2, column 10: duplicate key",
        ),
        (
            "{\"a\": hunter2}",
            "not JSON: line 1, column 7: invalid JSON (expected value)",
        ),
        ("null", "this JSON is null, expected an object"),
        ("\"hunter2\"", "this JSON is text, expected an object"),
        (
            "[{\"a\": 1}, {\"order\": {\"at\": [\"hunter2\"]}}, 7]",
            "element 2: `order.at` is a list, expected a time; the source `desk` reads its `time` from this path",
        ),
        (
            "[]",
            "an empty array: line 1, column 1: an empty array has no event; send at least one",
        ),
    ] {
        let response = daemon.request("POST", "/events/desk", JSON, body.as_bytes());
        assert_eq!(response.status(), 400, "{response:?}");
        daemon.expect_log(|line| line["detail"] == detail);
        let listed = sandbox
            .run(&["deliveries", "--format", "json"])
            .json_lines();
        assert_eq!(listed[0]["detail"], detail);
    }
    assert!(!daemon.log().contains("hunter2"));
}
