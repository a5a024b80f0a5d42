//! `why --event`, `--normalised` and `--as-test`: what other commands read of a stored event, for every shipped rule and
//! example, and for a run whose steps read replies.

use std::collections::BTreeSet;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, Response};
use flowtrigger_testing::repository;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"))
}

/// The shipped rules without their tests, and their configuration.
fn shipped() -> Sandbox {
    let sandbox = sandbox();
    for path in repository::files_below(repository::path("rules")) {
        let name = repository::file_name(&path);
        let relative = path.strip_prefix(repository::root()).expect("a rule");
        if !name.ends_with(".test.yaml") {
            let relative = relative.to_str().expect("UTF-8");
            sandbox.write(relative, repository::read(&path));
        }
    }
    let config = repository::read(repository::path("flowtrigger.yaml"));
    sandbox.write("flowtrigger.yaml", config);
    sandbox
}

/// The example events with the sources that read them.
fn examples() -> Vec<(&'static str, Value)> {
    let mut examples = Vec::new();
    for path in repository::files_below(repository::path("examples/events")) {
        let folder = path.parent().and_then(|folder| folder.file_name());
        // The daemon makes these itself, and accepts none.
        if folder.is_some_and(|folder| folder == "clock") {
            continue;
        }
        let source = match (
            folder.and_then(|name| name.to_str()),
            repository::file_name(&path).as_str(),
        ) {
            (Some("json"), "monitoring.json") => "monitoring",
            (Some("json"), _) => "zendesk_trigger",
            (Some("upmind"), _) => "upmind",
            _ => "support",
        };
        let text = repository::read(&path);
        let events = serde_json::Deserializer::from_str(&text).into_iter();
        examples.extend(events.map(|event| (source, event.expect("JSON"))));
    }
    examples
}

/// Prints a stored event in one of the forms; returns it, and the notes.
#[track_caller]
fn exported(sandbox: &Sandbox, id: &str, form: &str) -> (String, String) {
    let output = sandbox.run(&["why", id, form]);
    assert_eq!(output.code, 0, "{output:?}");
    (output.stdout, output.stderr)
}

/// The event is printed as it was received, and read by other commands as the same one.
#[track_caller]
fn comes_back(sandbox: &Sandbox, source: &str, event: &Value, id: &str) {
    let (text, _) = exported(sandbox, id, "--event");
    let received: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(received, *event, "{source} {id}");
    let dry = sandbox.run_with_input(&["dry-run", "--format", "json", "-"], &text);
    let read = &dry.json_lines()[0]["event"];
    assert_eq!(read["endpoint"], source, "{dry:?}");
    let (text, _) = exported(sandbox, id, "--normalised");
    let normalised: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(normalised["event"]["id"], id);
    assert_eq!(normalised["event"]["type"], read["type"]);
}

#[test]
fn every_example_comes_back_as_received_and_as_a_test_that_passes() {
    let sandbox = shipped();
    let daemon = DaemonProcess::start(&sandbox);
    let mut sent = Vec::new();
    for (source, event) in examples() {
        let accepted = daemon.accept(source, &event);
        let id = accepted["event"].as_str().expect("an id").to_owned();
        sent.push((source, event, id));
    }
    daemon.wait_until_idle();
    daemon.stop();
    let (mut tests, mut with_match, mut rules) = (String::new(), 0, BTreeSet::new());
    let (mut seen, mut sources) = (BTreeSet::new(), BTreeSet::new());
    for (number, (source, event, id)) in sent.iter().enumerate() {
        if !seen.insert(id) {
            continue;
        }
        // One of each source, and some more: each takes a process of its own.
        if sources.insert(source) || number % 10 == 0 {
            comes_back(&sandbox, source, event, id);
        }
        let output = sandbox.run(&["why", id, "--as-test"]);
        if output.code == 1 {
            output.expect_stderr(1, &["no rule listened to"]);
            continue;
        }
        assert_eq!(output.code, 0, "{output:?}");
        with_match += output.stdout.matches("expect: match").count();
        let named = output.stdout.lines();
        rules.extend(named.filter_map(|line| line.strip_prefix("  rule: ").map(str::to_owned)));
        tests.push_str(&output.stdout);
    }
    assert!(
        with_match >= 12 && rules.len() >= 12,
        "{with_match} {rules:?}"
    );
    sandbox.write("rules/printed.test.yaml", &tests);
    let output = sandbox.run(&["test"]);
    assert_eq!(output.code, 0, "{output:?}\n{tests}");
    let count = tests.lines().filter(|line| line.starts_with("- ")).count();
    output.expect_stdout(0, &[&format!("\n{count} passed, 0 failed")]);
}

