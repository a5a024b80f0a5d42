//! Commands on a machine without a daemon read the database and act beside the daemons of other machines.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::postgres::{ServerOptions, own_server};
use flowtrigger_testing::wait::wait_until;

use super::{database, event, machine, rule};

#[test]
fn commands_work_on_a_machine_without_a_daemon() {
    let Some((_server, url)) = database() else {
        return;
    };
    let (desk, other) = (machine(&url), machine(&url));
    desk.write_rules(&rule("page", "urgent", "fail: the pager is gone"));
    let daemon = DaemonProcess::start(&desk);
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.accept("desk", &event("e2", "calm"));
    daemon.wait_until_idle();
    let flushed = daemon.admin("POST", "/flush");
    assert_eq!(flushed.status(), 200, "{flushed:?}");
    let listed = other
        .run(&["runs", "list", "--format", "json"])
        .json_lines();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        (&listed[0]["state"], &listed[0]["rule"]),
        (&"dead".into(), &"page".into())
    );
    let run = listed[0]["id"].to_string();
    other
        .run(&["why", "e1"])
        .expect_stdout(0, &["page", "dead", "the pager is gone"]);
    other.run(&["why", "e2"]).expect_stdout(0, &["calm"]);
    other
        .run(&["runs", "show", &run])
        .expect_stdout(0, &["the pager is gone"]);
    other.run(&["deliveries"]).expect_stdout(0, &["e1", "e2"]);
    // The daemon on the other machine executes what is queued here.
    let attempts = || {
        let shown = other.run(&["runs", "list", "--format", "json"]);
        let runs = shown.json_lines();
        let dead = runs.iter().filter(|run| run["state"] == "dead").count();
        (runs.len(), dead)
    };
    other
        .run(&["runs", "retry", &run])
        .expect_stdout(0, &["queued", "1 run retried"]);
    wait_until("the retried run dies", || attempts() == (1, 1));
    // Without rules of its own, the machine plans with those that the daemons have loaded.
    other
        .run(&["runs", "replay", &run])
        .expect_stdout(0, &["queued", "1 run replayed"]);
    wait_until("the replayed run dies", || attempts() == (2, 2));
    other
        .run(&["replay", "--since", "-1h", "--yes"])
        .expect_stdout(0, &["the rules that a daemon loaded last"]);
    let commands = other.run(&["runs", "show", &run, "--format", "json"]);
    assert_eq!(commands.code, 0, "{commands:?}");
    daemon.stop();
}

