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
fn a_reader_that_goes_away_ends_the_program_quietly() {
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
fn a_negative_answer_keeps_its_code_when_nobody_reads_it() {
    let mut child = flowtrigger(&["check", "nowhere"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("the program ends").code(), Some(3));
}

#[test]
fn what_is_printed_as_json_is_json() {
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
fn every_type_has_a_sample_that_another_command_reads() {
    let listed: Value =
        serde_json::from_str(&stdout(&["events", "--format", "json"])).expect("JSON");
    let tags: Vec<&str> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|t| t["tag"].as_str())
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
fn colour_comes_only_when_asked_for() {
    let plain = output(&["check", "nowhere"]).stdout;
    assert!(!plain.contains(&b'\x1b'));
    let coloured = output(&["check", "nowhere", "--color", "always"]).stdout;
    assert!(coloured.contains(&b'\x1b'));
}

#[test]
fn a_full_disk_is_told() {
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
