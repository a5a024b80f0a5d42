//! What `backup` and `restore` reject, and how they fail: nothing that exists is changed.

use std::fs;
use std::process::Stdio;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::{self, Output, finish};
use flowtrigger_testing::sandbox::Sandbox;

use super::{PROGRAM, runs, with_backup};

#[test]
fn a_folder_with_a_database_or_a_daemon_is_left_as_it_is() {
    let sandbox = with_backup();
    let before = fs::read(sandbox.path("data/flowtrigger.db")).unwrap();
    sandbox.run(&["restore", "copy.db"]).expect_stderr(
        2,
        &[
            "`data/flowtrigger.db` already exists",
            "`--data`",
            "`--force`",
        ],
    );
    assert!(fs::read(sandbox.path("data/flowtrigger.db")).unwrap() == before);
    let daemon = DaemonProcess::start(&sandbox);
    sandbox
        .run(&["restore", "--force", "copy.db"])
        .expect_stderr(5, &["failed to lock the data folder", "stop that one"]);
    daemon.stop();
    let forced = sandbox.run(&["restore", "--force", "copy.db"]);
    forced.expect_stdout(0, &["old database", "data/flowtrigger.db.replaced-1"]);
    assert!(sandbox.path("data/flowtrigger.db.replaced-1").exists());
}

#[test]
fn nothing_is_left_beside_a_backup_that_is_read() {
    let sandbox = with_backup();
    fs::create_dir(sandbox.path("backup")).unwrap();
    fs::rename(sandbox.path("copy.db"), sandbox.path("backup/copy.db")).unwrap();
    for arguments in [
        &["restore", "--check", "backup/copy.db"][..],
        &["restore", "backup/copy.db", "--data", "other"],
    ] {
        assert_eq!(sandbox.run(arguments).code, 0, "{arguments:?}");
        let files = fs::read_dir(sandbox.path("backup")).unwrap();
        let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["copy.db"], "{arguments:?}");
    }
}

#[test]
fn wrong_files_and_names_are_reported() {
    let sandbox = with_backup();
    sandbox.write("text.yaml", "name: x\n");
    for (arguments, code, parts) in [
        (
            &["backup", "copy.db"][..],
            2,
            &["`copy.db` already exists", "`--force`"][..],
        ),
        (
            &["backup", "data/flowtrigger.db", "--force"],
            2,
            &["is a file of the data folder itself", "another disk"],
        ),
        (
            &["backup", "rules"],
            2,
            &["`rules` is not a file name", "rules/flowtrigger-backup.db"],
        ),
        (
            &["backup", "no/such/copy.db"],
            5,
            &[
                "failed to write `no/such/copy.db.tmp`",
                "the folder `no/such` does not exist: create it",
            ],
        ),
        (
            &["restore", "--in-place", "--data", "nowhere"],
            2,
            &["`nowhere/flowtrigger.db` does not exist", "`--data`"],
        ),
        (
            &["backup", "new.db", "--data", "nowhere"],
            2,
            &["`nowhere/flowtrigger.db` does not exist", "`--data`"],
        ),
        (
            &["restore", "none.db", "--data", "other"],
            2,
            &["`none.db` does not exist"],
        ),
        (
            &["restore", "text.yaml", "--data", "other"],
            5,
            &["`text.yaml` is damaged", "another backup"],
        ),
        (
            &["restore", "--check", "text.yaml"],
            5,
            &["`text.yaml` is damaged"],
        ),
        (&["restore"], 2, &["required"]),
        (
            &["restore", "--in-place", "copy.db"],
            2,
            &["cannot be used with"],
        ),
    ] {
        sandbox.run(arguments).expect_stderr(code, parts);
    }
    assert!(!sandbox.path("other/flowtrigger.db").exists());
    sandbox
        .run(&["backup", "copy.db", "--force"])
        .expect_stdout(0, &["backed up"]);
    // The next restore continues where one was killed; a daemon does not begin with an empty folder.
    sandbox.write("other/flowtrigger.db-restoring", "part of a copy");
    for command in [
        &["runs", "list", "--data", "other"][..],
        &["daemon", "--data", "other", "--listen", "127.0.0.1:0"],
    ] {
        let output = sandbox.run(command);
        output.expect_stderr(
            5,
            &[
                "a restore of this folder has not ended",
                "repeat `flowtrigger restore`",
            ],
        );
    }
    let repeated = sandbox.run(&["restore", "copy.db", "--data", "other"]);
    repeated.expect_stdout(0, &["restored copy.db"]);
}

/// Executes the program with a limit for the size of files, so that writing fails in the middle.
fn with_size_limit(sandbox: &Sandbox, arguments: &str) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f 100; exec '{PROGRAM}' {arguments}");
    let mut command = program::command("sh", sandbox.folder(), &["-c", &script]);
    command
        .env("FLOWTRIGGER_PAGE", "off")
        .stdout(Stdio::piped());
    Output::new(finish(command.spawn().unwrap()))
}

#[test]
fn a_disk_that_takes_no_more_leaves_neither_a_part_of_a_copy_nor_a_changed_folder() {
    let sandbox = with_backup();
    let database = rusqlite::Connection::open(sandbox.path("data/flowtrigger.db")).unwrap();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        INSERT INTO texts (digest, text) SELECT randomblob(32), hex(randomblob(1500)) FROM n";
    database.execute_batch(sql).unwrap();
    drop(database);
    assert_eq!(sandbox.run(&["backup", "large.db"]).code, 0);
    let output = with_size_limit(&sandbox, "backup new.db");
    output.expect_stderr(
        5,
        &["failed to write `new.db.tmp`", "the space on its disk"],
    );
    let output = with_size_limit(&sandbox, "restore large.db --force");
    output.expect_stderr(
        5,
        &[
            "failed to write `data/flowtrigger.db-restoring`",
            "the space on its disk",
        ],
    );
    let left = |name: &str| sandbox.path(name).exists();
    assert!(!left("new.db") && !left("new.db.tmp") && !left("data/flowtrigger.db-restoring"));
    assert!(!left("data/flowtrigger.db.replaced-1"));
    assert_eq!(runs(&sandbox, "data").len(), 4);
}
