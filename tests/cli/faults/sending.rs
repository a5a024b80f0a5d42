//! `send` and `sign` with a daemon that verifies signatures.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::setup::urgent;
use super::signed::{KEY, SOURCES, prepared};

const NAMES: [&str; 7] = [
    "support", "hex", "standard", "forge", "token", "basic", "own",
];

fn send(sandbox: &Sandbox, daemon: &DaemonProcess, more: &[&str]) -> Output {
    let to = ["send", "--to", &daemon.address];
    sandbox.run(&[&to, more].concat())
}

#[test]
fn sent_events_pass_verification() {
    let sandbox = prepared(SOURCES);
    let daemon = DaemonProcess::start(&sandbox);
    for (n, name) in (1..).zip(NAMES) {
        sandbox.write("event.json", urgent(n).to_string());
        let output = send(&sandbox, &daemon, &["--source", name, "event.json"]);
        output.expect_stdout(0, &["event.json:1: accepted, event ", "on-urgent  queued"]);
        assert_eq!(output.stderr, "");
        let output = send(&sandbox, &daemon, &["--source", name, "event.json"]);
        output.expect_stdout(0, &["redelivered"]);
    }
    let lines = [urgent(50), urgent(51)].map(|event| event.to_string());
    sandbox.write("lines", lines.join("\n"));
    sandbox.write("list.json", json!([urgent(52), urgent(53)]).to_string());
    let more = ["--source", "hex", "--format", "json", "lines", "list.json"];
    let output = send(&sandbox, &daemon, &more);
    assert_eq!(output.code, 0, "{output:?}");
    let told = output.json_lines();
    let places: Vec<&Value> = told.iter().map(|line| &line["place"]).collect();
    assert_eq!(places, ["lines:1", "lines:2", "list.json:1", "list.json:1"]);
    assert!(told.iter().all(|line| line["answer"]["accepted"] == true));
}

#[test]
fn the_source_is_chosen_by_content_if_only_one_fits() {
    let sandbox = prepared(
        "sources: { north: { decoder: support, path: /n, verify: zendesk, secrets: KEY }, upmind: {} }\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    sandbox.write("event.json", urgent(1).to_string());
    send(&sandbox, &daemon, &["event.json"]).expect_stdout(0, &["accepted, event "]);
    sandbox.write("flowtrigger.yaml", SOURCES);
    let output = send(&sandbox, &daemon, &["event.json"]);
    output.expect_stderr(
        4,
        &[
            "several sources accept events of `support`: basic, forge,",
            "--source NAME",
        ],
    );
    sandbox.write("flowtrigger.yaml", "sources: { upmind: {} }\n");
    let output = send(&sandbox, &daemon, &["event.json"]);
    output.expect_stderr(
        4,
        &[
            "no source accepts events of `support`",
            "add `support: {}` under `sources`",
        ],
    );
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    let output = send(&sandbox, &daemon, &["event.json"]);
    output.expect_stdout(
        1,
        &["rejected with 404: unknown source; the log of this program lists"],
    );
    output.expect_stderr(
        1,
        &["the source `support` has no `verify`: its events are sent unsigned"],
    );
    let whole = format!("http://{}/n", daemon.address);
    let output = sandbox.run(&["send", "--to", &whole, "event.json"]);
    output.expect_stdout(1, &["rejected with 401", "differs from the one here"]);
}

#[test]
fn a_rejection_is_reported_with_reason_and_exit_code() {
    let sandbox = prepared("sources: { support: { verify: zendesk, secrets: KEY } }\n");
    let mut daemon = DaemonProcess::start(&sandbox);
    sandbox.write("event.json", urgent(1).to_string());
    sandbox.write("other.json", "{\"a\": 1}");
    let of = ["--source", "support", "event.json", "other.json"];
    let output = send(&sandbox, &daemon, &of);
    output.expect_stdout(
        4,
        &[
            "event.json:1: accepted",
            "other.json:1: rejected with 400: this JSON is an object",
        ],
    );
    let other = sandbox.with_env("FLOWTRIGGER_SECRET_KEY", "another secret of some length");
    let output = send(&other, &daemon, &of[..3]);
    output.expect_stdout(1, &["event.json:1: rejected with 401"]);
    let other = other.with_env("FLOWTRIGGER_SECRET_KEY", "");
    let output = send(&other, &daemon, &of[..3]);
    output.expect_stderr(
        3,
        &[
            "failed to sign for the source `support`",
            "FLOWTRIGGER_SECRET_KEY",
        ],
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    let other = other.with_env("FLOWTRIGGER_SECRET_KEY", KEY);
    let output = send(&other, &daemon, &of[..3]);
    output.expect_stderr(5, &["nothing listens there", "start `flowtrigger daemon`"]);
}

#[test]
fn sign_prints_no_token_and_takes_a_time() {
    let sandbox = prepared(SOURCES);
    let daemon = DaemonProcess::start(&sandbox);
    sandbox.write("event.json", urgent(1).to_string());
    for name in NAMES {
        for format in ["text", "json"] {
            let arguments = ["sign", "--source", name, "--format", format, "event.json"];
            let output = sandbox.run(&arguments);
            assert_eq!(output.code, 0, "{output:?}");
            assert!(!output.stdout.contains("c4nary"), "{output:?}");
        }
    }
    let aged = [
        "sign",
        "--source",
        "support",
        "--format",
        "json",
        "--at",
        "-10m",
        "event.json",
    ];
    let signed: Value = serde_json::from_str(&sandbox.run(&aged).stdout).unwrap();
    let headers = signed["headers"].as_object().unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().unwrap()))
        .collect();
    let body = sandbox.read("event.json");
    let answer = daemon.request("POST", "/events/support", &headers, body.as_bytes());
    answer.expect_rejected(401, &[]);
    daemon.expect_log(|line| line["check"] == "sender_stale");
}
