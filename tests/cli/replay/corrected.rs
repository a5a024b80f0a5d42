//! A wrong rule was deployed for an hour, or a receiver was down: the events are brought back.

use std::time::{Duration, Instant};

use boon::{Compiler, Draft, Schemas};
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use serde_json::Value;

use super::{keys, reload, rule, sandbox, tell, tickets, urgent};

#[test]
fn events_that_matched_nothing_run_after_the_rule_was_corrected() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    let flow = tell(&receiver);
    sandbox.write_rules(&rule("normal", &flow));
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in 1..=4 {
        daemon.accept("support", &urgent(ticket));
    }
    let output = sandbox.run(&["replay", "--since", "-1h"]);
    output.expect_stdout(
        1,
        &[
            "0 runs would start",
            "4 events: no enabled rule matches now",
            "nothing to replay",
        ],
    );
    reload(&daemon, &sandbox, &rule("urgent", &flow), 1);
    let output = sandbox.run(&["replay", "--since", "-1h"]);
    output.expect_stderr(
        2,
        &[
            "4 runs: 4 without an earlier run would be replayed",
            "there is no terminal to ask on; nothing was done",
            "--yes",
        ],
    );
    output.expect_stdout(
        2,
        &[
            "4 events, received",
            "4     page  live  4 none",
            "gates are not applied; these rules have none",
            "the first 3 of 4 runs",
            "page for support/ticket.PriorityChanged 1",
            "{\"id\":\"ticket 1\"}",
        ],
    );
    assert_eq!(receiver.count(), 0);
    let began = Instant::now();
    let output = sandbox.run(&["replay", "--since", "-1h", "--rate", "5/s", "--yes"]);
    output.expect_stdout(0, &["4 runs replayed", "runs list --replay r"]);
    assert!(began.elapsed() >= Duration::from_millis(600), "{output:?}");
    let first = receiver.wait_for(4);
    let all = ["ticket 1", "ticket 2", "ticket 3", "ticket 4"];
    assert_eq!(tickets(&first), all);
    assert_eq!(keys(&first).len(), 4);
    daemon.wait_until_idle();
    let output = sandbox.run(&["replay", "--since", "-1h", "--yes"]);
    output.expect_stdout(1, &["4 runs: the earlier run is done; `--include-done`"]);
    let again = [
        "replay",
        "--since",
        "-1h",
        "--include-done",
        "--yes",
        "--rate",
        "1000/s",
    ];
    sandbox.run(&again).expect_stdout(0, &["4 runs replayed"]);
    let both = receiver.wait_for(8);
    assert_eq!(keys(&both).len(), 8, "every replay has keys of its own");
    let why = sandbox.run(&["why", "1"]);
    why.expect_stdout(0, &["NO MATCH  page", "run  1 done", "run  5 done"]);
    assert!(!why.stdout.contains("nothing happened"), "{why:?}");
    sandbox
        .run(&["runs", "show", "5"])
        .expect_stdout(0, &["a replay, generation 2, a part of replay r"]);
    // A repeat by the sender is a redelivery now.
    assert_eq!(daemon.accept("support", &urgent(1))["redelivered"], true);
    daemon.stop();
}

#[test]
fn dead_runs_are_replayed_after_an_outage_and_the_lines_are_as_described() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[500, 200, 500]);
    let sandbox = sandbox();
    sandbox.write_rules(&rule("urgent", &tell(&receiver)));
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in 1..=3 {
        daemon.accept("support", &urgent(ticket));
        daemon.wait_until_idle();
    }
    let dry = sandbox.run(&["replay", "--since", "-1h", "--dry-run"]);
    dry.expect_stdout(
        0,
        &[
            "2     page  live  2 dead",
            "1 run: the earlier run is done",
            "2 runs: 2 dead to replay; nothing was done",
        ],
    );
    let of_archive = [
        "replay", "--since", "-1h", "--ticket", "1", "--yes", "--format", "json",
    ];
    let of_runs = [
        "runs", "replay", "--all", "--state", "dead", "--ticket", "3", "--yes", "--format", "json",
    ];
    let mut lines: Vec<Value> = Vec::new();
    for arguments in [&of_archive[..], &of_runs] {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, 0, "{output:?}");
        let printed = output.json_lines();
        let kinds: Vec<&Value> = printed.iter().map(|line| &line["kind"]).collect();
        assert_eq!(kinds, ["summary", "run", "result"]);
        assert_eq!(printed[0]["earlier"]["dead"], 1);
        assert_eq!(
            printed[0]["first"][0]["plan"][0]["json"]["id"],
            printed[0]["first"][0]["key"]
                .as_str()
                .map(|key| format!("ticket {key}"))
                .unwrap()
        );
        assert_eq!(printed[2]["outcome"], "complete");
        lines.extend(printed);
    }
    assert_eq!(
        (&lines[1]["of"], &lines[4]["of"]),
        (&Value::Null, &Value::from(3))
    );
    let received = receiver.wait_for(5);
    assert_eq!(tickets(&received[3..]), ["ticket 1", "ticket 3"]);
    assert_eq!(keys(&received).len(), 5);
    lines.extend(
        sandbox
            .run(&["replay", "--since", "-1h", "--yes", "--format", "json"])
            .json_lines(),
    );
    let schema = sandbox.run(&["schema", "--of", "replay"]);
    accepted(serde_json::from_str(&schema.stdout).unwrap(), &lines);
    daemon.stop();
}

#[test]
fn an_unmatched_event_whose_replay_died_is_unmatched_still() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    let daemon = super::corrected(&sandbox, 2, &tell(&receiver));
    receiver.next_statuses(&[500, 200]);
    let unmatched = ["replay", "--since", "-1h", "--unmatched", "--yes"];
    sandbox
        .run(&unmatched)
        .expect_stdout(0, &["2     page  live  2 none", "2 runs replayed"]);
    daemon.wait_until_idle();
    sandbox.run(&unmatched).expect_stdout(
        0,
        &[
            "1     page  live  1 dead",
            "1 run: the earlier run is done; `--include-done` adds it",
            "1 run replayed",
        ],
    );
    daemon.wait_until_idle();
    assert_eq!(receiver.count(), 3);
    daemon.stop();
}

/// Checks the lines with an independent validator.
fn accepted(schema: Value, lines: &[Value]) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.set_default_draft(Draft::V2020_12);
    compiler.add_resource("replay.json", schema).unwrap();
    let index = compiler.compile("replay.json", &mut schemas).unwrap();
    for line in lines {
        let valid = schemas.validate(line, index);
        assert!(valid.is_ok(), "{line}: {:#}", valid.unwrap_err());
    }
}
