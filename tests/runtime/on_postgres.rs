//! Runs the tests of the daemon and of the page again, with stores on Postgres.

use std::process::{Command, Stdio};

use flowtrigger_testing::postgres::server;
use flowtrigger_testing::test_store::ON_POSTGRES;

/// The modules whose tests open stores.
const MODULES: [&str; 3] = ["daemon::", "page::", "traces::"];

/// Tests that have no meaning on Postgres, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "daemon::floods::who_does_not_read_the_answers_is_hung_up_on",
        "its time limit for a request is shorter than a commit may take",
    ),
    (
        "daemon::floods::who_has_no_place_waits_until_an_idle_one_is_gone",
        "its time limit for a request is shorter than a commit may take",
    ),
    (
        "daemon::time::an_hour_back_delays_no_try_by_an_hour",
        "the clock of the database decides, and a daemon does not move what waits",
    ),
];

/// Tests that run at the same time: each has a database and up to five connections for each of its stores.
const THREADS: &str = "4";

#[test]
fn the_tests_of_the_daemon_pass_on_postgres() {
    if server().is_none() {
        return;
    }
    let listed = child(&["--list", "--format", "terse"]);
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    for (name, _) in ELSEWHERE {
        assert!(names.contains(name), "no test has the name {name}");
    }
    let is_elsewhere = |name: &str| ELSEWHERE.iter().any(|(other, _)| *other == name);
    let mut arguments = vec!["--exact", "--test-threads", THREADS];
    let selected = names.iter().filter(|name| {
        let has_store = MODULES.iter().any(|module| name.starts_with(module));
        has_store && !is_elsewhere(name)
    });
    arguments.extend(selected);
    assert!(arguments.len() > 50, "{arguments:?}");
    child(&arguments);
}

/// Runs the tests of this program as another process, and returns what it prints.
#[track_caller]
fn child(arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).env(ON_POSTGRES, "1");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout);
    assert!(
        output.status.success(),
        "on Postgres: {printed}\n{}",
        text(&output.stderr)
    );
    printed
}
