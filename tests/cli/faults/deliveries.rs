//! Accepted requests: each is listed beside the rejected ones, and its events name it.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::setup::sandbox;
use super::signed::KEY;

const RULE: &str = "name: note\nevent_source: desk\nevent_type: urgent\nflow:\n- succeed: fine\n";
const SOURCES: &str = "sources:
  desk: { event_type: { path: kind }, key: ticket_id, id: id }
  shop: { event_type: order }
";

fn desk() -> Sandbox {
    let sandbox = sandbox();
    sandbox.write_rules(RULE);
    sandbox.write("flowtrigger.yaml", SOURCES);
    sandbox
}

fn event(id: &str, kind: &str) -> Value {
    json!({"id": id, "kind": kind, "ticket_id": 90_417, "private": "sesame"})
}

fn listed(sandbox: &Sandbox, options: &[&str]) -> Vec<Value> {
    let arguments = [&["deliveries", "--format", "json"], options].concat();
    sandbox.run(&arguments).json_lines()
}

#[test]
fn accepted_requests_are_listed_with_what_became_of_their_events() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    let sent = [
        event("e1", "urgent").to_string(),
        event("e1", "urgent").to_string(),
        event("e2", "calm").to_string(),
        json!([
            event("e3", "calm"),
            event("e1", "urgent"),
            event("e4", "urgent")
        ])
        .to_string(),
    ];
    for body in &sent {
        daemon.post("/events/desk", body);
    }
    daemon.post("/events/desk", "no JSON");
    let rows = listed(&sandbox, &["--accepted"]);
    let counts: Vec<[u64; 3]> = rows
        .iter()
        .rev()
        .map(|row| ["events", "matched", "redelivered"].map(|key| row[key].as_u64().unwrap()))
        .collect();
    assert_eq!(
        counts,
        [[1, 1, 0], [1, 0, 1], [1, 0, 0], [3, 1, 1]],
        "{rows:?}"
    );
    for (row, body) in rows.iter().rev().zip(&sent) {
        assert_eq!(row["size"], body.len(), "{row}");
        assert_eq!(
            (&row["status"], &row["reason"], &row["peer"]),
            (&json!(200), &Value::Null, &json!("127.0.0.1"))
        );
        assert_eq!(row["path"], "/events/desk");
    }
    assert_eq!(rows[0]["first_event"], "e3");
    // Both kinds by default, with the rejected ones counted first.
    let output = sandbox.run(&["deliveries"]);
    output.expect_stdout(
        0,
        &[
            "event e2, no rule matched",
            "3 events, 1 matched, 1 redelivered; the first is e3",
            "1 rejected request, 4 accepted requests; `--rejected` lists the rejected ones only",
        ],
    );
    assert_eq!(listed(&sandbox, &["--status", "400"]).len(), 1);
    assert_eq!(
        listed(&sandbox, &["--rejected", "--source", "desk"]).len(),
        1
    );
    daemon.stop();
    let everything = format!("{:?}", listed(&sandbox, &[]));
    assert!(!everything.contains("sesame"), "{everything}");
    let output = sandbox.run(&["deliveries", "--source", "dekc"]);
    output.expect_stdout(1, &["did you mean `--source desk`?"]);
}

#[test]
fn a_repeat_with_another_body_is_told_apart_and_rejected_requests_skip_no_number() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/desk", &event("e1", "urgent").to_string());
    daemon.post("/events/desk", "{\"id\": \"e2\"}");
    daemon.post("/events/desk", "no JSON");
    let changed = json!({"id": "e1", "kind": "urgent", "ticket_id": 90_417, "private": "other"});
    daemon.post("/events/desk", &changed.to_string());
    let rows = listed(&sandbox, &[]);
    let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [4, 3, 2, 1]);
    let counts = ["version", "matched", "redelivered", "differed"].map(|key| &rows[0][key]);
    assert_eq!(counts, [1, 0, 1, 1]);
    sandbox
        .run(&["deliveries", "--limit", "1"])
        .expect_stdout(0, &["event e1, redelivered with another body"]);
    sandbox.run(&["deliveries", "--before", "4"]).expect_stdout(
        0,
        &[
            "2 rejected requests, 1 accepted request",
            "; all older than request 4\n",
        ],
    );
}

#[test]
fn a_path_that_finds_nothing_is_logged_once() {
    let sandbox = desk();
    let misspelt = "sources:
  desk: { event_type: { path: kind }, key: tiket_id, time: [{ header: X-Time }, { path: at }], id: id }
  shop: { event_type: order, key: order.id, time: at, id: id }
";
    sandbox.write("flowtrigger.yaml", misspelt);
    let daemon = DaemonProcess::start(&sandbox);
    for id in ["e1", "e2"] {
        daemon.post("/events/desk", &event(id, "urgent").to_string());
        daemon.post("/events/desk", &event(id, "calm").to_string());
    }
    // Later events may lack what an earlier one had, and a time that cannot be read has a warning of its own.
    for body in [
        json!({"id": 1, "order": {"id": 7}, "at": "soon"}),
        json!({"id": 2}),
    ] {
        daemon.post("/events/shop", &body.to_string());
    }
    let is_about = |line: &Value| line["message"] == "a path of a source found nothing";
    daemon.expect_log(|line| is_about(line) && line["keys"] == "time");
    let log = daemon.log();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let paths: Vec<[Value; 3]> = lines
        .filter(is_about)
        .map(|line| ["source", "keys", "path"].map(|key| line[key].clone()))
        .collect();
    assert_eq!(
        paths,
        [
            [json!("desk"), json!("key"), json!("tiket_id")],
            [
                json!("desk"),
                json!("time"),
                json!("the header `x-time`, at")
            ],
        ]
    );
}

