//! Commands of a daemon that is killed: orphaned ones are killed before the next start, and their runs continue
//! as the rule says. Runs that were active together are not held for repeated kills.

use flowtrigger_core::run::RunState;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;

use super::desk::{event, request_rule, runs_of, sandbox};

/// A command that creates a file when it starts, waits for another file, and writes a line.
const WAITS: &str = "\
echo $$ > \"$1.pid\"
touch \"$1.began\"
until [ -e \"$1.go\" ]; do sleep 0.02; done
echo \"$FLOWTRIGGER_IDEMPOTENCY_KEY\" >> \"$1.lines\"
";

fn command(sandbox: &Sandbox, on_crash: &str) -> String {
    let folder = sandbox.path("").display().to_string();
    format!(
        "name: {on_crash}\nevent_source: desk\nevent_type: {on_crash}\nflow:\n- name: waits\n  exec: [/bin/sh, {folder}/waits.sh, {folder}/{on_crash}]\n  timeout: 100s\n  on_crash: {on_crash}\n"
    )
}

fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
    let stat = stat.unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[test]
fn an_orphaned_command_is_killed_before_it_writes() {
    let sandbox = sandbox("");
    sandbox.write("waits.sh", WAITS);
    sandbox.write_rules(&[command(&sandbox, "rerun"), command(&sandbox, "hold")].join("---\n"));
    let first = DaemonProcess::start(&sandbox);
    let rules = ["rerun", "hold"];
    for rule in rules {
        first.accept("desk", &event(rule, 1, rule));
        sandbox.wait_for_file(&format!("{rule}.began"));
    }
    first.kill();
    let left = rules.map(|rule| sandbox.read(&format!("{rule}.pid")));
    for process in &left {
        assert!(is_alive(process), "nothing outlived the daemon");
    }
    let second = DaemonProcess::start(&sandbox);
    for process in &left {
        assert!(!is_alive(process), "`{process}` lives: {}", second.log());
    }
    for rule in rules {
        // A command that is still alive would write now.
        sandbox.write(&format!("{rule}.go"), "");
    }
    second.wait_until_idle();
    second.stop();
    let store = sandbox.store();
    let run = |rule: &str| runs_of(&store, rule).remove(0);
    assert_eq!(run("rerun").state, RunState::Done);
    assert_eq!(sandbox.read("rerun.lines").lines().count(), 1);
    assert_eq!(run("hold").state.as_str(), "held");
    assert_eq!(sandbox.read("hold.lines"), "");
}

#[test]
fn a_held_command_is_retried_on_request_with_the_same_key() {
    let sandbox = sandbox("");
    sandbox.write("waits.sh", WAITS);
    sandbox.write_rules(&command(&sandbox, "hold"));
    sandbox.write("hold.go", "");
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &event("a", 1, "hold"));
    first.wait_until_idle();
    std::fs::remove_file(sandbox.path("hold.go")).unwrap();
    std::fs::remove_file(sandbox.path("hold.began")).unwrap();
    let run = first.accept("desk", &event("b", 1, "hold"))["runs"][0]["id"].clone();
    sandbox.wait_for_file("hold.began");
    first.kill();
    let second = DaemonProcess::start(&sandbox);
    second.wait_until_idle();
    assert_eq!((second.count("held"), second.count("done")), (1, 1));
    sandbox.write("hold.go", "");
    let retried = second.admin("POST", &format!("/runs/{run}/retry"));
    assert_eq!(retried.status(), 200, "{retried:?}");
    second.wait_until_idle();
    assert_eq!((second.count("held"), second.count("done")), (0, 2));
    let lines = sandbox.read("hold.lines");
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines.len() == 2 && lines[0] != lines[1], "{lines:?}");
    second.stop();
}

#[test]
fn runs_that_were_active_together_are_not_held_after_three_kills() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, ""));
    let first = DaemonProcess::start(&sandbox);
    for ticket in 1..=5 {
        first.accept("desk", &event(&format!("e{ticket}"), ticket, "made"));
    }
    // All at the same time at first, one at a time after a kill.
    receiver.wait_for(5);
    first.kill();
    for came in [6, 7] {
        let daemon = DaemonProcess::start(&sandbox);
        receiver.wait_for(came);
        daemon.kill();
    }
    let last = DaemonProcess::start(&sandbox);
    receiver.wait_for(8);
    assert_eq!(last.count("held"), 0, "{}", last.log());
    receiver.release_all();
    last.wait_until_idle();
    assert_eq!(last.count("done"), 5);
    last.stop();
    let mut keys: Vec<String> = receiver.received().into_iter().map(|got| got.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn suspect_runs_execute_one_at_a_time() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, ""));
    let first = DaemonProcess::start(&sandbox);
    for ticket in 1..=4 {
        first.accept("desk", &event(&format!("e{ticket}"), ticket, "made"));
    }
    receiver.wait_for(4);
    first.kill();
    let second = DaemonProcess::start(&sandbox);
    // One of the suspects, and no other run.
    second.accept("desk", &event("new", 9, "made"));
    receiver.wait_for(5);
    wait_until("one is at work", || second.count("running") == 1);
    assert_eq!(second.count("queued"), 4);
    assert_eq!(receiver.count(), 5);
    receiver.release_all();
    second.wait_until_idle();
    let ids: Vec<String> = receiver.received()[4..]
        .iter()
        .map(|got| got.id().into())
        .collect();
    assert_eq!(ids, ["e1", "e2", "e3", "e4", "new"]);
    second.stop();
}

#[test]
fn an_event_that_kills_the_daemon_is_held_and_others_continue() {
    let receiver = Receiver::ok();
    let poison = "name: poison\nevent_source: desk\nevent_type: poison\nflow:\n- name: kill\n  exec: [sh, -c, 'kill -9 $PPID']\n  on_crash: rerun\n";
    let rules = [
        poison.to_owned(),
        request_rule("tell", "a", receiver.port, ""),
    ];
    let sandbox = sandbox(&rules.join("---\n"));
    let mut daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("good", 1, "a"));
    receiver.wait_for(1);
    daemon.wait_until_idle();
    // The response may be lost with the daemon; the event is on disk before its run starts.
    let mut connection = Connection::open(&daemon.address).unwrap();
    let bad = event("bad", 2, "poison").to_string();
    drop(connection.send("POST", "/events/desk", &bad));
    for life in 1..=3 {
        assert_eq!(daemon.wait_for_exit(), None, "life {life}");
        daemon = DaemonProcess::spawn(&sandbox);
    }
    assert!(daemon.wait_until_listening(), "{}", daemon.log());
    assert_eq!((daemon.count("held"), daemon.count("done")), (1, 1));
    daemon.expect_message(
        "the program was killed three times while only this run was executing; it is held",
    );
    daemon.accept("desk", &event("another", 2, "a"));
    receiver.wait_for(2);
    daemon.stop();
}
