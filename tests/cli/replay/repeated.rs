//! What was brought back already is not sent again, and says so.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;

use super::{rule, sandbox, tell, urgent};

/// Run 1 is dead, and a replay has done its work as run 2.
fn replayed(receiver: &Receiver, sandbox: &Sandbox) -> DaemonProcess {
    receiver.next_statuses(&[500]);
    sandbox.write_rules(&rule("urgent", &tell(receiver)));
    let daemon = DaemonProcess::start(sandbox);
    daemon.accept("support", &urgent(1));
    daemon.wait_until_idle();
    let output = sandbox.run(&["replay", "--since", "-1h", "--yes"]);
    output.expect_stdout(0, &["1 run replayed"]);
    daemon.wait_until_idle();
    daemon
}

#[test]
fn a_dead_run_whose_replay_is_done_is_not_replayed_again() {
    let (receiver, sandbox) = (Receiver::ok(), sandbox());
    let daemon = replayed(&receiver, &sandbox);
    let again = ["runs", "replay", "--all", "--state", "dead", "--yes"];
    for _ in 0..2 {
        let output = sandbox.run(&again);
        output.expect_stdout(
            1,
            &["1 run: the earlier run is done; `--include-done` adds it; 1 page"],
        );
    }
    assert_eq!(receiver.count(), 2);
    let output = sandbox.run(&[&again[..], &["--include-done"]].concat());
    output.expect_stdout(0, &["1 run replayed"]);
    daemon.wait_until_idle();
    assert_eq!(receiver.count(), 3);
    daemon.stop();
}

#[test]
fn a_dead_run_says_that_it_was_replayed_and_is_not_retried_by_all() {
    let (receiver, sandbox) = (Receiver::ok(), sandbox());
    let daemon = replayed(&receiver, &sandbox);
    let list = ["runs", "list", "--state", "dead"];
    sandbox
        .run(&list)
        .expect_stdout(0, &["replayed as run 2, done"]);
    let shown = sandbox.run(&["runs", "show", "1"]);
    shown.expect_stdout(0, &["next  nothing: replayed as run 2, done"]);
    assert!(!shown.stdout.contains("runs retry 1"), "{shown:?}");
    sandbox.run(&["why", "1"]).expect_stdout(
        0,
        &[
            "run  1 dead after 1 attempt, ",
            ": replayed as run 2, done; ",
        ],
    );
    let why = sandbox.run(&["why", "1", "--format", "json"]).json_lines();
    assert_eq!(
        (
            &why[0]["rules"][0]["runs"][0]["replayed_as"]["run"],
            &why[0]["rules"][0]["runs"][1]["replayed_as"]
        ),
        (&2.into(), &serde_json::Value::Null)
    );
    for command in [&list[..], &["runs", "show", "1"]] {
        let lines = sandbox.run(&[command, &["--format", "json"]].concat());
        let replayed_as = &lines.json_lines()[0]["replayed_as"];
        assert_eq!(replayed_as["run"], 2);
        assert_eq!(replayed_as["state"], "done");
    }
    let retried = sandbox.run(&["runs", "retry", "--all", "--state", "dead"]);
    retried.expect_stdout(1, &["no such run to retry"]);
    retried.expect_stderr(
        1,
        &["left out 1 replayed run: run 1 was replayed as run 2, done"],
    );
    let typo = sandbox.run(&["runs", "retry", "--all", "--rule", "pag"]);
    typo.expect_stdout(1, &["did you mean `--rule page`?"]);
    assert_eq!(receiver.count(), 2);
    let named = sandbox.run(&["runs", "retry", "1"]);
    named.expect_stderr(0, &["run 1 was replayed as run 2, done: the retry sends"]);
    named.expect_stdout(0, &["1 run retried"]);
    daemon.wait_until_idle();
    assert_eq!(receiver.count(), 3);
    daemon.stop();
}

#[test]
fn a_selection_of_nothing_says_what_is_wrong_and_files_that_are_not_loaded_are_named() {
    let (receiver, sandbox) = (Receiver::ok(), sandbox());
    let daemon = replayed(&receiver, &sandbox);
    for (arguments, code, text) in [
        (&["--since", "2099-01-01"][..], 2, "is not before now"),
        (
            &["--since", "-1h", "--until", "-2h"],
            2,
            "not before `--until`",
        ),
        (
            &["--since", "-1h", "--endpoint", "suport"],
            1,
            "no event at entry `suport` (did you mean `support`?) is stored",
        ),
        (
            &["--ticket", "99999"],
            1,
            "no event for ticket 99999 is stored",
        ),
    ] {
        let output = sandbox.run(&[&["replay"], arguments].concat());
        output.expect_stderr(code, &[text]);
    }
    sandbox.write_rules(&rule("normal", &tell(&receiver)));
    let output = sandbox.run(&["replay", "--since", "-1h", "--dry-run"]);
    output.expect_stderr(1, &["the rule files differ", "SIGHUP"]);
    daemon.stop();
}
