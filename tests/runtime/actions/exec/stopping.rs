//! Commands that do not end, and the processes they leave: they are stopped or killed, which is checked by
//! process id.

use std::time::Duration;

use flowtrigger_core::flow::call::Call;
use rustix::process::{Pid, Signal, test_kill_process};

use super::shell;
use crate::actions::{KEY, exec, failed, perform_exec, performer, succeeded, with};

/// Waits until the process has ended.
async fn assert_dead(pid: &str) {
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    for _ in 0..3000 {
        let zombie = std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "));
        if zombie || test_kill_process(pid).is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {pid:?} still runs");
}

#[tokio::test]
async fn a_timeout_kills_the_command_and_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; (trap '' TERM; sleep 600) & echo $! > grandchild; echo $$ > leader; \
                  echo 'still here' >&2; while :; do sleep 600; done";
    let mut call = shell(script);
    call.cwd = folder.path().display().to_string();
    // Its first line shows that its trap is set.
    call.timeout = Duration::from_millis(200);
    let performer = with(|options| options.grace = Duration::from_millis(100));
    let mut message = String::new();
    while !message.contains("still here") {
        message = failed(perform_exec(&performer, call.clone()).await).message;
        call.timeout *= 2;
    }
    assert!(
        message.contains(
            "and was killed, because it ignored SIGTERM: still here; find out what it waits for"
        ),
        "{message}"
    );
    for name in ["grandchild", "leader"] {
        assert_dead(&std::fs::read_to_string(folder.path().join(name)).unwrap()).await;
    }
}

#[tokio::test]
async fn a_command_that_ends_on_sigterm_is_not_killed() {
    let mut call = exec(&["sleep", "600"]);
    call.timeout = Duration::from_millis(50);
    let failure = failed(perform_exec(&performer(), call).await);
    assert_eq!(
        failure.message,
        "the command `sleep` did not end within 50ms and was stopped, with nothing on standard \
         error; find out what it waits for, or raise the step's `timeout`"
    );
    assert!(failure.retryable);
}

#[tokio::test]
async fn background_processes_are_killed_and_do_not_block() {
    let value = succeeded(perform_exec(&performer(), shell("sleep 600 & echo $!")).await);
    assert_dead(value["stdout"].as_str().unwrap()).await;
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_block() {
    let value =
        succeeded(perform_exec(&performer(), shell("setsid sleep 600 & echo $!; sleep 0.2")).await);
    let pid = value["stdout"].as_str().unwrap().trim().parse().unwrap();
    // The test must kill it: it left the group.
    let _ = rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

#[tokio::test]
async fn a_dropped_call_kills_its_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut call =
        shell("sleep 600 & echo $! > grandchild.new; mv grandchild.new grandchild; wait");
    call.cwd = folder.path().display().to_string();
    let performer = performer();
    let running = tokio::spawn(async move { performer.perform(&Call::Exec(call), KEY).await });
    let pid = loop {
        match std::fs::read_to_string(folder.path().join("grandchild")) {
            Ok(pid) => break pid,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_dead(&pid).await;
}
