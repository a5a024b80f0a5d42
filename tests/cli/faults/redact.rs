//! Redacted fields are available to a run and are in no page of the database file after it. Only a daemon
//! stores events, so each test starts one and searches its file.

use std::fs;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, dead_port};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::setup::{sandbox, sandbox_with_flow, subject, urgent};

const SAID: &str = "the-customers-own-words";

fn prepared(flow: &str) -> Sandbox {
    let sandbox = sandbox();
    let rule = |name: &str, when: &str, flow: &str| {
        format!(
            "name: {name}\nevent_source: support\nevent_type: [ticket.SubjectChanged, ticket.PriorityChanged]\nwhen: {when}\nflow:\n{flow}\n"
        )
    };
    let rules = [
        rule(
            "acts",
            "{ current: { contains: words }, ticket.id: { lt: 100 } }",
            flow,
        ),
        rule(
            "never",
            "{ current: { contains: nobody }, ticket.id: { lt: 0 } }",
            "- succeed: ok",
        ),
    ];
    sandbox.write("rules/rules.yaml", rules.join("---\n"));
    sandbox.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [127.0.0.1] }\nredact: [current, previous]\n",
    );
    sandbox
}

/// The contents of the database files.
fn kept(sandbox: &Sandbox) -> String {
    let files = fs::read_dir(sandbox.path("data")).expect("a folder");
    let files = files.map(|entry| entry.expect("a file").path());
    let databases = files.filter(|path| path.to_string_lossy().contains("flowtrigger.db"));
    let bytes = databases.map(|path| fs::read(path).expect("bytes"));
    bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

#[test]
fn redacted_fields_are_in_no_page_of_the_file_after_the_run() {
    let receiver = Receiver::ok();
    let sandbox = prepared(&format!(
        "- http: {{ url: 'http://127.0.0.1:{}/', json: {{ said: '{{{{ current }}}}' }}}}\n  keep: none",
        receiver.port
    ));
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in [1, 100, 200] {
        let event = subject(ticket, SAID).to_string();
        assert_eq!(daemon.post("/events/support", &event).status(), 200);
    }
    daemon.expect_log(|line| line["state"] == "done");
    daemon.stop();
    assert_eq!(receiver.received()[0].json()["said"], SAID);
    let kept = kept(&sandbox);
    assert!(!kept.contains(SAID), "it is in the file");
    assert!(kept.contains("[redacted]"));
    let output = sandbox.run(&["why", "1"]);
    output.expect_stdout(
        0,
        &[
            "redacted: previous, current",
            "MISSING  acts",
            "was redacted (`redact`",
        ],
    );
    output.expect_stdout(0, &["run  1 done"]);
    // Evaluated with the stored event.
    output.expect_stdout(0, &["NO MATCH  never"]);
    let line = sandbox
        .run(&["why", "1", "--format", "json"])
        .json_lines()
        .remove(0);
    assert_eq!(line["redacted"], json!(["previous", "current"]));
    assert_eq!(line["matched"], json!(["acts"]));
    sandbox
        .run(&["why", "100"])
        .expect_stdout(0, &["NO MATCH  acts", "nothing happened"]);
    let refused = sandbox.run(&["runs", "replay", "1"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let words = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        words.contains("no longer kept") && words.contains("sent again"),
        "{words}"
    );
}

#[test]
fn a_dead_run_keeps_its_event_for_a_retry() {
    let sandbox = prepared(&format!(
        "- http: {{ url: 'http://127.0.0.1:{}/', json: {{ said: '{{{{ current }}}}' }} }}\n  retry: {{ attempts: 1 }}",
        dead_port()
    ));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &subject(1, SAID).to_string());
    daemon.expect_log(|line| line["state"] == "dead");
    daemon.stop();
    assert!(kept(&sandbox).contains(SAID), "a retry needs it");
    sandbox
        .run(&["why", "1"])
        .expect_stdout(0, &["MATCH  acts"]);
}

#[test]
fn unmatched_events_are_archived_without_redacted_fields() {
    let sandbox = prepared("- succeed: ok");
    let daemon = DaemonProcess::start(&sandbox);
    let mut other: Value = urgent(7);
    other["input"]["ticket_event"]["type"] = "Status Changed".into();
    other["input"]["ticket_event"]["current"] = SAID.into();
    assert_eq!(
        daemon.post("/events/support", &other.to_string()).status(),
        200
    );
    daemon.stop();
    let kept = kept(&sandbox);
    assert!(!kept.contains(SAID) && kept.contains("[redacted]"));
    sandbox
        .run(&["why", "7"])
        .expect_stdout(0, &["redacted: previous, current"]);
}

/// A control for the search.
#[test]
fn without_redact_everything_is_in_the_file() {
    let sandbox = prepared("- succeed: ok");
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &subject(1, SAID).to_string());
    daemon.expect_log(|line| line["state"] == "done");
    daemon.stop();
    assert!(kept(&sandbox).contains(SAID));
}

#[test]
fn redact_in_a_rule_points_to_the_configuration() {
    let sandbox = sandbox_with_flow("- succeed: ok\nredact: [comment.body]");
    let output = sandbox.run(&["check"]);
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stdout.contains("in flowtrigger.yaml"), "{output:?}");
}