#[test]
fn mistaken_options_are_questioned() {
    let sandbox = desk().with_env("FLOWTRIGGER_SECRET_KEY", KEY);
    let signed = "  signed: { event_type: order, verify: bearer, secrets: KEY }\n";
    sandbox.write("flowtrigger.yaml", format!("{SOURCES}{signed}"));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/desk", "no JSON");
    daemon.request("PUT", "/events/desk", "", b"");
    daemon.post("/events/signed", "{}");
    let rows = listed(&sandbox, &["--reason", "unsound,method"]);
    assert_eq!(rows.len(), 2, "{rows:?}");
    for (options, expected) in [
        (["--reason", "unsund"].as_slice(), "'unsound'"),
        (
            &["--since", "-30m", "--until", "-40m"],
            "`--since` is not before `--until`",
        ),
    ] {
        let output = sandbox.run(&[["deliveries"].as_slice(), options].concat());
        assert_eq!(output.code, 2, "{output:?}");
        assert!(output.stderr.contains(expected), "{output:?}");
    }
    let listed = |reasons: &str| {
        let output = sandbox.run(&["deliveries", "--reason", reasons, "--format", "json"]);
        output.json_lines().len()
    };
    assert_eq!(listed("stale,unsigned"), 1);
    assert_eq!(listed("sender_unsigned,method"), 2);
    let unknown = sandbox.run(&["deliveries", "--reason", "sender_unsined"]);
    unknown.expect_stderr(2, &["'sender_unsigned'", "possible values: unsound,"]);
    let help = sandbox.run(&["deliveries", "--help"]);
    help.expect_stdout(
        0,
        &["sender_stale sender_early", "`sender_` may be left out"],
    );
    let schema = |name| sandbox.run(&["schema", "--of", name]).stdout;
    assert_eq!(schema("deliveries"), schema("delivery"));
}

#[test]
fn an_unknown_entry_is_named_with_the_entries_that_have_the_ticket() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/desk", &event("e1", "urgent").to_string());
    let unknown = "no entry of `sources` is called `deks`; did you mean `--endpoint desk`?";
    sandbox
        .run(&["why", "90417", "--endpoint", "deks"])
        .expect_stdout(1, &[unknown, "events of `90417` are stored at `desk`"]);
    sandbox
        .run(&["runs", "list", "--ticket", "90417", "--endpoint", "deks"])
        .expect_stdout(1, &[unknown, "such runs are stored at `desk`"]);
    // A known entry without the ticket.
    let output = sandbox.run(&["why", "90417", "--endpoint", "shop"]);
    output.expect_stdout(1, &["events of `90417` are stored at `desk`"]);
    assert!(!output.stdout.contains("is called"), "{output:?}");
    let answer = sandbox.run(&["why", "90417", "--endpoint", "deks", "--format", "json"]);
    let expected =
        json!({"asked": "deks", "known": false, "nearest": "desk", "stored_at": ["desk"]});
    assert_eq!(answer.json_lines()[0]["endpoint"], expected);
}

#[test]
fn why_names_the_request_of_an_event_and_its_place_in_it() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    let array = json!([event("e1", "calm"), event("e2", "urgent")]).to_string();
    daemon.post("/events/desk", &array);
    let single = event("e3", "urgent").to_string();
    daemon.post("/events/desk", &single);
    for (id, bytes, place) in [
        ("e1", array.len(), ", event 1 of 2"),
        ("e2", array.len(), ", event 2 of 2"),
        ("e3", single.len(), ""),
    ] {
        let expected = format!("from 127.0.0.1, {bytes} bytes{place}\n");
        sandbox.run(&["why", id]).expect_stdout(0, &[&expected]);
    }
    let answer = sandbox.run(&["why", "e2", "--format", "json"]).json_lines();
    let delivery = &answer[0]["delivery"];
    assert_eq!(
        (&delivery["index"], &delivery["only_counted"]),
        (&json!(1), &json!(false))
    );
    let mut listed = listed(&sandbox, &["--accepted"]);
    listed[1].as_object_mut().unwrap().shift_remove("version");
    assert_eq!(delivery["request"], listed[1]);
}

#[test]
fn why_says_what_was_rejected_near_the_time_and_after_the_newest_event() {
    let sandbox = desk();
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/desk", &event("e1", "urgent").to_string());
    let output = sandbox.run(&["why", "90417"]);
    assert!(!output.stdout.contains("rejected"), "{output:?}");
    daemon.post("/events/desk", "{\"id\": \"e2\", \"ticket_id\": 90417,}");
    let rejected = "a request to `desk` from 127.0.0.1 was rejected at";
    sandbox.run(&["why", "90417"]).expect_stdout(
        0,
        &[
            "after this event, 1 request to `desk` was rejected; the newest: ",
            rejected,
            "not JSON: line 1, column 33",
        ],
    );
    // Not stored at all, asked for by its time.
    sandbox.run(&["why", "90418", "--at", "-1m"]).expect_stdout(
        1,
        &[
            "1 rejected request within an hour of",
            "one of them may have held it",
            rejected,
        ],
    );
    sandbox
        .run(&["why", "90418", "--at", "-1d"])
        .expect_stdout(1, &["no rejected request within an hour of"]);
    let answer = sandbox.run(&["why", "90417", "--at", "-1d", "--format", "json"]);
    assert_eq!(answer.json_lines()[0]["rejected"]["count"], 0);
}
