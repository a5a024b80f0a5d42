//! What `why`, `runs` and the endpoints answer beside a running daemon: only what was checked.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use rustix::process::Signal;
use serde_json::json;

use super::setup::{NOTE, rule, sandbox, sandbox_with_flow, subject, urgent};

#[test]
fn an_unmatched_event_is_found_at_once() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in 1..=5 {
        daemon.accept("support", &subject(ticket, "hello"));
        let output = sandbox.run(&["why", &ticket.to_string()]);
        output.expect_stdout(0, &["no rule listened to support/ticket.SubjectChanged"]);
    }
    // A newer event of a ticket that is stored already is found as well.
    daemon.accept("support", &urgent(1));
    let mut second = subject(1, "again");
    second["input"]["ticket_event"]["meta"]["sequence"]["id"] = json!("later");
    daemon.accept("support", &second);
    let output = sandbox.run(&["why", "1"]);
    output.expect_stdout(
        0,
        &[
            "3 events. Explained: the newest",
            "event support/ticket.SubjectChanged",
        ],
    );
}

#[test]
fn a_rule_is_explained_for_the_newest_event_that_it_listened_to() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(7));
    daemon.accept("support", &subject(7, "hello"));
    let output = sandbox.run(&["why", "7", "--rule", "on-urgent"]);
    output.expect_stdout(
        0,
        &["MATCH  on-urgent", "event support/ticket.PriorityChanged"],
    );
    let output = sandbox.run(&["why", "7", "--rule", "on-urgemt"]);
    let both = "no rule called `on-urgemt` listened to ticket.SubjectChanged, ticket.PriorityChanged; did you mean `on-urgent`?";
    output.expect_stdout(1, &[both]);
    // One of two rules that listened says nothing about the other.
    sandbox.write_rules(&format!(
        "{}---\n{}",
        rule("on-urgent", NOTE),
        rule("calm", NOTE).replace("current: urgent", "current: low")
    ));
    daemon.signal(Signal::HUP);
    daemon.expect_message("reloaded");
    daemon.accept("support", &urgent(8));
    let output = sandbox.run(&["why", "8", "--rule", "calm"]);
    output.expect_stdout(0, &["`calm` did not match"]);
    assert!(!output.stdout.contains("nothing happened"), "{output:?}");
}

#[test]
fn the_distance_to_the_asked_time_is_said_and_beyond_an_hour_is_no_answer() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(7));
    let output = sandbox.run(&["why", "7", "--at", "-34.5h"]);
    output.expect_stdout(
        1,
        &[
            "no stored event was received within an hour of",
            "the nearest is 1d10h after it",
            "MATCH  on-urgent",
        ],
    );
    let output = sandbox.run(&["why", "7", "--at", "-10.5m"]);
    output.expect_stdout(0, &["the nearest stored event was received 10m", "after"]);
    let json = sandbox.run(&["why", "7", "--at", "-2h", "--format", "json"]);
    assert_eq!(json.code, 1);
    let distance = json.json_lines()[0]["seconds_from_asked_time"]
        .as_i64()
        .unwrap();
    assert!((7_190..=7_260).contains(&distance), "{distance}");
}

#[test]
fn a_disabled_rule_whose_predicates_hold_is_named() {
    let sandbox = sandbox();
    let disabled = rule("on-urgent", NOTE).replace("event_source", "mode: disabled\nevent_source");
    sandbox.write_rules(&disabled);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(7));
    let named = "nothing happened: `on-urgent` matches, but is disabled: no run was made; with `mode: shadow` a run would be recorded";
    let output = sandbox.run(&["why", "7"]);
    output.expect_stdout(0, &[named]);
    assert!(!output.stdout.contains("did not match"), "{output:?}");
}

#[test]
fn rules_that_were_loaded_again_with_the_same_text_are_dated_by_the_last_load() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(1));
    let first = sandbox
        .run(&["why", "1", "--format", "json"])
        .json_lines()
        .remove(0);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    daemon.signal(Signal::HUP);
    daemon.expect_message("reloaded");
    daemon.accept("support", &urgent(2));
    let output = sandbox.run(&["why", "2"]);
    output.expect_stdout(
        0,
        &[
            "evaluated by the rules loaded last at",
            "with the same text as those in force since",
        ],
    );
    let second = sandbox
        .run(&["why", "2", "--format", "json"])
        .json_lines()
        .remove(0);
    assert_eq!(first["revision"]["since"], second["revision"]["since"]);
    assert_ne!(first["revision"]["loaded"], second["revision"]["loaded"]);
    // The earlier event was evaluated before the reload.
    let again = sandbox
        .run(&["why", "1", "--format", "json"])
        .json_lines()
        .remove(0);
    assert_eq!(first["revision"], again["revision"]);
}

