//! `pause`, `resume` and `runs cancel --rule`: with a daemon, without one, and after it was killed.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::setup::{NOTE, rule, sandbox, sandbox_with_flow, urgent};

const PAUSE: [&str; 3] = ["pause", "--rule", "on-urgent"];
const RESUME: [&str; 3] = ["resume", "--rule", "on-urgent"];

/// How many runs wait for each of what is suspended.
fn waiting(daemon: &DaemonProcess) -> Vec<(String, u64)> {
    let status = daemon.admin("GET", "/status").json();
    let suspended = status["suspended"].as_array().unwrap().iter();
    let row = |found: &Value| {
        let name = found["name"].as_str().unwrap();
        let key = format!("{} {name}", found["kind"].as_str().unwrap());
        (key, found["waiting"].as_u64().unwrap())
    };
    suspended.map(row).collect()
}

fn has_waiting(daemon: &DaemonProcess, key: &str, count: u64) -> bool {
    waiting(daemon) == [(key.to_owned(), count)]
}

#[test]
fn a_paused_rule_waits_through_a_crash_until_it_is_resumed() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let note = "the pager is replaced";
    sandbox
        .run(&[&PAUSE[..], &["--note", note]].concat())
        .expect_stdout(
            0,
            &[
                "rule `on-urgent` is paused",
                "its runs start no further step: 0 runs unfinished; attempts in progress finish",
                "events are still accepted, and start runs, which wait",
                "`flowtrigger resume --rule on-urgent` continues them in order, at most 100 a second",
            ],
        );
    for ticket in 1..4 {
        daemon.accept("support", &urgent(ticket));
    }
    wait_until("the runs wait", || {
        has_waiting(&daemon, "rule on-urgent", 3)
    });
    daemon.kill();
    let daemon = DaemonProcess::start(&sandbox);
    let warned = daemon.expect_message("paused: its runs wait");
    assert_eq!(warned["target"], "rule on-urgent", "{warned}");
    assert_eq!(warned["note"], note, "{warned}");
    let since = warned["since"].as_str().unwrap();
    assert!(!since.contains('.'), "{warned}");
    let run = daemon.accept("support", &urgent(4))["runs"][0]["id"].to_string();
    wait_until("all runs wait", || {
        has_waiting(&daemon, "rule on-urgent", 4)
    });
    assert_eq!(daemon.count("done"), 0);
    let since = "rule `on-urgent` is paused since ";
    let ends = "4 runs wait; `flowtrigger resume --rule on-urgent` ends the pause";
    sandbox
        .run(&["runs", "list"])
        .expect_stdout(0, &[since, note, ends]);
    let listed = sandbox.run(&["runs", "list", "--waiting-for", "rule:on-urgent"]);
    assert_eq!(listed.stdout.matches("retrying").count(), 4, "{listed:?}");
    sandbox
        .run(&["runs", "list", "--waiting-for", "connection:chat"])
        .expect_stdout(
            1,
            &[
                "no such run",
                "no connection is called `chat`; there are no connections",
            ],
        );
    sandbox
        .run(&["runs", "show", &run])
        .expect_stdout(0, &[since, ends]);
    sandbox
        .run(&["why", "on-urgent"])
        .expect_stdout(0, &["suspended", since, ends]);
    let why = sandbox.run(&["why", "on-urgent", "--format", "json"]);
    assert!(why.stdout.contains("\"suspended\":[{"), "{why:?}");
    sandbox.run(&["why", "4"]).expect_stdout(0, &[since]);
    sandbox.run(&["status"]).expect_stdout(
        0,
        &[
            "SUSPENDED",
            "rule `on-urgent`",
            "paused",
            "not verified: the pager is replaced",
            "`flowtrigger resume --rule on-urgent` ends the pause",
        ],
    );
    let metrics = daemon.get("/metrics").body;
    let line = "flowtrigger_paused{kind=\"rule\",name=\"on-urgent\"} 1";
    assert!(metrics.lines().any(|known| known == line), "{metrics}");
    assert_eq!(daemon.get("/readyz").status(), 200);
    sandbox.run(&PAUSE).expect_stdout(
        0,
        &[
            "rule `on-urgent` was paused already, since ",
            "nothing was changed",
        ],
    );
    sandbox
        .run(&[&PAUSE[..], &["--note", "until noon"]].concat())
        .expect_stdout(0, &["was paused already", "the note is replaced"]);
    let resumed = sandbox.run(&[&RESUME[..], &["--format", "json"]].concat());
    let resumed = resumed.json_lines().remove(0);
    assert_eq!(
        (&resumed["outcome"], &resumed["name"]),
        (&json!("resumed"), &json!("on-urgent"))
    );
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), 4);
    sandbox
        .run(&RESUME)
        .expect_stderr(1, &["rule `on-urgent` is not paused"]);
    daemon.stop();
}

