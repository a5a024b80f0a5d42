//! The daemon's data folder: one daemon at a time, commands over its socket, and what a killed daemon left.

use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::program::has_ended;
use flowtrigger_testing::wait::{TIMEOUT, wait_until};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use serde_json::Value;

use super::setup::{NOTE, sandbox_with_flow, subject, urgent};

#[test]
fn a_second_daemon_names_the_owner_of_the_folder() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let first = sandbox.read("data/lock");
    let process = first.lines().next().unwrap();
    let second = sandbox.run(&["daemon", "--listen", "127.0.0.1:0"]);
    second.expect_stderr(
        5,
        &[&format!("a daemon (process {process}, since 20"), "--data"],
    );
    assert_eq!(sandbox.read("data/lock"), first);
    drop(daemon);
    let mut third = DaemonProcess::start(&sandbox);
    third.signal(Signal::TERM);
    assert_eq!(third.wait_for_exit(), Some(0));
}

#[test]
fn commands_are_accepted_over_the_admin_socket_only() {
    let sandbox = sandbox_with_flow(NOTE);
    let killed = DaemonProcess::start(&sandbox);
    drop(killed);
    assert!(
        sandbox.path("data/flowtrigger.sock").exists(),
        "left behind"
    );
    let mut daemon = DaemonProcess::start(&sandbox);
    let path = sandbox.path("data/flowtrigger.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let head = b"GET /status HTTP/1.1\r\nhost: f\r\nconnection: close\r\n\r\n";
    stream.write_all(head).unwrap();
    let mut output = String::new();
    stream.read_to_string(&mut output).unwrap();
    let (_, body) = output.split_once("\r\n\r\n").unwrap();
    let told: Value = serde_json::from_str(body).unwrap();
    let process = sandbox.read("data/lock");
    assert_eq!(told["pid"].to_string(), process.lines().next().unwrap());
    assert_eq!(daemon.get("/status").status(), 404);
    assert_eq!(daemon.get("/metrics").status(), 200);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    assert!(!path.exists());
}

/// A command that starts a child process.
const LONG: &str = "- name: long\n  shell: |\n    sleep 50 &\n    echo $! > child\n    echo $$ > pid\n    touch began\n    wait\n  timeout: 50s\n";

#[test]
fn a_command_that_outlived_its_daemon_is_killed_before_the_next_starts() {
    let sandbox = sandbox_with_flow(LONG);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &urgent(1).to_string());
    sandbox.wait_for_file("rules/began");
    let id = |name: &str| sandbox.read(name).trim().parse::<u32>().unwrap();
    let (command, child) = (id("rules/pid"), id("rules/child"));
    drop(daemon);
    let group = Pid::from_raw(command.try_into().unwrap()).unwrap();
    assert!(test_kill_process(group).is_ok(), "nothing outlived it");
    let mut next = DaemonProcess::start(&sandbox);
    let gone = has_ended(command) && has_ended(child);
    let _ = kill_process_group(group, Signal::KILL);
    assert!(gone, "it goes on beside the next daemon");
    assert!(next.log().contains("killed a command"), "{}", next.log());
    let left = std::fs::read_dir(sandbox.path("data/processes")).unwrap();
    assert_eq!(left.count(), 0);
    next.signal(Signal::TERM);
    assert_eq!(next.wait_for_exit(), Some(0));
}

#[test]
fn a_copy_of_a_data_folder_leaves_the_commands_of_the_original_alone() {
    let sandbox = sandbox_with_flow(LONG);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &urgent(1).to_string());
    sandbox.wait_for_file("rules/began");
    std::fs::create_dir_all(sandbox.path("copy/processes")).unwrap();
    for record in std::fs::read_dir(sandbox.path("data/processes")).unwrap() {
        let record = record.unwrap();
        let to = sandbox.path("copy/processes").join(record.file_name());
        std::fs::copy(record.path(), to).unwrap();
    }
    let beside = ["--listen", "127.0.0.1:0", "--data", "copy"];
    let other = DaemonProcess::start_with(&sandbox, &beside);
    let command = sandbox.read("rules/pid").trim().parse().unwrap();
    let alive = test_kill_process(Pid::from_raw(command).unwrap()).is_ok();
    assert!(alive, "{}", other.log());
    let left = std::fs::read_dir(sandbox.path("copy/processes")).unwrap();
    assert_eq!(left.count(), 0);
    other.stop();
    assert_eq!(daemon.count("running"), 1);
}

#[test]
fn a_deleted_lock_file_admits_no_second_daemon() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    std::fs::remove_file(sandbox.path("data/lock")).unwrap();
    let second = sandbox.run_daemon();
    second.expect_stderr(5, &["another daemon uses it", "--data"]);
    daemon.stop();
}

