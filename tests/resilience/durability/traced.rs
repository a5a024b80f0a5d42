//! What is on disk before a sender gets its acknowledgement, seen in the system calls of a child process, and
//! the behaviour with a failing or full disk. Needs `strace`; without it the tests print so and pass, unless
//! `DURABILITY_TESTS_MUST_TRACE` is set.

use std::process::{Command, ExitStatus};

use flowtrigger::store::{SqliteStore, Store, StoreError, StoreSettings};
use flowtrigger_testing::data_folder::DataFolder;
use rusqlite::Connection;

use super::events::{arrival, rule};

const CHILD: &str = "DURABILITY_CHILD";
const FOLDER: &str = "DURABILITY_FOLDER";
const COMMITS: usize = 12;

/// Set where the checks must run, as on a build machine.
const MUST: &str = "DURABILITY_TESTS_MUST_TRACE";

fn can_trace() -> bool {
    let there = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        there || std::env::var_os(MUST).is_none(),
        "`strace` is not here or may not trace; install it"
    );
    there
}

/// Runs the test `child` as a child process under `strace`, with one of its parts.
fn traced(folder: &DataFolder, part: &str, options: &[&str]) -> (ExitStatus, String) {
    let trace = folder.path("trace");
    let status = Command::new("strace")
        .args(["-f", "-e", "trace=pwrite64,write,fdatasync,fsync"])
        .args(options)
        .arg("-o")
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "durability::traced::child", "--nocapture"])
        .env(CHILD, part)
        .env(FOLDER, folder.path(""))
        .output()
        .unwrap()
        .status;
    (status, std::fs::read_to_string(trace).unwrap())
}

/// The child process; does nothing in an ordinary test run.
#[test]
fn child() {
    let Ok(part) = std::env::var(CHILD) else {
        return;
    };
    let folder = std::path::PathBuf::from(std::env::var(FOLDER).unwrap());
    let database = folder.join("flowtrigger.db");
    let tell = |number: usize| {
        std::fs::write(folder.join("told"), format!("acknowledged {number}")).unwrap();
    };
    match part.as_str() {
        "store" => commits(&database, tell),
        "refused" => refused(&database, tell),
        "normal" => without_fsync(&database, tell),
        part => panic!("no part `{part}`"),
    }
}

fn commits(database: &std::path::Path, tell: impl Fn(usize)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (store, _) = SqliteStore::open(database, StoreSettings::default()).unwrap();
    for number in 0..COMMITS {
        let event = arrival(&rule(), &number.to_string(), 500);
        runtime.block_on(store.commit(event)).unwrap();
        tell(number);
    }
}

/// Continues after rejections, as senders do.
fn refused(database: &std::path::Path, tell: impl Fn(usize)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (store, _) = SqliteStore::open(database, StoreSettings::default()).unwrap();
    let (mut refusals, mut kept) = (0, 0);
    for number in 0..200 {
        let event = arrival(&rule(), &number.to_string(), 500);
        match runtime.block_on(store.commit(event)) {
            Ok(_) => kept += 1,
            Err(StoreError::Broken(why)) => {
                assert!(why.contains("full"), "{why}");
                refusals += 1;
            }
            Err(error) => panic!("{error}"),
        }
        if refusals > 0 && kept > 20 {
            break;
        }
    }
    for number in 0..kept + refusals {
        let runs = runtime.block_on(store.runs_of("support", &number.to_string()));
        kept -= usize::from(runs.unwrap().len() == 1);
    }
    assert_eq!(kept, 0, "what was told is what is there");
    tell(refusals);
}

/// The control: the same writes with `synchronous=NORMAL`.
fn without_fsync(database: &std::path::Path, tell: impl Fn(usize)) {
    let connection = Connection::open(database).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE kept (id TEXT);",
        )
        .unwrap();
    for number in 0..COMMITS {
        connection
            .execute("INSERT INTO kept VALUES (?1)", [number as i64])
            .unwrap();
        tell(number);
    }
}

/// Acknowledgements after a write to the log without a later fsync.
fn unsynced(trace: &str) -> Vec<String> {
    let mut pending = false;
    let mut found = Vec::new();
    for line in trace.lines() {
        let call = line
            .split_once(' ')
            .map_or(line, |(_, call)| call.trim_start());
        let finished = !call.contains("<unfinished");
        if call.starts_with("pwrite64(") {
            pending = true;
        } else if is_fsync(call) && finished {
            pending = false;
        } else if call.contains("\"acknowledged") && pending {
            found.push(line.to_owned());
        }
    }
    found
}

fn is_fsync(call: &str) -> bool {
    let names = ["fdatasync", "fsync"];
    let starts = names
        .iter()
        .any(|name| call.starts_with(&format!("{name}(")));
    let resumed = names
        .iter()
        .any(|name| call.contains(&format!("{name} resumed")));
    starts || resumed
}

fn acknowledgements(trace: &str) -> usize {
    trace.matches("\"acknowledged").count()
}

#[test]
fn every_acknowledgement_follows_an_fsync() {
    if !can_trace() {
        return;
    }
    let folder = DataFolder::new();
    let (status, trace) = traced(&folder, "store", &[]);
    assert!(status.success(), "{trace}");
    assert_eq!(acknowledgements(&trace), COMMITS);
    assert_eq!(unsynced(&trace), Vec::<String>::new());
}

#[test]
fn the_check_fails_for_commits_without_fsync() {
    if !can_trace() {
        return;
    }
    let folder = DataFolder::new();
    let (status, trace) = traced(&folder, "normal", &[]);
    assert!(status.success(), "{trace}");
    assert_eq!(acknowledgements(&trace), COMMITS);
    assert!(!unsynced(&trace).is_empty(), "{trace}");
}

#[test]
fn a_failed_fsync_ends_the_program_before_an_acknowledgement() {
    if !can_trace() {
        return;
    }
    let folder = DataFolder::new();
    // Opened before, so that the child syncs almost nothing until its commits, which another thread makes:
    // `strace` counts per thread.
    drop(SqliteStore::open(&folder.database(), StoreSettings::default()).unwrap());
    let fails = format!("inject=fdatasync,fsync:error=EIO:when={}", COMMITS - 2);
    let (status, trace) = traced(&folder, "store", &["-e", &fails]);
    assert_eq!(status.code(), Some(5), "{trace}");
    let told = acknowledgements(&trace);
    assert!(told < COMMITS, "{trace}");
    let after = trace.split("EIO").last().unwrap_or_default();
    assert_eq!(acknowledgements(after), 0, "{trace}");
    let (store, _) = SqliteStore::open(&folder.database(), StoreSettings::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for number in 0..told {
        let runs = runtime.block_on(store.runs_of("support", &number.to_string()));
        assert_eq!(runs.unwrap().len(), 1, "{number} was told");
    }
}

#[test]
fn a_full_disk_rejects_events_and_recovers() {
    if !can_trace() {
        return;
    }
    let folder = DataFolder::new();
    // Made before, so that the writes of the child are those of its commits.
    drop(SqliteStore::open(&folder.database(), StoreSettings::default()).unwrap());
    let full = "inject=pwrite64:error=ENOSPC:when=60..100";
    let (status, trace) = traced(&folder, "refused", &["-e", full]);
    assert!(
        status.success(),
        "{}",
        &trace[trace.len().saturating_sub(2_000)..]
    );
    let told = std::fs::read_to_string(folder.path("told")).unwrap();
    assert_ne!(told, "acknowledged 0", "the disk was never full");
}