const RULES: &str = r#"name: page
event_source: support
event_type: ticket.PriorityChanged
when: { current: urgent }
flow:
  - name: org
    http: { connection: desk, path: "/orgs/{{ ticket.organization_id }}", headers: { X-Key: "{{ secret.KEY }}" } }
    retry: { attempts: 3, backoff: 10ms }
  - name: note
    http: { connection: desk, method: POST, path: /note, json: { id: "{{ ticket.id }}" } }
  - when: { steps.org.body.vip: true }
  - name: page
    http: { connection: desk, method: POST, path: /page, json: { text: "{{ steps.org.body.name }} waits" } }
"#;

fn urgent(ticket: u64, digits: &str) -> Value {
    let text = format!(
        r#"{{"account_id":1,"input":{{"ticket_event":{{"type":"Priority Changed","meta":{{"occurred_at":"2026-03-01T09:00:00Z","sequence":{{"id":"SEQ{ticket}","position":1,"total":1}}}},"previous":"low","current":"urgent","ticket":{{"id":{ticket},"organization_id":5,"amount":{digits},"subject":"first: #1\n- second","tags":["a: b","{{{{ x }}}}"],"empty":{{}}}}}}}}}}"#
    );
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_caught_failure_stays_in_the_test_and_fields_to_redact_are_named() {
    let receiver = Receiver::responding(|_, _| Response::status(404));
    let sandbox = sandbox();
    sandbox.write_rules(
        "name: quiet\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n  - name: quiet\n    http: { connection: desk, path: /quiet }\n    catch: [{ name: noted, set: { failed: true } }]\n",
    );
    let config = format!(
        "connections: {{ desk: {{ base_url: 'http://127.0.0.1:{}' }} }}\noutgoing: {{ allow: [127.0.0.1] }}\nsources: {{ support: {{}} }}\n",
        receiver.port
    );
    sandbox.write("flowtrigger.yaml", &config);
    let daemon = DaemonProcess::start(&sandbox);
    let id = daemon.accept("support", &urgent(7, "1"))["event"].clone();
    let id = id.as_str().expect("an id");
    daemon.wait_until_idle();
    daemon.stop();
    let (test, notes) = exported(&sandbox, id, "--as-test");
    assert!(test.contains("quiet: {status: 404}"), "{test}");
    assert_eq!(notes, "");
    // The configuration in force last says what is removed later.
    sandbox.write("flowtrigger.yaml", config + "redact: [ticket.subject]\n");
    DaemonProcess::start(&sandbox).stop();
    let notes = exported(&sandbox, id, "--event").1;
    assert!(notes.contains("`redact` removes"), "{notes}");
    assert!(notes.contains("ticket.subject"), "{notes}");
}

#[test]
fn a_run_becomes_a_test_with_the_replies_that_its_steps_read() {
    let vip = r#"{"vip": true, "name": "Acme", "more": [1]}"#;
    let receiver = Receiver::responding(move |_, before| match before {
        0 => Response::status(503),
        1 => Response::new("200 OK", "content-type: application/json\r\n", vip),
        2 => Response::status(200),
        _ => Response::status(404),
    });
    let sandbox = sandbox().with_env("FLOWTRIGGER_SECRET_KEY", "c4nary");
    sandbox.write_rules(RULES);
    let config = format!(
        "connections: {{ desk: {{ base_url: 'http://127.0.0.1:{}' }} }}\noutgoing: {{ allow: [127.0.0.1] }}\nsources: {{ support: {{}} }}\n",
        receiver.port
    );
    sandbox.write("flowtrigger.yaml", config);
    let daemon = DaemonProcess::start(&sandbox);
    let event = urgent(7, "19.990000000000002300");
    let id = daemon.accept("support", &event)["event"].clone();
    let id = id.as_str().expect("an id");
    daemon.wait_until_idle();
    let (test, notes) = exported(&sandbox, id, "--as-test");
    assert_eq!(notes, "");
    for part in [
        "expect: match",
        "mock:\n    org:",
        "{status: 503}",
        "name: Acme",
        "page: {status: 404}",
        "path: /orgs/5",
        "path: /page",
        "text: Acme waits",
        "ends: dead",
        "\"amount\":19.990000000000002300",
    ] {
        assert!(test.contains(part), "no `{part}` in\n{test}");
    }
    assert!(
        !test.contains("note: {status"),
        "no step reads this reply:\n{test}"
    );
    assert!(!test.contains("c4nary"), "{test}");
    sandbox.write("rules/printed.test.yaml", &test);
    sandbox
        .run(&["test"])
        .expect_stdout(0, &["1 passed, 0 failed"]);
    // The advice of the dead run is this command.
    let shown = sandbox.run(&["runs", "show", "1"]);
    let advice = format!("`flowtrigger why {id} --rule page --as-test` makes a test of its event");
    shown.expect_stdout(0, &[&advice]);
    let by_ticket = sandbox.run(&["why", "7", "--rule", "page", "--as-test"]);
    assert_eq!(by_ticket.stdout, test);
    let received = exported(&sandbox, "7", "--event").0;
    assert!(received.contains("19.990000000000002300"), "{received}");
    daemon.stop();
}

#[test]
fn what_a_person_should_know_of_an_exported_event_goes_to_standard_error() {
    let sandbox = sandbox();
    sandbox.write_rules(RULES);
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { desk: { base_url: outbox:desk } }\nredact: [ticket.subject]\nsources: { support: {}, first: { event_type: { path: kind } }, second: { event_type: { path: kind } } }\nsecrets: {}\n",
    );
    let sandbox = sandbox.with_env("FLOWTRIGGER_SECRET_KEY", "x");
    let daemon = DaemonProcess::start(&sandbox);
    let mut low = urgent(8, "1");
    low["input"]["ticket_event"]["current"] = "low".into();
    daemon.accept("support", &low);
    let other = json!({"kind": "opened", "id": "one"});
    let id = daemon.accept("first", &other)["event"].clone();
    let output = sandbox.run(&["why", "8", "--event"]);
    output.expect_stderr(
        0,
        &["note: fields of this event were redacted: ticket.subject"],
    );
    assert!(output.stdout.contains("[redacted]"), "{output:?}");
    let dry = sandbox.run_with_input(&["dry-run", "--format", "json", "-"], &output.stdout);
    assert_eq!(
        dry.json_lines()[0]["event"]["type"],
        "ticket.PriorityChanged"
    );
    let test = sandbox.run(&["why", "8", "--as-test"]);
    test.expect_stderr(0, &["redacted"])
        .expect_stdout(0, &["because: current"]);
    sandbox.write("rules/printed.test.yaml", &test.stdout);
    sandbox.run(&["test"]).expect_stdout(0, &["1 passed"]);
    let id = id.as_str().expect("an id");
    let output = sandbox.run(&["why", id, "--event"]);
    output.expect_stderr(0, &["read it with `--source first`"]);
    let dry = ["dry-run", "--source", "first", "--format", "json", "-"];
    let dry = sandbox.run_with_input(&dry, &output.stdout);
    assert_eq!(dry.json_lines()[0]["event"]["endpoint"], "first");
    let none = sandbox.run(&["why", id, "--as-test"]);
    none.expect_stderr(1, &["no rule listened to opened"]);
    for wrong in [
        &["why", "8", "--event", "--as-test"][..],
        &["why", "8", "--event", "--all"],
        &["why", "8", "--event", "--format", "json"],
        &["why", "--rule", "page", "--event"],
    ] {
        assert_eq!(sandbox.run(wrong).code, 2, "{wrong:?}");
    }
    daemon.stop();
}

