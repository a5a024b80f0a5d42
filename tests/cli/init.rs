//! `init`: the commands that it prints work as they are printed, and nothing that exists is changed.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use flowtrigger_testing::program::{self, Output, finish};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_flowtrigger");

fn sandbox() -> Sandbox {
    Sandbox::new(PROGRAM)
}

/// The commands after `next:`.
fn printed_commands(output: &Output) -> Vec<String> {
    let (_, next) = output.stdout.split_once("\nnext:\n").expect("commands");
    next.lines().map(|line| line.trim().to_owned()).collect()
}

/// A shell that finds the program by its name.
fn shell(folder: &Path, address: &str, script: &str) -> Command {
    let mut command = program::command("sh", folder, &["-c", script]);
    let programs = Path::new(PROGRAM).parent().unwrap().display();
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{programs}:{path}"));
    command.env("FLOWTRIGGER_LISTEN", address);
    command.env("FLOWTRIGGER_PAGE", "off");
    command
}

fn run_in_shell(folder: &Path, address: &str, script: &str) -> Output {
    let output = Output::new(finish(
        shell(folder, address, script).spawn().expect("a shell"),
    ));
    assert_eq!(output.code, 0, "{script}: {output:?}");
    // `send` notes that the source verifies no sender.
    let is_expected = |line: &str| line.contains("are sent unsigned");
    assert!(
        output.stderr.lines().all(is_expected),
        "{script}: {output:?}"
    );
    output
}

/// Stops the daemon of a folder, which wrote its process id into the file `lock`.
fn stop_daemon(data: &Path) {
    let lock = std::fs::read_to_string(data.join("lock")).expect("a daemon");
    let id = lock.lines().next().and_then(|id| id.parse().ok());
    let id = Pid::from_raw(id.expect("a process id")).expect("a process id");
    kill_process(id, Signal::TERM).expect("the daemon can be stopped");
}

fn the_printed_commands_work(source: &str, folder: &str) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let sandbox = sandbox();
    let written = sandbox.run(&["init", folder, "--source", source]);
    assert_eq!(written.code, 0, "{written:?}");
    let commands = printed_commands(&written);
    let (enter, commands) = commands.split_first().expect("commands");
    run_in_shell(
        sandbox.folder(),
        &address,
        &format!("{enter} && test -f flowtrigger.yaml"),
    );
    let folder = sandbox.path(folder);
    let mut daemon = None;
    for command in commands {
        if command.starts_with("flowtrigger daemon") {
            daemon = Some(shell(&folder, &address, command).spawn().expect("a shell"));
            wait_until("the daemon listens", || {
                TcpStream::connect(&address).is_ok()
            });
            continue;
        }
        let output = run_in_shell(&folder, &address, command);
        for word in ["warning", "failed  ", "rejected"] {
            assert!(!output.stdout.contains(word), "{command}: {output:?}");
        }
        if command.contains("dry-run") {
            assert!(output.stdout.contains("\nMATCH"), "{output:?}");
        }
        if command.contains("runs list") {
            assert!(output.stdout.contains("RULE"), "{output:?}");
        }
    }
    let data = folder.join("data");
    wait_until("the request is written", || {
        data.join("outbox/chat.ndjson").exists()
    });
    stop_daemon(&data);
    assert!(finish(daemon.expect("a daemon")).status.success());
}

#[test]
fn the_printed_commands_work_for_zendesk() {
    the_printed_commands_work("support", "desk");
}

#[test]
fn the_printed_commands_work_for_upmind_and_a_name_with_a_space() {
    the_printed_commands_work("upmind", "my desk");
}

#[test]
fn the_tests_of_the_first_rules_notice_every_mutant() {
    for source in ["support", "upmind"] {
        let sandbox = sandbox();
        sandbox.run(&["init", ".", "--source", source]);
        let output = sandbox.run(&["test", "--mutants"]);
        assert_eq!(output.code, 0, "{output:?}");
    }
}

fn expect_in_the_way(sandbox: &Sandbox, folder: &str, file: &str) {
    let message = format!("error: `{file}` already exists");
    sandbox
        .run(&["init", folder])
        .expect_stderr(2, &[&message, "nothing was written"]);
}

#[test]
fn a_file_that_exists_is_named_and_nothing_is_written() {
    for file in [
        "flowtrigger.yaml",
        "rules/urgent-ticket.test.yaml",
        "events/priority-changed.json",
        "rules/mine.yaml",
    ] {
        let sandbox = sandbox();
        sandbox.write(&format!("desk/{file}"), "kept");
        expect_in_the_way(&sandbox, "desk", &format!("desk/{file}"));
        assert_eq!(sandbox.read(&format!("desk/{file}")), "kept");
        let config = sandbox.path("desk/flowtrigger.yaml");
        assert_eq!(config.exists(), file == "flowtrigger.yaml");
    }
    let sandbox = sandbox();
    sandbox.write("desk", "");
    let output = sandbox.run(&["init", "desk"]);
    output.expect_stderr(2, &["`desk` already exists", "name a folder"]);
}

#[test]
fn the_current_folder_is_the_default_and_other_files_stay() {
    let sandbox = sandbox();
    sandbox.write(".git/config", "kept");
    let output = sandbox.run(&["init"]);
    assert!(
        output.stdout.trim_start().starts_with("flowtrigger.yaml "),
        "{output:?}"
    );
    assert!(!output.stdout.contains("  cd "), "{output:?}");
    assert_eq!(sandbox.run(&["check"]).code, 0);
    expect_in_the_way(&sandbox, ".", "flowtrigger.yaml");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let sandbox = sandbox();
    let output = sandbox.run(&["init", "/proc/desk"]);
    output.expect_stderr(5, &["failed to write `/proc/desk/flowtrigger.yaml`"]);
}

#[test]
fn a_variable_that_names_other_files_is_noted() {
    let sandbox = sandbox().with_env("FLOWTRIGGER_RULES", "elsewhere");
    let output = sandbox.run(&["init", "desk"]);
    output.expect_stderr(
        0,
        &["`FLOWTRIGGER_RULES` is set", "unset FLOWTRIGGER_RULES"],
    );
}