#[test]
fn a_deleted_database_is_not_written_to() {
    for files in [
        &["flowtrigger.db", "flowtrigger.db-wal", "flowtrigger.db-shm"][..],
        &["flowtrigger.db-wal"],
        &["flowtrigger.db"],
    ] {
        let sandbox = sandbox_with_flow(NOTE);
        let mut daemon = DaemonProcess::start(&sandbox);
        assert_eq!(
            daemon
                .post("/events/support", &urgent(1).to_string())
                .status(),
            200
        );
        daemon.wait_until_idle();
        for file in files {
            std::fs::remove_file(sandbox.path("data").join(file)).unwrap();
        }
        let mut connection = Connection::open(&daemon.address).unwrap();
        let event = urgent(2).to_string();
        let answer = connection.send("POST", "/events/support", &event);
        let accepted = answer.is_ok_and(|answer| answer.status() == 200);
        assert!(!accepted, "{files:?}");
        assert_eq!(daemon.wait_for_exit(), Some(5), "{}", daemon.log());
        daemon.expect_message("the database was deleted, moved or replaced");
    }
}

#[test]
fn a_log_without_its_database_is_kept_and_used_when_the_file_is_back() {
    let sandbox = sandbox_with_flow(NOTE);
    let mut daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(1));
    daemon.wait_until_idle();
    let (database, elsewhere) = (sandbox.database(), sandbox.path("elsewhere.db"));
    std::fs::rename(&database, &elsewhere).unwrap();
    assert_eq!(daemon.wait_for_exit(), Some(5), "{}", daemon.log());
    let log = std::fs::read(sandbox.path("data/flowtrigger.db-wal")).unwrap();
    assert!(!log.is_empty());
    let parts = &[
        "flowtrigger.db` does not exist or is empty",
        "flowtrigger.db-wal` has events that were accepted",
        "put the file back beside the log",
    ];
    for command in [
        &["daemon", "--listen", "127.0.0.1:0"][..],
        &["runs", "list"],
        &["backup", "copy.db"],
        &["restore", "--in-place"],
    ] {
        sandbox.run(command).expect_stderr(5, parts);
        assert!(!database.exists(), "{command:?}");
    }
    // SQLite deletes the log of an empty file too.
    std::fs::write(&database, "").unwrap();
    sandbox
        .run(&["daemon", "--listen", "127.0.0.1:0"])
        .expect_stderr(5, parts);
    let kept = std::fs::read(sandbox.path("data/flowtrigger.db-wal")).unwrap();
    assert!(kept == log);
    std::fs::rename(&elsewhere, &database).unwrap();
    sandbox
        .run(&["runs", "list"])
        .expect_stdout(0, &["done", "on-urgent"]);
}

#[test]
fn a_database_that_is_deleted_under_an_idle_daemon_ends_it() {
    let sandbox = sandbox_with_flow(NOTE);
    let mut daemon = DaemonProcess::start(&sandbox);
    std::fs::rename(sandbox.path("data"), sandbox.path("elsewhere")).unwrap();
    assert_eq!(daemon.wait_for_exit(), Some(5), "{}", daemon.log());
}

#[test]
fn the_log_has_the_version_of_the_program_and_the_upgrade_of_a_database() {
    let sandbox = sandbox_with_flow(NOTE);
    let old = sandbox.path("old.db");
    let connection = rusqlite::Connection::open(&old).unwrap();
    let first = include_str!("../../../src/store/sqlite/migrations/0001_start.sql");
    connection.execute_batch(first).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let newest = flowtrigger::store::sqlite::VERSION;
    // A restore without `--resume` opens the file, and so upgrades it.
    for (arguments, version) in [
        (&["restore", "old.db", "--data", "held"][..], newest),
        (&["restore", "old.db", "--resume"], 1),
    ] {
        let restored = sandbox.run(arguments);
        let lines = restored.stdout.lines();
        let line = lines
            .map(str::trim)
            .find(|line| line.starts_with("schema version"));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" {version}"))),
            "{restored:?}"
        );
    }
    let daemon = DaemonProcess::start(&sandbox);
    let upgraded = daemon.expect_message("database upgraded");
    assert_eq!(
        (&upgraded["from"], &upgraded["to"]),
        (&1.into(), &newest.into())
    );
    let listening = daemon.expect_message("listening");
    assert_eq!(listening["version"], env!("CARGO_PKG_VERSION"));
}

/// Overwrites the first page of a table.
fn damage(database: &std::path::Path, table: &str) {
    let connection = rusqlite::Connection::open(database).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: i64 = connection
        .query_row(sql, [table], |row| row.get(0))
        .unwrap();
    let size: i64 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .unwrap();
    drop(connection);
    let file = std::fs::OpenOptions::new().write(true).open(database);
    let at = u64::try_from((root - 1) * size).unwrap();
    file.unwrap().write_all_at(&[0xab; 512], at).unwrap();
}