const SERIES: &str = r#"name: reopened
event_source: support
sequence:
  per: ticket.id
  in: 1d
  steps:
    - { event_type: ticket.StatusChanged, when: { current: solved } }
    - { event_type: ticket.StatusChanged, when: { current: open } }
flow:
  - name: tell
    http: { method: POST, url: "outbox:tell", json: { events: "{{ events | length }}" } }
---
name: answered
event_source: support
event_type: ticket.PriorityChanged
when: { current: urgent }
flow:
  - name: reply
    wait_for: { event_type: ticket.StatusChanged, same: ticket.id, when: { current: solved }, within: 8h }
  - when: { steps.reply.expired: false }
  - name: thank
    http: { method: POST, url: "outbox:thank", json: { was: "{{ steps.reply.event.previous }}" } }
---
name: paused
event_source: support
event_type: ticket.PriorityChanged
flow: [{ wait: 10ms }, { name: later, http: { method: POST, url: "outbox:later", json: { id: "{{ ticket.id }}" } } }]
"#;

fn changed(kind: &str, current: &str, ticket: u64, minute: u64) -> Value {
    let meta = json!({
        "occurred_at": format!("2026-03-01T09:{minute:02}:00Z"),
        "sequence": {"id": format!("{kind}{ticket}{minute}"), "position": 1, "total": 1},
    });
    json!({"account_id": 1, "input": {"ticket_event": {"type": kind, "meta": meta, "previous": "pending", "current": current,
        "ticket": {"id": ticket}}}})
}