#[test]
fn status_shows_all_daemons_and_which_of_them_differ() {
    let Some((_server, url)) = database() else {
        return;
    };
    let (desk, twin, odd) = (machine(&url), machine(&url), machine(&url));
    desk.run(&["status"])
        .expect_stdout(1, &["none runs on this data folder", &url]);
    for same in [&desk, &twin] {
        same.write_rules(&rule("page", "urgent", "succeed: fine"));
    }
    odd.write_rules(&rule("page", "calm", "succeed: fine"));
    let daemons = [&desk, &twin, &odd].map(|sandbox| DaemonProcess::start(sandbox));
    daemons[0].accept("desk", &event("e1", "urgent"));
    daemons[0].wait_until_idle();
    let status = || {
        let status = odd.run(&["status", "--format", "json"]);
        assert_eq!(status.code, 0, "{status:?}");
        serde_json::from_str::<serde_json::Value>(&status.stdout).unwrap()
    };
    let found = status();
    assert_eq!(found["store"]["kind"], "postgres", "{found}");
    assert_eq!(found["daemons"].as_array().unwrap().len(), 3, "{found}");
    assert_eq!(found["revisions_differ"], true, "{found}");
    assert_eq!(found["runs"]["done"], 1, "{found}");
    let differs: Vec<_> = found["daemons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["differs"])
        .collect();
    assert_eq!(differs, [false, false, true], "{found}");
    let process = daemons[1].process();
    assert_eq!(found["daemons"][1]["process"], process, "{found}");
    wait_until("the addresses are known", || {
        let found = status();
        let rows = found["daemons"].as_array().unwrap();
        rows.iter().all(|row| row["address"].is_string())
    });
    odd.run(&["status"]).expect_stdout(
        0,
        &["differ in their rules or configuration: 1 of 3", "ready"],
    );
    let elsewhere = machine(&url).run(&["status"]);
    elsewhere.expect_stdout(
        0,
        &["no daemon runs on this data folder; 3 daemons use the database"],
    );
    assert!(!elsewhere.stdout.contains("none runs"), "{elsewhere:?}");
    for daemon in daemons {
        daemon.stop();
    }
    let ended = status_after(&odd);
    assert_eq!(ended["daemons"], serde_json::json!([]), "{ended}");
}

fn status_after(sandbox: &flowtrigger_testing::sandbox::Sandbox) -> serde_json::Value {
    let status = sandbox.run(&["status", "--format", "json"]);
    assert_eq!(status.code, 1, "{status:?}");
    serde_json::from_str(&status.stdout).unwrap()
}

#[test]
fn status_says_what_is_not_known_while_the_database_is_away() {
    let Some(server) = own_server(ServerOptions::default()) else {
        return;
    };
    let desk = machine(&server.database());
    desk.write_rules(&rule("page", "urgent", "succeed: fine"));
    let daemon = DaemonProcess::start(&desk);
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.wait_until_idle();
    server.stop_immediately();
    wait_until("the daemon has no lease", || {
        daemon.get("/readyz").status() == 503
    });
    let status = desk.run(&["status"]);
    status.expect_stdout(1, &["not ready: ", "see `store`", "not known"]);
    let reasons = status.stdout.matches("Connection refused").count();
    assert_eq!((reasons, &*status.stderr), (1, ""), "{status:?}");
    let json = status_after(&desk);
    assert_eq!(json["runs"], serde_json::Value::Null, "{json}");
    let daemon_error = json["daemon"]["store_error"].as_str().unwrap_or_default();
    assert!(daemon_error.contains("Connection refused"), "{json}");
    let metrics = daemon.get("/metrics");
    assert_eq!(metrics.status(), 200, "{}", metrics.body);
    assert!(metrics.body.contains("flowtrigger_last_beat_age_seconds"));
    assert!(
        !metrics.body.contains("flowtrigger_runs{"),
        "what is not known is left out: {}",
        metrics.body
    );
    server.start();
    // No event arrives.
    wait_until("the daemon is ready", || {
        daemon.get("/readyz").status() == 200
    });
    desk.run(&["status"])
        .expect_stdout(0, &["ready; process", "1 done"]);
    daemon.stop();
}

#[test]
fn the_metrics_show_what_the_database_uses() {
    let Some((_server, url)) = database() else {
        return;
    };
    let desk = machine(&url);
    desk.write_rules(&rule("page", "urgent", "succeed: fine"));
    let daemon = DaemonProcess::start(&desk);
    let has = |line: &str| {
        let metrics = daemon.get("/metrics").body;
        metrics.lines().any(|found| found.starts_with(line))
    };
    wait_until("the daemon has beaten", || has("flowtrigger_daemons 1"));
    for line in [
        "flowtrigger_database_oldest_snapshot_age_seconds 0",
        "flowtrigger_database_dead_rows 0",
        "flowtrigger_database_size_bytes ",
    ] {
        assert!(has(line), "{line}");
    }
    daemon.stop();
}

#[test]
fn status_of_a_folder_names_its_file() {
    let folder = flowtrigger_testing::sandbox::Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    folder.write("flowtrigger.yaml", super::SOURCES);
    folder.write_rules(&rule("page", "urgent", "succeed: fine"));
    let daemon = DaemonProcess::start(&folder);
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.wait_until_idle();
    folder.run(&["status"]).expect_stdout(
        0,
        &[
            "ready; process",
            "folder data/flowtrigger.db",
            "1 rule",
            "1 done",
        ],
    );
    let status = folder.run(&["status", "--format", "json"]);
    assert!(status.stdout.contains("\"kind\": \"folder\""), "{status:?}");
    daemon.stop();
}
