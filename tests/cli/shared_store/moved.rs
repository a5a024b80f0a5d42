//! A folder that was moved: daemons on the database continue its runs and recognise its events.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::Value;

use super::{SOURCES, database, event, machine, rule};

#[test]
fn daemons_continue_the_runs_of_a_moved_folder() {
    let Some((_server, url)) = database() else {
        return;
    };
    let old = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    old.write("flowtrigger.yaml", SOURCES);
    old.write_rules(&rule("page", "urgent", "succeed: fine"));
    let daemon = DaemonProcess::start(&old);
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.accept("desk", &event("e2", "urgent"));
    daemon.accept("desk", &event("e3", "calm"));
    daemon.wait_until_idle();
    old.run(&["move", "--to", &url])
        .expect_stderr(5, &["uses it", "stop that one"]);
    daemon.stop();
    // Planned without a daemon, so that it waits.
    old.run(&["runs", "replay", "1"])
        .expect_stdout(0, &["queued"]);
    let moved = old.run(&["move", "--to", &url, "--history", "--format", "json"]);
    let moved: Value = serde_json::from_str(&moved.stdout).unwrap();
    assert_eq!(
        (&moved["rows"]["runs"], &moved["rows"]["events"]),
        (&3.into(), &3.into())
    );
    old.run(&["runs", "list"])
        .expect_stderr(5, &["was moved to Postgres"]);
    old.run_daemon()
        .expect_stderr(5, &["was moved to Postgres"]);
    let new = machine(&url);
    new.write_rules(&rule("page", "urgent", "succeed: fine"));
    let daemon = DaemonProcess::start(&new);
    let runs = || {
        let listed = new.run(&["runs", "list", "--format", "json"]).json_lines();
        let states = listed
            .iter()
            .map(|run| (run["id"].as_u64().unwrap(), run["state"].clone()));
        states.collect::<Vec<_>>()
    };
    wait_until("the moved run is done", || {
        runs().iter().all(|(_, state)| state == "done")
    });
    assert_eq!(runs().len(), 3);
    let again = daemon.accept("desk", &event("e1", "urgent"));
    assert_eq!(again["runs"][0]["id"], 1, "{again}");
    let fresh = daemon.accept("desk", &event("e4", "urgent"));
    assert!(fresh["runs"][0]["id"].as_u64().unwrap() > 3, "{fresh}");
    daemon.wait_until_idle();
    new.run(&["why", "e3"]).expect_stdout(0, &["calm"]);
    let into_used = old.run(&["move", "--to", &url, "--history"]);
    into_used.expect_stderr(5, &["uses the database", "stop all daemons"]);
    daemon.stop();
    old.run(&["move", "--to", &url, "--history"])
        .expect_stdout(0, &["an earlier command has moved everything"]);
}