/// The events that a run depends on are in its test, and no others.
#[test]
fn a_run_of_several_events_becomes_a_test_of_these_events() {
    let sandbox = sandbox();
    sandbox.write_rules(SERIES);
    let daemon = DaemonProcess::start(&sandbox);
    let accept = |kind: &str, current: &str, ticket: u64, minute: u64| {
        let accepted = daemon.accept("support", &changed(kind, current, ticket, minute));
        accepted["event"].as_str().expect("an id").to_owned()
    };
    let urgent = accept("Priority Changed", "urgent", 7, 0);
    let first = accept("Status Changed", "solved", 8, 1);
    accept("Status Changed", "hold", 7, 2);
    accept("Status Changed", "solved", 7, 3);
    let last = accept("Status Changed", "open", 7, 4);
    daemon.wait_until_idle();
    daemon.stop();
    let test = |id: &str, rule: &str| {
        let output = sandbox.run(&["why", id, "--rule", rule, "--as-test"]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:?}");
        output.stdout
    };
    let reopened = test(&last, "reopened");
    for part in ["gate: sequence", "expect: match", "events: 2", "ends: done"] {
        assert!(reopened.contains(part), "no `{part}` in\n{reopened}");
    }
    assert_eq!(reopened.matches(" at: ").count(), 2, "{reopened}");
    let waits = test(&first, "reopened");
    let only = "events: [{at: 0s, expect: suppressed, gate: sequence}]";
    assert!(waits.contains(only), "{waits}");
    let answered = test(&urgent, "answered");
    for part in ["was: pending", "expect: no match", "ends: done"] {
        assert!(answered.contains(part), "no `{part}` in\n{answered}");
    }
    assert_eq!(answered.matches(" at: ").count(), 2, "{answered}");
    let paused = test(&urgent, "paused");
    assert!(
        !paused.contains("events:") && paused.contains("ends: done"),
        "{paused}"
    );
    sandbox.write(
        "rules/rules.test.yaml",
        [reopened, waits, answered, paused].concat(),
    );
    sandbox
        .run(&["test"])
        .expect_stdout(0, &["4 passed, 0 failed"]);
    // So are the samples of a backtest, whose rules have no run.
    let named = SERIES
        .replace("name: reopened", "name: again")
        .replace("name: answered", "name: thanked");
    sandbox.write("next/rules.yaml", named);
    let backtest = sandbox.run(&["backtest", "next", "--since", "1d", "--format", "json"]);
    let backtest: Value = serde_json::from_str(&backtest.stdout).expect("JSON");
    let rules = backtest["rules"].as_array().expect("a list").iter();
    let samples = rules.flat_map(|rule| rule["samples"]["new"].as_array().expect("a list"));
    let tests: Vec<&str> = samples
        .filter_map(|sample| sample["test"].as_str())
        .collect();
    let of = |rule: &str| tests.iter().find(|test| test.contains(rule)).expect(rule);
    assert_eq!(of("rule: again").matches(" at: ").count(), 2, "{tests:?}");
    assert_eq!(of("rule: thanked").matches(" at: ").count(), 2, "{tests:?}");
    sandbox.write(
        "next/rules.test.yaml",
        [*of("rule: again"), *of("rule: thanked")].concat(),
    );
    sandbox
        .run(&["test", "next"])
        .expect_stdout(0, &["2 passed, 0 failed"]);
    // The condition of the wait is compared: with another one, the test fails.
    sandbox.write_rules(&SERIES.replace(
        "when: { current: solved }, within",
        "when: { current: closed }, within",
    ));
    sandbox
        .run(&["test", "--rule", "answered"])
        .expect_stdout(1, &["0 passed, 1 failed"]);
}
