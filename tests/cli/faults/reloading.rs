//! `reload` waits for the daemon and prints what changed, or the mistakes as `check` prints them; `status` says what waits.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::setup::{NOTE, rule, sandbox, sandbox_with_flow, urgent};

#[test]
fn a_reload_prints_what_changed() {
    let sandbox = sandbox();
    sandbox.write("rules/a.yaml", rule("a", NOTE));
    sandbox.write("rules/b.yaml", rule("b", NOTE));
    let daemon = DaemonProcess::start(&sandbox);
    let unchanged = sandbox.run(&["reload"]);
    unchanged.expect_stdout(0, &["reloaded: 2 rules, revision 1; nothing changed\n"]);
    sandbox.write("rules/a.yaml", rule("a", "- succeed: fine"));
    sandbox.write("rules/b.yaml", rule("c", NOTE));
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    let changed = sandbox.run(&["reload"]);
    changed.expect_stdout(
        0,
        &[
            "reloaded: 2 rules, revision 2; 1 rule added, 1 rule changed, 1 rule removed, configuration changed\n",
            "  added: c\n  changed: a\n  removed: b\n",
        ],
    );
    sandbox.write("rules/b.yaml", rule("b", NOTE));
    let json = sandbox.run(&["reload", "--format", "json"]);
    assert_eq!(json.code, 0, "{json:?}");
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        [&json["added"], &json["changed"], &json["removed"]],
        [&json!(["b"]), &json!([]), &json!(["c"])]
    );
    assert_eq!(
        (&json["reloaded"], &json["revision"]),
        (&json!(true), &json!(3))
    );
    assert_eq!(json["configuration_changed"], false);
    let requested = daemon.expect_message("reload requested");
    assert!(requested["by"].is_string(), "{requested}");
    daemon.stop();
}

#[test]
fn settings_that_need_a_restart_are_named_by_every_reload_until_then() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let config = "listen: { public_url: 'https://desk.example' }\nlimits: { runs: 7 }\n";
    sandbox.write("flowtrigger.yaml", config);
    for _ in 0..2 {
        let reload = sandbox.run(&["reload"]);
        let restart = "restart the daemon: changes of limits.runs, limits.per_rule, limits.per_host, listen take effect at the next start";
        reload.expect_stdout(0, &[restart]);
    }
    let logged = daemon.expect_message("changed settings take effect at the next start");
    assert_eq!(
        logged["keys"],
        "limits.runs, limits.per_rule, limits.per_host, listen"
    );
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    let back = sandbox.run(&["reload", "--format", "json"]);
    let back: Value = serde_json::from_str(&back.stdout).unwrap();
    assert_eq!(back["at_next_start"], json!([]));
    daemon.stop();
}

#[test]
fn a_reload_of_broken_rules_prints_what_check_prints() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let broken = rule("broken", NOTE).replace("when:", "wenn:");
    sandbox.write("rules/broken.yaml", &broken);
    sandbox.write("rules/worse.yaml", "name: [\n");
    let checked = sandbox.run(&["check"]);
    let (diagnostics, summary) = checked.stdout.rsplit_once("\n\n").unwrap();
    assert!(summary.starts_with("2 errors"), "{summary}");
    let reload = sandbox.run(&["reload"]);
    let expected = format!(
        "{diagnostics}\n\nnot reloaded: 2 errors; the previous rules stay in use: 1 rule, revision 1\n"
    );
    assert_eq!((reload.code, &reload.stdout), (3, &expected));
    let json = |args: &[&str]| -> Value {
        let printed = sandbox.run(args);
        assert_eq!(printed.code, 3, "{printed:?}");
        serde_json::from_str(&printed.stdout).unwrap()
    };
    let reload = json(&["reload", "--format", "json"]);
    let checked = json(&["check", "--format", "json"]);
    assert_eq!(reload["diagnostics"], checked["diagnostics"]);
    assert_eq!(
        (&reload["reloaded"], &reload["errors"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(reload["rules"], 1);
    // Asked for, so that the log has it each time.
    daemon.expect_logs(2, |line| {
        line["cause"] == "command" && line["level"] == "ERROR"
    });
    daemon.stop();
}

#[test]
fn a_reload_names_a_missing_secret() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let flow = "- http: { url: 'http://127.0.0.1:9/', headers: { X-Key: '{{ secret.PAGER }}' } }";
    sandbox.write_rules(&rule("needing", flow));
    let reload = sandbox.run(&["reload"]);
    reload.expect_stdout(
        3,
        &[
            "not reloaded: missing secrets: secret `PAGER`",
            "stay in use: 1 rule",
        ],
    );
    daemon.stop();
}

#[test]
fn without_a_daemon_there_is_nothing_to_reload() {
    let sandbox = sandbox_with_flow(NOTE);
    let reload = sandbox.run(&["reload"]);
    reload.expect_stderr(5, &["no daemon runs on the data folder `data`", "--data"]);
    assert_eq!(reload.stdout, "");
}

#[test]
fn status_says_what_waits_and_what_holds_the_permits() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let flow = format!(
        "- http: {{ url: 'http://127.0.0.1:{}/', json: {{}} }}",
        receiver.port
    );
    let sandbox = sandbox_with_flow(&flow);
    sandbox.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [127.0.0.1] }\nlimits: { runs: 2 }\n",
    );
    sandbox
        .run(&["status"])
        .expect_stdout(1, &["daemon  none runs on this data folder"]);
    let daemon = DaemonProcess::start(&sandbox);
    let status = sandbox.run(&["status"]);
    status.expect_stdout(
        0,
        &[
            "daemon   ready",
            "permits  none of 2 in use",
            "free on its disk",
        ],
    );
    for ticket in 1..=5 {
        daemon.accept("support", &urgent(ticket));
    }
    receiver.wait_for(2);
    wait_until("two runs are executed", || daemon.count("running") == 2);
    let status = sandbox.run(&["status"]);
    status.expect_stdout(
        0,
        &[
            "runs     3 queued, 2 running\n",
            "queue    rule on-urgent: 3 queued, 2 running\n",
            "permits  2 of 2 in use: rule on-urgent 2; the oldest for ",
        ],
    );
    let json = sandbox.run(&["status", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let expected = json!({
        "rules": [{"rule": "on-urgent", "unfinished": 5, "runs": {"queued": 3, "running": 2}}],
        "more_rules": 0,
    });
    assert_eq!(json["queue"], expected);
    let permits = &json["daemon"]["permits"];
    assert_eq!(permits.as_array().unwrap().len(), 1, "{permits}");
    assert_eq!(
        (&permits[0]["rule"], &permits[0]["permits"]),
        (&json!("on-urgent"), &json!(2))
    );
    assert!(json["daemon"]["uptime_seconds"].is_u64(), "{json}");
    assert!(json["store"]["free_bytes"].as_u64() > Some(0), "{json}");
    receiver.release_all();
    daemon.wait_until_idle();
    daemon.stop();
    let ended = sandbox.run(&["status"]);
    ended.expect_stdout(
        1,
        &[
            "none runs on this data folder",
            "revision 1, loaded last at 2",
            "5 done",
        ],
    );
}
