//! An interrupted replay continues where it stopped, and no event of it runs twice, whatever was killed.

use std::process::{Child, Stdio};
use std::time::Duration;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::{Output, finish};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};

use super::{corrected, keys, reload, rule, sandbox, tell, tickets, urgent};

/// Not at the default rate: a later command keeps it.
const SLOWLY: [&str; 6] = ["replay", "--since", "-1h", "--yes", "--rate", "9/s"];
const TICKETS: u64 = 12;

fn spawn(sandbox: &Sandbox) -> Child {
    sandbox.command(&SLOWLY).spawn().expect("it starts")
}

/// The id in ``…`flowtrigger replay --resume ID` …``.
fn id(output: &Output) -> String {
    let (_, rest) = output.stderr.split_once("--resume ").expect("an id");
    rest.split('`').next().unwrap_or_default().to_owned()
}

#[test]
fn the_same_command_continues_after_the_client_was_killed() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    let daemon = corrected(&sandbox, TICKETS, &tell(&receiver));
    let mut client = spawn(&sandbox);
    receiver.wait_for(4);
    client.kill().unwrap();
    client.wait().unwrap();
    // It is not in the replay: received after its beginning.
    daemon.accept("support", &urgent(99));
    daemon.wait_until_idle();
    let before = receiver.count();
    assert!(before < TICKETS as usize, "it was killed too late");
    let refused = sandbox.run(&SLOWLY[..3]);
    refused.expect_stdout(
        2,
        &["continues replay r", "of 12 events were read", "at 9/s"],
    );
    let output = sandbox.run(&SLOWLY);
    output.expect_stdout(0, &["continues replay r", "12 runs replayed"]);
    daemon.wait_until_idle();
    let received = receiver.received();
    assert_eq!(
        received.len(),
        TICKETS as usize + 1,
        "{:?}",
        tickets(&received)
    );
    assert_eq!(keys(&received).len(), received.len());
    // It has ended: the same command begins another one.
    sandbox
        .run(&SLOWLY)
        .expect_stdout(1, &["13 runs: the earlier run is done"]);
    daemon.stop();
}

#[test]
fn a_replay_continues_after_the_daemon_was_killed() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    let daemon = corrected(&sandbox, TICKETS, &tell(&receiver));
    let client = spawn(&sandbox);
    receiver.wait_for(4);
    daemon.kill();
    let stopped = Output::new(finish(client));
    stopped.expect_stderr(
        5,
        &[
            "the daemon ended before it answered",
            "stopped after",
            "--resume r",
            "no event is replayed twice",
        ],
    );
    let daemon = DaemonProcess::start(&sandbox);
    let resumed = sandbox.run(&["replay", "--resume", &id(&stopped), "--yes"]);
    resumed.expect_stdout(0, &["continues replay", "replayed"]);
    daemon.wait_until_idle();
    // A request in flight is sent again under its key.
    assert_eq!(keys(&receiver.received()).len(), TICKETS as usize);
    let list = [
        "runs",
        "list",
        "--format",
        "json",
        "--replay",
        &id(&stopped),
    ];
    assert_eq!(sandbox.run(&list).json_lines().len(), TICKETS as usize);
    let runs = sandbox
        .run(&["runs", "list", "--format", "json"])
        .json_lines();
    assert_eq!(runs.len(), TICKETS as usize);
    let unknown = sandbox.run(&["replay", "--resume", &id(&stopped), "--yes"]);
    unknown.expect_stderr(1, &["there is no unfinished replay r", "--since TIME"]);
    daemon.stop();
}

#[test]
fn a_signal_stops_between_two_events_and_other_rules_are_shown_first() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    let flow = tell(&receiver);
    let daemon = corrected(&sandbox, TICKETS, &flow);
    let client = spawn(&sandbox);
    receiver.wait_for(2);
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let stopped = Output::new(finish(client));
    stopped.expect_stderr(5, &["interrupted: replay r", "of 12 events", "--resume r"]);
    let client = spawn(&sandbox);
    receiver.wait_for(4);
    let other = rule("urgent", &flow).replace("ticket {{", "again {{");
    reload(&daemon, &sandbox, &other, 2);
    let stopped = Output::new(finish(client));
    stopped.expect_stderr(5, &["the daemon has loaded other rules since the summary"]);
    let resume = ["replay", "--resume", &id(&stopped)];
    let shown = sandbox.run(&resume);
    shown.expect_stdout(2, &["{\"id\":\"again "]);
    let output = sandbox.run(&[&resume[..], &["--yes"]].concat());
    output.expect_stdout(0, &["runs replayed"]);
    daemon.wait_until_idle();
    let received = receiver.received();
    assert_eq!(
        (received.len(), keys(&received).len()),
        (12, 12),
        "{:?}",
        tickets(&received)
    );
    daemon.stop();
}

#[test]
fn a_signal_before_anything_was_started_says_so() {
    let sandbox = sandbox();
    sandbox.write_rules(&rule("normal", "- wait: 1h\n"));
    let daemon = DaemonProcess::start(&sandbox);
    // So many that the summary takes a while.
    let events: Vec<_> = (1..=4_000).map(urgent).collect();
    for array in events.chunks(500) {
        let body = serde_json::to_string(array).unwrap();
        assert_eq!(daemon.post("/events/support", &body).status(), 200);
    }
    daemon.stop();
    sandbox.write_rules(&rule("urgent", "- wait: 1h\n"));
    let mut command = sandbox.command(&["replay", "--since", "-1h", "--yes"]);
    let client = command.stdin(Stdio::null()).spawn().unwrap();
    let process = format!("(process {})", client.id());
    let lock = sandbox.path("data/replays/lock");
    while !std::fs::read_to_string(&lock).is_ok_and(|holder| holder.contains(&process)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let stopped = Output::new(finish(client));
    stopped.expect_stderr(5, &["error: interrupted: nothing was started"]);
    assert_eq!(stopped.stdout, "");
    let list = sandbox.run(&["runs", "list"]);
    list.expect_stdout(1, &["no runs are stored"]);
}

#[test]
fn without_a_daemon_runs_are_planned_in_order_for_the_next_one() {
    let receiver = Receiver::ok();
    let sandbox = sandbox();
    sandbox.write_rules(&rule("normal", &tell(&receiver)));
    let daemon = DaemonProcess::start(&sandbox);
    // More than a page, all received at the same time.
    let events: Vec<_> = (1..=1_001).map(urgent).collect();
    for array in events.chunks(501) {
        let body = serde_json::to_string(array).unwrap();
        assert_eq!(daemon.post("/events/support", &body).status(), 200);
    }
    daemon.stop();
    let slow_rule = rule("urgent", "- wait: 1h\n");
    sandbox.write_rules(&slow_rule);
    let mut command = sandbox.command(&["replay", "--since", "-1h", "--yes"]);
    let output = Output::new(finish(command.stdin(Stdio::null()).spawn().unwrap()));
    output.expect_stdout(
        0,
        &[
            "1,001 events, received",
            "no daemon runs: the runs are planned at once, without a rate, and the next start executes them",
            "1,001 runs replayed",
        ],
    );
    let list = ["runs", "list", "--limit", "2000", "--format", "json"];
    let runs = sandbox.run(&list).json_lines();
    let planned: Vec<u64> = runs
        .iter()
        .rev()
        .map(|run| run["event"]["key"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(planned, (1..=1_001).collect::<Vec<u64>>());
}
