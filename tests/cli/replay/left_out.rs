//! What a replay leaves out is counted and named: nothing is silent.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use serde_json::json;

use super::{corrected, reload, rule, sandbox, tell, urgent};

const NOTE: &str = "- http: { url: 'outbox:note', json: { ticket: '{{ ticket.id }}' } }\n";

#[test]
fn disabled_rules_are_named_and_shadow_runs_are_recorded() {
    let sandbox = sandbox();
    let daemon = corrected(&sandbox, 2, NOTE);
    let disabled = format!("{}mode: disabled\n", rule("urgent", NOTE));
    reload(&daemon, &sandbox, &disabled, 2);
    let output = sandbox.run(&["replay", "--since", "-1h", "--yes"]);
    output.expect_stdout(1, &["2 runs: the rule matches and is disabled; 2 page"]);
    sandbox.write_rules(&format!("{}mode: shadow\n", rule("urgent", NOTE)));
    daemon.stop();
    let daemon = DaemonProcess::start(&sandbox);
    let output = sandbox.run(&["replay", "--since", "-1h", "--yes"]);
    output.expect_stdout(0, &["page  shadow: recorded, nothing is sent  2 none"]);
    assert_eq!(daemon.count("shadow"), 2);
    daemon.stop();
}

#[test]
fn the_summary_names_fields_that_are_redacted_later() {
    let sandbox = sandbox();
    let daemon = corrected(&sandbox, 1, NOTE);
    daemon.stop();
    sandbox.write("flowtrigger.yaml", "redact: [current]\n");
    let dry = ["replay", "--since", "-1h", "--dry-run"];
    sandbox.run(&dry).expect_stdout(
        0,
        &["`redact` removes these fields from the events when their runs have ended: current"],
    );
    let lines = sandbox
        .run(&[&dry[..], &["--format", "json"]].concat())
        .json_lines();
    assert_eq!(lines[0]["first"][0]["redacted_later"], json!(["current"]));
}

#[test]
fn redacted_events_and_entries_that_are_gone_are_named() {
    let sandbox = sandbox();
    let sources =
        "sources: { support: { verify: none }, north: { decoder: support, verify: none } }\n";
    sandbox.write("flowtrigger.yaml", sources);
    sandbox.write_rules(&rule("normal", NOTE));
    let daemon = DaemonProcess::start(&sandbox);
    for entry in ["north", "support"] {
        let path = format!("/events/{entry}");
        assert_eq!(daemon.post(&path, &urgent(1).to_string()).status(), 200);
    }
    daemon.stop();
    sandbox.write(
        "flowtrigger.yaml",
        "sources: { support: { verify: none } }\n",
    );
    sandbox.write_rules(&rule("urgent", NOTE));
    let output = sandbox.run(&["replay", "--since", "-1h", "--dry-run"]);
    output.expect_stdout(
        0,
        &[
            "received at entries that are no longer configured, and included\n  1 north",
            "2 runs: 2 without an earlier run to replay",
        ],
    );
    let one = [
        "replay",
        "--since",
        "-1h",
        "--endpoint",
        "north",
        "--dry-run",
    ];
    sandbox.run(&one).expect_stdout(0, &["1 run: 1 without"]);
    sandbox.write("flowtrigger.yaml", "redact: [previous]\n");
    let daemon = DaemonProcess::start(&sandbox);
    for (kind, ticket) in [("Priority Changed", 7), ("Subject Changed", 8)] {
        let event = json!({"input": {"ticket_event": {
            "type": kind, "previous": "a", "current": "b", "ticket": {"id": ticket}
        }}});
        assert_eq!(
            daemon.post("/events/support", &event.to_string()).status(),
            200
        );
    }
    let output = sandbox.run(&["replay", "--since", "-1h", "--ticket", "7", "--yes"]);
    output.expect_stdout(1, &["1 event: fields were redacted"]);
    // The rule does not listen to its type.
    let other = [
        "replay", "--since", "-1h", "--ticket", "8", "--rule", "page",
    ];
    let output = sandbox.run(&other);
    output.expect_stdout(1, &["1 event: none of the rules named with `--rule`"]);
    assert!(!output.stdout.contains("redacted"), "{output:?}");
    daemon.stop();
}

#[test]
fn a_replay_needs_a_time_or_a_ticket_and_known_rules() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    let daemon = corrected(&sandbox, 1, &tell(&receiver));
    sandbox
        .run(&["replay", "--unmatched"])
        .expect_stderr(2, &["a replay needs `--since`, `--ticket` or `--resume`"]);
    sandbox
        .run(&["replay", "--since", "-1h", "--rule", "pag"])
        .expect_stderr(2, &["no rule is called `pag`", "did you mean `page`?"]);
    for (option, value) in [("--rate", "10"), ("--earlier", "died"), ("--resume", "7")] {
        let output = sandbox.run(&["replay", "--since", "-1h", option, value]);
        assert_eq!(output.code, 2, "{output:?}");
    }
    daemon.stop();
}