#[test]
fn a_run_that_waits_for_a_rate_limit_says_so() {
    let flow = "- http: { connection: chat, path: /x, json: {} }\n";
    let sandbox = sandbox_with_flow(flow);
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { chat: { base_url: 'outbox:chat', rate_limit: { limit: 1, in: 1h } } }\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in 1..=3 {
        daemon.accept("support", &urgent(ticket));
    }
    flowtrigger_testing::wait::wait_until("the runs wait", || daemon.count("retrying") == 2);
    let waits = "waits for the rate limit of connection `chat` until ";
    let waiting = ["runs", "list", "--state", "retrying", "--format", "json"];
    let waiting = sandbox.run(&waiting).json_lines().remove(0);
    let run = waiting["id"].to_string();
    let ticket = waiting["event"]["key"].as_str().unwrap();
    for arguments in [
        &["runs", "list"][..],
        &["runs", "show", &run],
        &["why", ticket],
    ] {
        let output = sandbox.run(arguments);
        output.expect_stdout(0, &[waits]);
        assert!(!output.stdout.contains("a step failed"), "{output:?}");
    }
    // A restart keeps the reason.
    daemon.stop();
    sandbox.run(&["runs", "list"]).expect_stdout(0, &[waits]);
}

fn replayable() -> Sandbox {
    let sandbox =
        sandbox_with_flow("- http: { url: 'http://127.0.0.1:1/x' }\n  retry: { attempts: 1 }\n");
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(1));
    daemon.wait_until_idle();
    daemon.stop();
    sandbox.write_rules(&rule("on-urgent", NOTE));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(2));
    daemon.wait_until_idle();
    daemon.stop();
    sandbox
}

#[test]
fn many_runs_are_replayed_only_on_request_and_not_those_that_are_done() {
    let sandbox = replayable();
    let all = ["runs", "replay", "--all", "--rule", "on-urgent"];
    let output = sandbox.run(&all);
    output.expect_stderr(
        2,
        &[
            "1 run: 1 dead would be replayed",
            "nothing was done",
            "--yes",
        ],
    );
    let yes = [&all[..], &["--yes"]].concat();
    let dry = [&all[..], &["--dry-run"]].concat();
    sandbox
        .run(&dry)
        .expect_stdout(0, &["1 run: 1 dead to replay; nothing was done"]);
    sandbox.run(&yes).expect_stdout(0, &["1 run replayed"]);
    let both = [
        "runs",
        "replay",
        "--all",
        "--rule",
        "on-urgent",
        "--state",
        "done,dead",
    ];
    let output = sandbox.run(&both);
    output.expect_stderr(2, &["1 done", "--yes"]);
    // The dead run has a replay now, and is not replayed again once that is done.
    let daemon = DaemonProcess::start(&sandbox);
    daemon.wait_until_idle();
    daemon.stop();
    sandbox
        .run(&yes)
        .expect_stdout(1, &["no such run to replay"]);
}

#[test]
fn a_queued_run_without_a_daemon_is_not_said_to_start_soon() {
    let sandbox = replayable();
    sandbox
        .run(&["runs", "replay", "1"])
        .expect_stdout(0, &["queued"]);
    let waits = "it waits: no daemon uses this data folder; the next start executes it";
    sandbox
        .run(&["runs", "show", "3"])
        .expect_stdout(0, &[waits]);
}

#[test]
fn the_status_of_a_failed_answer_is_in_the_log_of_the_run() {
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = receiver.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let answer =
            b"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).unwrap();
    });
    let sandbox = sandbox_with_flow(&format!("- http: {{ url: 'http://{address}/x' }}\n"));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(1));
    daemon.wait_until_idle();
    let shown = sandbox
        .run(&["runs", "show", "1", "--format", "json"])
        .json_lines();
    assert_eq!(shown[0]["log"][0]["status"], 422, "{}", shown[0]["log"]);
}
