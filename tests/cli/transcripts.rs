//! The transcripts in `tests/cmd`, and what no transcript can show: pipes, full disks and colours.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use flowtrigger_testing::{program, repository};
use serde_json::Value;

fn flowtrigger(arguments: &[&str]) -> Command {
    program::command(
        env!("CARGO_BIN_EXE_flowtrigger"),
        repository::root(),
        arguments,
    )
}

fn output(arguments: &[&str]) -> Output {
    flowtrigger(arguments).output().expect("the program starts")
}

fn stdout(arguments: &[&str]) -> String {
    let output = output(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
}

#[test]
fn a_closed_pipe_ends_the_program_without_an_error() {
    for arguments in [
        &["schema"][..],
        &["events"],
        &["events", "ticket.CommentAdded"],
    ] {
        let mut child = flowtrigger(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // Nothing has been read: the pipe breaks on the first write at the latest.
        drop(child.stdout.take());
        let mut errors = String::new();
        let mut stderr = child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut errors).expect("UTF-8");
        let status = child.wait().expect("the program ends");
        assert_eq!(
            (status.code(), errors.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_reader_may_stop_after_the_first_line() {
    let mut child = flowtrigger(&["schema"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let mut lines = BufReader::with_capacity(16, child.stdout.take().expect("a pipe"));
    lines.read_line(&mut line).expect("UTF-8");
    drop(lines);
    assert_eq!(line, "{\n");
    assert_eq!(child.wait().expect("the program ends").code(), Some(0));
}

#[test]
fn a_failure_keeps_its_exit_code_if_output_is_closed() {
    let mut child = flowtrigger(&["check", "nowhere"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("the program ends").code(), Some(3));
}

#[test]
fn json_output_is_valid_json() {
    for arguments in [
        &["events", "--format", "json"][..],
        &["events", "ticket.CommentAdded", "--format", "json"],
        &["events", "user.TagsChanged", "--sample"],
        &["check", "--format", "json"],
        &["schema", "--of", "config"],
    ] {
        let text = stdout(arguments);
        let parsed: Result<Value, _> = serde_json::from_str(&text);
        assert!(parsed.is_ok(), "{arguments:?}: {parsed:?}");
    }
}

#[test]
fn the_sample_of_a_type_is_read_by_dry_run() {
    let listed: Value =
        serde_json::from_str(&stdout(&["events", "--format", "json"])).expect("JSON");
    let tags: Vec<&str> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|t| t["name"].as_str())
        .collect();
    assert!(tags.len() > 60, "{}", tags.len());
    let samples: String = [
        "ticket.PriorityChanged",
        "user.TagsChanged",
        "ticket_message.LeadPosted",
    ]
    .iter()
    .map(|tag| stdout(&["events", tag, "--sample"]))
    .map(|text| {
        serde_json::from_str::<Value>(&text)
            .expect("JSON")
            .to_string()
            + "\n"
    })
    .collect();
    let mut child = flowtrigger(&["dry-run", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(samples.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let types: Vec<String> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| {
            line["event"]["type"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(
        types,
        [
            "ticket.PriorityChanged",
            "user.TagsChanged",
            "ticket_message.LeadPosted"
        ]
    );
}

#[test]
fn a_completion_script_is_printed() {
    let script = stdout(&["completions", "bash"]);
    assert!(script.contains("_flowtrigger()") && script.contains("--explain"));
}

#[test]
fn colour_is_used_only_on_request() {
    let plain = output(&["check", "nowhere"]).stdout;
    assert!(!plain.contains(&b'\x1b'));
    let coloured = output(&["check", "nowhere", "--color", "always"]).stdout;
    assert!(coloured.contains(&b'\x1b'));
}

#[test]
fn a_full_disk_is_reported() {
    let commands = [
        &["schema"][..],
        &["completions", "bash"],
        &["events"],
        &["check"],
    ];
    for arguments in commands {
        let full = File::options().write(true).open("/dev/full");
        let output = flowtrigger(arguments)
            .stdout(full.expect("a device that is always full"))
            .stderr(Stdio::piped())
            .output()
            .expect("the program starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {errors}");
        assert!(
            errors.starts_with("error: failed to write the output: "),
            "{errors}"
        );
    }
}