#[test]
fn damage_found_in_use_ends_the_daemon_and_the_file_is_set_aside() {
    let sandbox = sandbox_with_flow(NOTE);
    let mut daemon = DaemonProcess::start(&sandbox);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    let database = sandbox.path("data/flowtrigger.db");
    damage(&database, "events");
    let mut daemon = DaemonProcess::start(&sandbox);
    let event = urgent(1).to_string();
    let mut stream = std::net::TcpStream::connect(&daemon.address).unwrap();
    write!(
        stream,
        "POST /events/support HTTP/1.1\r\nhost: f\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{event}",
        event.len()
    )
    .unwrap();
    assert_eq!(daemon.wait_for_exit(), Some(5));
    assert!(
        daemon.log().contains("the database is damaged"),
        "{}",
        daemon.log()
    );
    let refused = sandbox.run(&["daemon", "--listen", "127.0.0.1:0"]);
    refused.expect_stderr(5, &["set aside", "flowtrigger.db.damaged-1"]);
    let mut fresh = DaemonProcess::start(&sandbox);
    assert_eq!(fresh.post("/events/support", &event).status(), 200);
    // Each start says so, until the file is moved away.
    fresh.expect_message("a damaged database was set aside, and this one began empty");
    let status = || sandbox.run(&["status"]);
    let aside = sandbox.path("data/flowtrigger.db.damaged-1");
    status().expect_stdout(0, &["was set aside as", "flowtrigger.db.damaged-1"]);
    std::fs::rename(&aside, sandbox.path("elsewhere.db")).unwrap();
    assert!(!status().stdout.contains("set aside"));
    fresh.signal(Signal::TERM);
    assert_eq!(fresh.wait_for_exit(), Some(0));
}

#[test]
fn shutdown_archives_the_last_unmatched_events() {
    let sandbox = sandbox_with_flow(NOTE);
    let mut daemon = DaemonProcess::start(&sandbox);
    let unmatched = subject(7, "nothing listens").to_string();
    assert_eq!(daemon.post("/events/support", &unmatched).status(), 200);
    let metrics = daemon.get("/metrics").body;
    for name in [
        "flowtrigger_store_commits_total ",
        "flowtrigger_store_commit_time_seconds_total ",
        "flowtrigger_archive_events_filed_total ",
        "flowtrigger_archive_events_lost_total 0",
        "flowtrigger_archive_size_bytes ",
    ] {
        assert!(metrics.contains(name), "no {name}: {metrics}");
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    sandbox
        .run(&["why", "7"])
        .expect_stdout(0, &["ticket.SubjectChanged"]);
}

#[test]
fn lists_of_runs_say_why_a_daemon_cannot_continue_them() {
    let sandbox = sandbox_with_flow("- wait: 1h\n");
    let daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &urgent(1).to_string());
    wait_until("the run waits", || daemon.count("waiting") == 1);
    let list = || sandbox.run(&["runs", "list"]);
    assert!(!list().stdout.contains("cannot continue"));
    daemon.stop();
    // A daemon whose disk is full.
    let socket = sandbox.path("data/flowtrigger.sock");
    drop(std::fs::remove_file(&socket));
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let body = r#"{"ready":false,"reason":"the data folder cannot be written to: database or disk is full"}"#;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    let why = "the data folder cannot be written to: database or disk is full";
    let obstacle = format!("1 unfinished run cannot continue now: {why}");
    list().expect_stdout(0, &[&obstacle]);
    for args in [
        &["runs", "list", "--format", "json"][..],
        &["runs", "show", "1", "--format", "json"],
    ] {
        let run = &sandbox.run(args).json_lines()[0];
        assert_eq!(run["obstacle"], why, "{run}");
    }
}

/// A negative answer has the exit code 1, so that scripts notice it. A folder that is not there is a mistake of the command.
#[test]
fn a_data_folder_that_is_missing_is_wrong_usage() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("file", "text");
    let (database, copy) = ("postgres://user@127.0.0.1:1/none", "copy.db");
    for command in [
        &["runs", "list"][..],
        &["runs", "list", "--shadow-differs"],
        &["runs", "show", "1"],
        &["runs", "retry", "1"],
        &["runs", "cancel", "--all", "--state", "queued"],
        &["why", "1"],
        &["why", "note"],
        &["deliveries"],
        &["replay", "--since", "1d", "--dry-run"],
        &["backtest", "--since", "1d"],
        &["backup", copy],
        &["move", "--to", database],
    ] {
        let missing = sandbox.run(&[command, &["--data", "missing"]].concat());
        missing.expect_stderr(2, &["`missing/flowtrigger.db` does not exist", "--"]);
        assert!(
            !sandbox.path("missing").exists(),
            "{command:?} made a folder"
        );
    }
    for command in [
        &["runs", "list"][..],
        &["why", "1"],
        &["backtest", "--since", "1d"],
    ] {
        let file = sandbox.run(&[command, &["--data", "file"]].concat());
        file.expect_stderr(2, &["a part of this path is a file"]);
    }
    let missing = sandbox.run(&["restore", copy, "--data", "missing"]);
    missing.expect_stderr(2, &["`copy.db` does not exist"]);
    let file = sandbox.run(&["daemon", "--listen", "127.0.0.1:0", "--data", "file"]);
    file.expect_stderr(2, &["it is a file"]);
}
