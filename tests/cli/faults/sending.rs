//! `send` and `sign` with a daemon that verifies signatures.

use flowtrigger_core::config::verification::preset::PRESETS;
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

/// A sample says with which headers and query its event came; the body is sent without them, whether or not the source
/// reads them.
#[test]
fn the_request_of_a_sample_is_sent_as_a_request() {
    let sandbox = prepared(
        "sources:
  plain: { event_type: made, id: id }
  reading: { event_type: { header: X-Kind }, id: id, key: { query: ticket } }
",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let request = json!({"headers": {"x-kind": "made"}, "query": {"ticket": "7"}});
    let event = json!({"$request": request, "id": "1"});
    sandbox.write("event.json", event.to_string());
    for source in ["plain", "reading"] {
        let output = send(&sandbox, &daemon, &["--source", source, "event.json"]);
        output.expect_stdout(0, &["event.json:1: accepted, event 1"]);
    }
}

/// The request that the curl command of `sign` makes: method, URL, header lines, body.
fn curl_request(command: &str) -> (String, String, String, String) {
    let mut words = Vec::new();
    let mut rest = command.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    let after = |option: &str| {
        let pairs = words.windows(2).filter(|pair| pair[0] == option);
        pairs.map(|pair| pair[1].clone()).collect::<Vec<_>>()
    };
    let headers = after("-H")
        .into_iter()
        .map(|header| format!("{header}\r\n"));
    let method = after("-X").pop().unwrap_or_else(|| "POST".to_owned());
    let body = after("--data-binary").pop().unwrap();
    (method, words[1].clone(), headers.collect(), body)
}

#[test]
fn the_request_of_a_sample_is_signed() {
    let sandbox = prepared(
        "sources:
  link: { event_type: { header: X-Kind }, id: id, key: { query: ticket }, methods: [POST, PUT], verify: { hmac: { header: X-Signature, signed: '{method}{path}?{query}{body}' } }, secrets: KEY }
  hooks: { event_type: { path: kind }, verify: standard_webhooks, secrets: WHSEC }
",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let request =
        json!({"method": "put", "headers": {"x-kind": "it's made"}, "query": {"ticket": "7 8"}});
    let signed_id = json!({"headers": {"webhook-id": "msg_own"}});
    for (source, sample, expected) in [
        ("link", json!({"$request": request, "id": "1"}), "1"),
        (
            "hooks",
            json!({"$request": signed_id, "kind": "made"}),
            "msg_own",
        ),
    ] {
        sandbox.write("event.json", sample.to_string());
        let arguments = ["sign", "--source", source, "event.json"];
        let text = sandbox.run(&arguments);
        assert_eq!(text.code, 0, "{text:?}");
        let mut arguments = arguments.to_vec();
        arguments.extend(["--format", "json", "--to", &daemon.address]);
        let signed: Value = serde_json::from_str(&sandbox.run(&arguments).stdout).unwrap();
        let headers = signed["headers"].as_object().unwrap();
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().unwrap()))
            .collect();
        let url = signed["url"].as_str().unwrap();
        let path = url.split_once(&*daemon.address).unwrap().1;
        let body = signed["body"].as_str().unwrap();
        let method = signed["method"].as_str().unwrap();
        let headers = format!("content-type: application/json\r\n{headers}");
        let answer = daemon.request(method, path, &headers, body.as_bytes());
        assert_eq!(answer.json()["event"], expected, "{answer:?}");
        let output = send(&sandbox, &daemon, &["--source", source, "event.json"]);
        let accepted = format!("event.json:1: accepted, event {expected}");
        output.expect_stdout(0, &[&accepted]);
    }
    let listed = sandbox.run(&["deliveries", "--source", "link", "--format", "json"]);
    for row in listed.json_lines() {
        assert_eq!(row["method"], "PUT", "{row}");
    }
    sandbox.write(
        "event.json",
        json!({"$request": {"method": "GET"}}).to_string(),
    );
    let output = send(&sandbox, &daemon, &["--source", "link", "event.json"]);
    output.expect_stderr(4, &["`$request.method` is \"GET\"", "POST, PUT, PATCH"]);
}

