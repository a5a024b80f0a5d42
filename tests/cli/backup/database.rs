//! `backup` and `restore` with a Postgres database: the commands that they print work, and unfinished runs are held.

use std::io::Write;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::postgres::server;
use flowtrigger_testing::program::{self, Output, finish};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;

use super::{event, runs, sandbox};

/// Executes the command of a help line, without its comment.
fn execute_help(sandbox: &Sandbox, output: &Output) {
    let line = output
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("help: "));
    let child = program::command("sh", sandbox.folder(), &["-c", line.expect("a command")]).spawn();
    let done = Output::new(finish(child.unwrap()));
    assert_eq!(done.code, 0, "{line:?}: {done:?}");
}

#[test]
fn a_database_is_copied_and_restored_by_the_printed_commands_and_its_runs_are_held() {
    let Some(server) = server() else { return };
    let url = server.database();
    let sandbox = sandbox().with_env("FLOWTRIGGER_STORE", &url);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("one"));
    let states = |sandbox: &Sandbox, state: &str| {
        let runs = runs(sandbox, "data");
        runs.iter().filter(|run| run["state"] == state).count()
    };
    wait_until("the first attempts end", || {
        (states(&sandbox, "done"), states(&sandbox, "retrying")) == (1, 1)
    });
    sandbox
        .run(&["restore", "--in-place"])
        .expect_stderr(5, &["uses the database", "stop all daemons"]);
    daemon.stop();
    let backup = sandbox.run(&["backup", "copy.dump"]);
    backup.expect_stderr(
        2,
        &[
            "the store is a Postgres database",
            "pg_dump --format=custom",
        ],
    );
    if !has_program("pg_dump") {
        let note = "pg_dump is missing: the printed commands are not executed";
        drop(writeln!(std::io::stderr(), "{note}"));
        return;
    }
    execute_help(&sandbox, &backup);
    // The command restores into an empty database.
    let sandbox = sandbox.with_env("FLOWTRIGGER_STORE", &server.database());
    let restore = sandbox.run(&["restore", "copy.dump"]);
    restore.expect_stderr(
        2,
        &[
            "stop all daemons",
            "`flowtrigger restore --in-place`",
            "pg_restore",
        ],
    );
    execute_help(&sandbox, &restore);
    assert_eq!(
        (states(&sandbox, "done"), states(&sandbox, "retrying")),
        (1, 1)
    );
    let held = sandbox.run(&["restore", "--in-place"]);
    held.expect_stdout(
        0,
        &["held, because they may have been executed since", "away"],
    );
    assert_eq!((states(&sandbox, "done"), states(&sandbox, "held")), (1, 1));
    let again = sandbox.run(&["restore", "--in-place", "--format", "json"]);
    assert_eq!(again.json_lines()[0]["held"], 0);
}

fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
