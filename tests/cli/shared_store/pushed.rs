//! Pushed rules: checked and tested before, loaded by every daemon within seconds, and rolled back.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::Value;

use super::{SOURCES, database, event, machine, rule};

#[test]
fn daemons_load_what_is_pushed_and_keep_it_when_the_next_is_broken() {
    let Some((_server, url)) = database() else {
        return;
    };
    let author = machine(&url);
    let desk = machine(&url);
    desk.write(
        "flowtrigger.yaml",
        "store: { rules: pushed }\nvars: { own: 1 }\n",
    );
    desk.run_daemon()
        .expect_stderr(5, &["no rules were pushed", "flowtrigger push"]);
    author.write(
        "flowtrigger.yaml",
        format!("vars: {{ team: one }}\n{SOURCES}"),
    );
    author.write_rules(&rule("page", "urgent", "succeed: fine"));
    author
        .run(&["push", "--note", "the first"])
        .expect_stdout(0, &["pushed ", "1 rule"]);
    author
        .run(&["push"])
        .expect_stdout(0, &["in force already"]);
    // A machine without rules: those of the database are in force, with their configuration.
    let daemon = DaemonProcess::start(&desk);
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.wait_until_idle();
    author
        .run(&["runs", "list"])
        .expect_stdout(0, &["done", "page"]);
    let first = status(&desk)["daemon"]["pushed"]["digest"].clone();
    assert!(first.is_string());
    author.write_rules(&rule("page", "calm", "succeed: fine"));
    author.run(&["push"]).expect_stdout(0, &["pushed "]);
    daemon.expect_message("reloaded");
    let second = status(&desk)["daemon"]["pushed"]["digest"].clone();
    assert_ne!(first, second);
    daemon.accept("desk", &event("e2", "calm"));
    daemon.wait_until_idle();
    assert_eq!(
        author
            .run(&["runs", "list", "--format", "json"])
            .json_lines()
            .len(),
        2
    );
    // The secret is on no machine of a daemon: the rules in force stay.
    let step = "http: { url: 'https://a.example/{{ secret.NOWHERE }}' }";
    author.write_rules(&rule("page", "calm", step));
    author.run(&["push"]).expect_stdout(0, &["pushed "]);
    daemon.expect_message("not reloaded");
    let failed = status(&desk);
    assert_eq!(failed["daemon"]["pushed"]["digest"], second);
    let reason = failed["daemon"]["failed_reload"]["reason"]
        .as_str()
        .unwrap();
    assert!(reason.contains("NOWHERE"), "{failed}");
    desk.run(&["status"])
        .expect_stdout(0, &["not reloaded", "NOWHERE"]);
    wait_until("the list of daemons says so too", || {
        status(&author)["daemons"][0]["reload_failed"] == true
    });
    assert!(!reason.contains('\n'), "{reason}");
    let digests = author
        .run(&["push", "--list", "--format", "json"])
        .json_lines();
    let broken = digests[0]["digest"].as_str().unwrap();
    author
        .run(&["push", "--rollback", broken])
        .expect_stdout(0, &["needs the secrets NOWHERE", "1 of 1 daemon use"]);
    // Back to the first.
    let digest = first.as_str().unwrap();
    author
        .run(&["push", "--rollback", &digest[..8]])
        .expect_stdout(0, &[&digest[..12]]);
    daemon.expect_logs(2, |line| line["message"] == "reloaded");
    assert_eq!(status(&desk)["daemon"]["pushed"]["digest"], first);
    let listed = author
        .run(&["push", "--list", "--format", "json"])
        .json_lines();
    let digests: Vec<&Value> = listed.iter().map(|row| &row["digest"]).collect();
    assert_eq!(digests.len(), 4, "{listed:?}");
    assert_eq!((digests[0], &listed[0]["in_force"]), (&first, &true.into()));
    assert_eq!(listed[3]["note"], "the first");
    author
        .run(&["push", "--rollback", "0000"])
        .expect_stderr(1, &["no pushed revision"]);
    daemon.stop();
    // Without a daemon and without files, a replay plans with what the next daemon loads.
    let runs = author
        .run(&["runs", "list", "--format", "json"])
        .json_lines();
    let first_run = runs[1]["id"].to_string();
    desk.run(&["runs", "replay", &first_run])
        .expect_stdout(0, &["queued", "page"]);
}

#[test]
fn what_fails_its_tests_is_not_pushed() {
    let Some((server, url)) = database() else {
        return;
    };
    let author = machine(&url);
    let test = "tests:\n  - name: it matches\n    event: { id: a, kind: calm, ticket_id: 1 }\n    expect: match\n";
    author.write_rules(&format!(
        "{}{test}",
        rule("page", "urgent", "succeed: fine")
    ));
    let failed = author.run(&["push"]);
    failed.expect_stdout(1, &["FAIL", "1 of 1 test failed: nothing was pushed"]);
    author.write_rules(&rule("page", "urgent", "suceed: fine"));
    author.run(&["push"]).expect_stderr(3, &["suceed"]);
    // Nothing was created, also not by commands that read.
    for command in [&["push", "--list"][..], &["push", "--rollback", "0000"]] {
        author
            .run(command)
            .expect_stderr(2, &["has no tables of flowtrigger"]);
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.psql(&url, tables).trim(), "0");
}

#[test]
fn the_password_of_the_store_is_that_of_the_daemons_configuration() {
    let Some((_server, url)) = database() else {
        return;
    };
    let author = machine(&url);
    author.write_rules(&rule("page", "urgent", "shell: pwd"));
    author.write(
        "flowtrigger.yaml",
        format!("{SOURCES}secrets: {{ PASSWORD: {{ file: /no/such/file }} }}\n"),
    );
    author.run(&["push"]).expect_stdout(0, &["pushed "]);
    let desk = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    desk.write("password", "any");
    let file = desk.path("password");
    desk.write(
        "flowtrigger.yaml",
        format!(
            "store: {{ postgres: \"{url}\", password: PASSWORD, rules: pushed }}\nsecrets: {{ PASSWORD: {{ file: {} }} }}\n",
            file.display()
        ),
    );
    let daemon = DaemonProcess::start(&desk);
    daemon.expect_logs(1, |line| {
        line["message"] == "listening" && line["pushed"].is_string()
    });
    // The machine has no folder of rules, in which commands are executed elsewhere.
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.wait_until_idle();
    desk.run(&["runs", "list"]).expect_stdout(0, &["done"]);
    daemon.stop();
}

#[test]
fn a_folder_has_no_pushed_rules() {
    let sandbox = flowtrigger_testing::sandbox::Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(&rule("page", "urgent", "succeed: fine"));
    sandbox
        .run(&["push"])
        .expect_stderr(2, &["FLOWTRIGGER_STORE"]);
    sandbox
        .run(&["daemon", "--pushed", "--listen", "127.0.0.1:0"])
        .expect_stderr(2, &["FLOWTRIGGER_STORE"]);
}

fn status(sandbox: &flowtrigger_testing::sandbox::Sandbox) -> Value {
    let status = sandbox.run(&["status", "--format", "json"]);
    serde_json::from_str(&status.stdout).unwrap()
}