/// Senders such as Slack send forms.
#[test]
fn a_sample_is_sent_as_a_form() {
    let sandbox = prepared(
        "sources: { forms: { event_type: form, id: id, headers: [Content-Type], verify: { hmac: { header: X-Signature } }, secrets: KEY } }
",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let request = json!({"headers": {"content-type": "application/x-www-form-urlencoded"}});
    let fields = json!({"id": "e 1", "tags": ["vip", "billing & more"], "empty": ""});
    let nested = json!({"id": "e2", "user": {"id": 7}, "one": ["x"]});
    for (sample, sent) in [
        (&fields, "empty=&id=e+1&tags=vip&tags=billing+%26+more"),
        (&nested, "payload=%7B%22"),
    ] {
        let mut event = json!({"$request": request});
        event
            .as_object_mut()
            .unwrap()
            .extend(sample.as_object().unwrap().clone());
        sandbox.write("event.json", event.to_string());
        let signed = sandbox.run(&["sign", "--source", "forms", "event.json"]);
        let (method, url, headers, body) = curl_request(signed.stdout.lines().last().unwrap());
        assert!(body.starts_with(sent), "{body}");
        let path = format!("/{}", url.splitn(4, '/').last().unwrap());
        let answer = daemon.request(&method, &path, &headers, body.as_bytes());
        assert_eq!(answer.json()["event"], sample["id"], "{answer:?}");
        let output = send(&sandbox, &daemon, &["--source", "forms", "event.json"]);
        output.expect_stdout(0, &["event.json:1: accepted, event e"]);
    }
}

#[test]
fn events_are_sent_with_the_method_of_their_source() {
    let sandbox = prepared("sources: { stock: { event_type: moved, id: id, methods: [PUT] } }\n");
    let daemon = DaemonProcess::start(&sandbox);
    sandbox.write("event.json", json!({"id": "1"}).to_string());
    let output = send(&sandbox, &daemon, &["--source", "stock", "event.json"]);
    output.expect_stdout(0, &["event.json:1: accepted, event 1"]);
    let listed = sandbox.run(&["deliveries", "--format", "json"]);
    assert_eq!(listed.json_lines()[0]["method"], "PUT", "{listed:?}");
    let signed = sandbox.run(&["sign", "--source", "stock", "event.json"]);
    signed.expect_stdout(0, &["curl ", " -X PUT "]);
}

#[test]
fn an_answered_check_of_the_address_is_no_event() {
    let sandbox = prepared(
        "sources: { chat: { event_type: { path: type }, handshake: slack, verify: bearer, secrets: KEY, id: none } }\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let check = json!({"type": "url_verification", "challenge": "abc"});
    sandbox.write("check.json", check.to_string());
    let output = send(&sandbox, &daemon, &["--source", "chat", "check.json"]);
    output.expect_stdout(
        0,
        &["check.json:1: answered with 200: a check of the address"],
    );
    let logged = daemon.expect_message("handshake answered");
    assert_eq!(logged["source"], "chat", "{logged}");
}

/// A private key, with which an Ed25519 scheme can sign.
const PRIVATE_KEY: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// A source for every sender in the table, and for tokens in other places.
fn every_sender() -> String {
    let secret = |name: &str| match name {
        "standard_webhooks" | "svix" | "gitlab_signed" => "WHSEC",
        "discord" => "PRIVATE",
        _ => "KEY",
    };
    let presets = PRESETS.iter().map(|preset| {
        let name = preset.name;
        format!(
            "  of-{name}: {{ decoder: support, verify: {name}, secrets: {} }}\n",
            secret(name)
        )
    });
    let presets: String = presets.collect();
    format!(
        "sources:\n{presets}  board: {{ decoder: support, verify: {{ token: {{ header: X-Board }} }}, secrets: KEY }}\n  link: {{ decoder: support, verify: {{ token: {{ query: key }} }}, secrets: KEY }}\n"
    )
}

#[test]
fn sent_events_of_every_sender_pass_verification() {
    let config = every_sender();
    let sandbox = prepared(&config).with_env("FLOWTRIGGER_SECRET_PRIVATE", PRIVATE_KEY);
    let daemon = DaemonProcess::start(&sandbox);
    let names = config
        .lines()
        .skip(1)
        .map(|line| line.trim().split_once(':').unwrap().0);
    for (n, name) in (1..).zip(names) {
        sandbox.write("event.json", urgent(n).to_string());
        let output = send(&sandbox, &daemon, &["--source", name, "event.json"]);
        output.expect_stdout(0, &["event.json:1: accepted, event ", "on-urgent  queued"]);
        assert_eq!(output.stderr, "", "{name}");
        let json = ["--source", name, "--format", "json", "event.json"];
        let sent = send(&sandbox, &daemon, &json);
        let signed = sandbox.run(&["sign", "--source", name, "event.json"]);
        assert_eq!((sent.code, signed.code), (0, 0), "{name}: {signed:?}");
        for output in [&sent.stdout, &signed.stdout] {
            assert!(!output.contains("c4nary"), "{name}: {output}");
            assert!(!output.contains("whsk_"), "{name}: {output}");
        }
    }
}

#[test]
fn tokens_are_printed_as_the_names_of_their_secrets() {
    let sandbox = prepared(&every_sender()).with_env("FLOWTRIGGER_SECRET_PRIVATE", PUBLIC_KEY);
    sandbox.write("event.json", urgent(1).to_string());
    let sign = |source: &str| sandbox.run(&["sign", "--source", source, "event.json"]);
    sign("of-gitlab").expect_stdout(
        0,
        &[
            "x-gitlab-token: [secret KEY]",
            "-H \"x-gitlab-token: $FLOWTRIGGER_SECRET_KEY\"",
        ],
    );
    sign("link").expect_stdout(
        0,
        &[
            "?key=[secret KEY]",
            "--url-query \"key=$FLOWTRIGGER_SECRET_KEY\"",
        ],
    );
    let json = ["sign", "--format", "json", "--source", "link", "event.json"];
    let json: Value = serde_json::from_str(&sandbox.run(&json).stdout).unwrap();
    assert_eq!(json["query"], json!({ "key": "[secret KEY]" }));
    assert_eq!(json["headers"], json!({}));
    sign("of-discord").expect_stderr(
        3,
        &[
            "failed to sign for the source `of-discord`",
            "`PRIVATE` is the public key of the sender",
        ],
    );
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
    daemon.expect_log(|line| line["reason"] == "sender_stale");
}
