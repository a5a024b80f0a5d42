//! A data folder that a daemon cannot use or read: it reports the reason, changes nothing and ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;

use super::desk::{event, request_rule, sandbox};

fn setup() -> (Receiver, Sandbox) {
    let receiver = Receiver::ok();
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, ""));
    (receiver, sandbox)
}

/// A sandbox whose store has some runs.
fn used(events: u64) -> (Receiver, Sandbox) {
    let (receiver, sandbox) = setup();
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in 0..events {
        daemon.accept("desk", &event(&format!("e{ticket}"), ticket, "made"));
    }
    daemon.wait_until_idle();
    daemon.stop();
    // Moves everything into the database file.
    drop(
        rusqlite::Connection::open(sandbox.database())
            .unwrap()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())),
    );
    (receiver, sandbox)
}

#[test]
fn a_second_daemon_is_rejected_and_does_not_disturb_the_first() {
    let (receiver, sandbox) = setup();
    let first = DaemonProcess::start(&sandbox);
    let who = format!("a daemon (process {}, since ", first.process());
    let refused = sandbox.run_daemon();
    refused.expect_stderr(5, &["failed to lock the data folder", &who, "`--data`"]);
    first.accept("desk", &event("a", 1, "made"));
    receiver.wait_for(1);
    first.kill();
    // The lock ended with its process.
    DaemonProcess::start(&sandbox).stop();
}

#[test]
fn an_unwritable_folder_is_reported() {
    let (_receiver, sandbox) = setup();
    sandbox.write("data", "no folder");
    let refused = sandbox.run_daemon();
    refused.expect_stderr(2, &["failed to use the data folder", "`--data`"]);
    assert_eq!(sandbox.read("data"), "no folder");
}

#[test]
fn a_read_only_folder_is_reported() {
    let (_receiver, sandbox) = used(1);
    let before = fs::read(sandbox.database()).unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("data/lock", 0o400);
    mode("data", 0o500);
    // Root may write anyway: then there is nothing to test.
    let may_write = fs::write(sandbox.path("data/probe"), "").is_ok();
    let refused = (!may_write).then(|| sandbox.run_daemon());
    mode("data", 0o700);
    if let Some(refused) = refused {
        refused.expect_stderr(5, &["failed to use the data folder", "`--data`"]);
        assert!(fs::read(sandbox.database()).unwrap() == before);
    }
}

#[test]
fn a_newer_database_is_rejected_and_not_changed() {
    let (_receiver, sandbox) = used(1);
    let database = rusqlite::Connection::open(sandbox.database()).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let before = fs::read(sandbox.database()).unwrap();
    sandbox
        .run_daemon()
        .expect_stderr(5, &["written by a newer flowtrigger", "99", "`--data`"]);
    assert!(fs::read(sandbox.database()).unwrap() == before);
    assert_eq!(aside(&sandbox), Vec::<PathBuf>::new());
}

/// The files that were set aside.
fn aside(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = fs::read_dir(sandbox.path("data")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let aside = files.filter(|path| {
        let name = path.to_string_lossy();
        name.contains(".db.damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    });
    aside.collect()
}

/// A store with runs whose file is damaged; `damage` gets the offset of a table or an index.
fn damaged(damage: impl Fn(&mut Vec<u8>, &dyn Fn(&str) -> usize)) -> (Receiver, Sandbox, Vec<u8>) {
    let (receiver, sandbox) = used(40);
    let mut bytes = fs::read(sandbox.database()).unwrap();
    let database = rusqlite::Connection::open(sandbox.database()).unwrap();
    let begins = |name: &str| {
        let sql = "SELECT (rootpage - 1) * page_size FROM sqlite_master, pragma_page_size WHERE name = ?1";
        let begin: i64 = database.query_row(sql, [name], |row| row.get(0)).unwrap();
        usize::try_from(begin).unwrap()
    };
    damage(&mut bytes, &begins);
    drop(database);
    fs::write(sandbox.database(), &bytes).unwrap();
    (receiver, sandbox, bytes)
}

/// Checks that a start sets the file aside unchanged and fails, and that the next start has an empty store.
#[track_caller]
fn is_set_aside(receiver: &Receiver, sandbox: &Sandbox, bytes: &[u8]) {
    let refused = sandbox.run_daemon();
    refused.expect_stderr(5, &["the file is damaged", "set aside", ".recover"]);
    let aside = aside(sandbox);
    assert_eq!(aside.len(), 1, "{aside:?}");
    let named = aside[0].file_name().unwrap().to_string_lossy().into_owned();
    refused.expect_stderr(5, &[&named]);
    let is_as_it_was = || fs::read(&aside[0]).unwrap() == bytes;
    assert!(is_as_it_was(), "it was changed");
    let daemon = DaemonProcess::start(sandbox);
    let came = receiver.count();
    daemon.accept("desk", &event("new", 1, "made"));
    daemon.wait_until_idle();
    assert_eq!((daemon.count("done"), receiver.count()), (1, came + 1));
    daemon.stop();
    assert!(is_as_it_was(), "it was changed later");
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let (receiver, sandbox, bytes) = damaged(|bytes, _| bytes.fill(b'x'));
    is_set_aside(&receiver, &sandbox, &bytes);
}

#[test]
fn a_database_with_damaged_pages_is_set_aside() {
    let (receiver, sandbox, bytes) = damaged(|bytes, _| bytes[4096..].fill(0xA5));
    is_set_aside(&receiver, &sandbox, &bytes);
}

#[test]
fn a_truncated_database_is_set_aside() {
    let (receiver, sandbox, bytes) = damaged(|bytes, _| bytes.truncate(bytes.len() / 8));
    is_set_aside(&receiver, &sandbox, &bytes);
}

fn spoil(bytes: &mut [u8], begin: usize) {
    bytes[begin..begin + 100].fill(0xA5);
}

#[test]
fn damage_found_while_listing_runs_sets_the_file_aside() {
    let (receiver, sandbox, bytes) = damaged(|bytes, begins| spoil(bytes, begins("runs_by_state")));
    is_set_aside(&receiver, &sandbox, &bytes);
}

#[test]
fn damage_found_in_use_ends_the_daemon_and_the_next_start_sets_the_file_aside() {
    for table in ["events", "log_entries"] {
        let (receiver, sandbox, bytes) = damaged(|bytes, begins| spoil(bytes, begins(table)));
        let mut daemon = DaemonProcess::start(&sandbox);
        let mut connection = Connection::open(&daemon.address).unwrap();
        let event = event("more", 1, "made").to_string();
        let answer = connection.send("POST", "/events/desk", &event);
        // The damage may be found only after the event was accepted.
        assert!(table == "log_entries" || answer.is_err() || answer.unwrap().status() == 503);
        assert_eq!(daemon.wait_for_exit(), Some(5), "{}", daemon.log());
        daemon.expect_message("the database is damaged");
        let bytes = match table {
            "log_entries" => fs::read(sandbox.database()).unwrap(),
            _ => bytes,
        };
        is_set_aside(&receiver, &sandbox, &bytes);
    }
}