#[test]
fn what_is_paused_without_a_daemon_is_paused_when_one_starts() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.run(&["pause", "--rule", "on-urgnt"]).expect_stderr(
        1,
        &["no rule called `on-urgnt` is loaded; did you mean `on-urgent`?"],
    );
    sandbox
        .run(&["pause", "--connection", "chat"])
        .expect_stderr(1, &["no connection is called `chat`"]);
    sandbox
        .run(&["pause", "--all", "--note", "upgrade"])
        .expect_stdout(
            0,
            &[
                "everything is paused",
                "no run starts a further step: 0 runs unfinished",
                "`flowtrigger resume --all` continues them in order",
            ],
        );
    let paused = sandbox.run(&["pause", "--host", "API.example.com", "--format", "json"]);
    let paused = paused.json_lines().remove(0);
    assert_eq!(
        (&paused["kind"], &paused["name"], &paused["outcome"]),
        (
            &json!("host"),
            &json!("api.example.com:443"),
            &json!("paused")
        )
    );
    sandbox
        .run(&["pause", "--host", "api.example.com"])
        .expect_stdout(
            0,
            &["warning: no step without a connection has host `api.example.com:443` in its `url`"],
        );
    assert_eq!(paused["others"][0]["pause"]["note"], "upgrade", "{paused}");
    sandbox.run(&RESUME).expect_stderr(
        1,
        &[
            "rule `on-urgent` is not paused",
            "these are paused: everything (`flowtrigger resume --all`), host `api.example.com:443`",
        ],
    );
    let daemon = DaemonProcess::start(&sandbox);
    let run = daemon.accept("support", &urgent(1))["runs"][0]["id"].to_string();
    let everything = ("everything ".to_owned(), 1);
    wait_until("the run waits", || waiting(&daemon)[0] == everything);
    assert_eq!(daemon.count("queued"), 1);
    let listed = sandbox.run(&["runs", "list", "--waiting-for", "everything"]);
    listed.expect_stdout(0, &["queued", "everything is paused since ", "1 run waits"]);
    sandbox
        .run(&["runs", "show", &run])
        .expect_stdout(0, &["everything is paused since "]);
    sandbox.run(&["resume", "--all"]).expect_stdout(
        0,
        &[
            "everything continues",
            "1 run unfinished: they continue in order within each lane, at most 100 a second",
            "host `api.example.com:443` is paused since ",
        ],
    );
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), 1);
    daemon.stop();
}

#[test]
fn a_paused_connection_gets_no_request() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    sandbox.write(
        "flowtrigger.yaml",
        format!(
            "outgoing: {{ allow: [127.0.0.1] }}\nconnections: {{ chat: {{ base_url: 'http://{}', breaker: {{ resume: 100/s }} }} }}\n",
            receiver.address
        ),
    );
    let flow = "- http: { connection: chat, path: /note }\n";
    sandbox.write_rules(&rule("on-urgent", flow));
    let daemon = DaemonProcess::start(&sandbox);
    sandbox
        .run(&["pause", "--connection", "chat"])
        .expect_stdout(
            0,
            &[
                "connection `chat` is paused",
                "runs stop before their next request through it",
                "continues them in order, at most 100 a second (`breaker.resume`)",
            ],
        );
    let host = receiver.address.to_string();
    sandbox
        .run(&["pause", "--host", &host])
        .expect_stdout(
            0,
            &[
                "warning: no step without a connection has host ",
                "these connections have the host: `chat`; `flowtrigger pause --connection chat` pauses the first",
            ],
        );
    sandbox
        .run(&["resume", "--host", &host])
        .expect_stdout(0, &["no run is waiting"]);
    daemon.accept("support", &urgent(1));
    daemon.accept("support", &urgent(2));
    wait_until("the runs wait", || {
        has_waiting(&daemon, "connection chat", 2)
    });
    sandbox
        .run(&["why", "on-urgent"])
        .expect_stdout(0, &["connection `chat` is paused since ", "2 runs wait"]);
    let metrics = daemon.get("/metrics").body;
    let open = "flowtrigger_receiver_breaker_open{receiver=\"chat\"} 0";
    assert!(metrics.lines().any(|line| line == open), "{metrics}");
    assert_eq!(receiver.count(), 0);
    sandbox
        .run(&["resume", "--connection", "chat"])
        .expect_stdout(0, &["connection `chat` continues"]);
    daemon.wait_until_idle();
    assert_eq!((receiver.count(), daemon.count("done")), (2, 2));
    daemon.stop();
}

#[test]
fn all_runs_of_a_rule_are_cancelled_after_a_question() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    assert_eq!(sandbox.run(&PAUSE).code, 0);
    for ticket in 1..4 {
        daemon.accept("support", &urgent(ticket));
    }
    wait_until("the runs wait", || {
        has_waiting(&daemon, "rule on-urgent", 3)
    });
    let cancel = ["runs", "cancel", "--rule", "on-urgent"];
    sandbox.run(&cancel).expect_stderr(
        2,
        &[
            "3 runs (3 retrying) would be cancelled, and there is no terminal to ask on; nothing was done",
            "add `--yes` to cancel them",
        ],
    );
    sandbox
        .run(&[&cancel[..], &["--dry-run"]].concat())
        .expect_stdout(0, &["3 runs to cancel; nothing was done"]);
    assert_eq!(daemon.count("retrying"), 3);
    sandbox
        .run(&[&cancel[..], &["--yes"]].concat())
        .expect_stdout(0, &["3 runs cancelled"]);
    assert_eq!(daemon.count("cancelled"), 3);
    sandbox
        .run(&["runs", "retry", "--rule", "on-urgent"])
        .expect_stderr(
            2,
            &[
                "no run is named",
                "`flowtrigger runs retry --all` with the filters",
            ],
        );
    daemon.stop();
}

#[test]
fn exactly_one_thing_is_named() {
    let sandbox = sandbox_with_flow(NOTE);
    for arguments in [
        &["pause"][..],
        &["pause", "--all", "--rule", "on-urgent"],
        &["pause", "--rule", " "],
        &["resume", "--host", "a b"],
    ] {
        assert_eq!(sandbox.run(arguments).code, 2, "{arguments:?}");
    }
    assert!(!sandbox.path("data").exists());
}
