//! Invalid events, unreadable files and wrong arguments.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use flowtrigger_testing::program::{Output, finish};
use serde_json::{Value, json};

use super::setup::{DRY_RUN, NOTE, RUN, sandbox_with_flow, subject, urgent};

/// Runs the bytes as a file between two valid events; returns standard error.
fn between(name: &str, bytes: impl AsRef<[u8]>) -> Output {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("first.json", urgent(1).to_string());
    sandbox.write(name, bytes);
    sandbox.write("last.json", urgent(2).to_string());
    let output = sandbox.run(&["run", "--format", "json", "first.json", name, "last.json"]);
    let noted = sandbox.read("data/outbox/note.ndjson");
    assert_eq!(noted.lines().count(), 2, "the others are lost: {output:?}");
    assert_eq!(output.json_lines().len(), 2, "{output:?}");
    let dry = sandbox.run(&[
        "dry-run",
        "--format",
        "json",
        "first.json",
        name,
        "last.json",
    ]);
    assert_eq!(
        (dry.code, dry.json_lines().len()),
        (output.code, 2),
        "{dry:?}"
    );
    assert_eq!(dry.stderr, output.stderr);
    output
}

#[test]
fn invalid_json_is_reported_with_its_position_and_others_continue() {
    let object = format!("{}1{}", "{\"a\":".repeat(1_000_000), "}".repeat(1_000_000));
    let list = "[".repeat(1_000);
    let cases: [(&str, &str, &str); 8] = [
        ("empty.json", "", "empty.json:1:1: empty input"),
        ("blank.json", " \n\n", "blank.json:1:1: empty input"),
        (
            "text.json",
            "hello",
            "text.json:1:1: invalid JSON (expected value)\n",
        ),
        (
            "cut.json",
            "{\"a\": [1,",
            "cut.json:1:9: incomplete JSON (the text ends within a value)\n",
        ),
        (
            "none.json",
            "[]",
            "none.json:1:1: empty array, expected at least one event",
        ),
        (
            "deep.json",
            &list,
            "deep.json:1:128: nested more than 127 levels deep\n",
        ),
        (
            "deeper.json",
            &object,
            ": nested more than 127 levels deep\n",
        ),
        (
            "twice.json",
            "{\"a\":{\"b\":1,\"b\":2}}",
            ": duplicate key `b`\n",
        ),
    ];
    for (name, text, told) in cases {
        between(name, text).expect_stderr(4, &[told, "help: "]);
    }
}

#[test]
fn json_that_is_no_event_is_explained() {
    let null_ticket = changed_at("/input/ticket_event/ticket", Value::Null);
    let no_id = changed_at("/input/ticket_event/ticket/id", json!({}));
    let cases = [
        (json!(3), "this JSON is a number, expected an object"),
        (json!(null), "this JSON is null, expected an object"),
        (json!({"a": 1}), "an object with keys a"),
        (json!({"input": null}), "`input` is null"),
        (
            json!({"input": {"ticket_event": []}}),
            "`input.ticket_event` is a list",
        ),
        (
            null_ticket,
            "`input.ticket_event.ticket` is null, expected an object",
        ),
        (
            no_id,
            "`input.ticket_event.ticket.id` is an object, expected an id",
        ),
    ];
    for (event, told) in cases {
        between("odd.json", event.to_string()).expect_stderr(4, &["odd.json:1: ", told, "help: "]);
    }
}

fn changed_at(pointer: &str, to: Value) -> Value {
    let mut event = urgent(1);
    *event.pointer_mut(pointer).unwrap() = to;
    event
}

#[test]
fn an_unreadable_file_is_reported_and_others_continue() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("good.json", urgent(1).to_string());
    sandbox.write("folder/x", "");
    symlink("/nowhere/at/all", sandbox.path("dangling.json")).unwrap();
    for (name, help) in [
        ("absent.json", "flowtrigger events TYPE --sample"),
        ("folder", "it is a folder; name the files in it"),
        ("dangling.json", "flowtrigger events TYPE --sample"),
    ] {
        let named = format!("{name}: failed to read this file: ");
        for command in ["run", "dry-run"] {
            let output = sandbox.run(&[command, "--format", "json", name, "good.json"]);
            output.expect_stderr(4, &[&named, help]);
            assert_eq!(output.json_lines().len(), 1, "{output:?}");
            assert_eq!(output.json_lines()[0]["matched"], json!(["on-urgent"]));
        }
    }
}

#[test]
fn a_rule_file_given_as_an_event_is_reported_once() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("rule.yaml", "name: {a}\nwhen: {b}\n");
    let output = sandbox.run(&["dry-run", "rule.yaml"]);
    output.expect_stderr(
        4,
        &[
            "rule.yaml: a YAML file, and events are JSON",
            "`--rules rule.yaml`",
        ],
    );
    assert_eq!(output.stderr.matches("error").count(), 1, "{output:?}");
    let output = sandbox.run_with_input(&RUN, "name: {a}\nwhen: {b}\n");
    assert_eq!(
        output.stderr.matches("invalid JSON").count(),
        1,
        "{output:?}"
    );
}

#[test]
fn a_bad_line_is_reported_with_its_number() {
    let sandbox = sandbox_with_flow(NOTE);
    let text = format!("{}\n{{\"bad\n\n{}\n", urgent(1), urgent(2));
    let output = sandbox.run_with_input(&RUN, &text);
    output.expect_stderr(
        4,
        &["standard input:2:5: incomplete JSON (the text ends within a string)\n"],
    );
    let keys: Vec<Value> = output
        .json_lines()
        .iter()
        .map(|l| l["event"]["key"].clone())
        .collect();
    assert_eq!(keys, ["1", "2"]);
    assert_eq!(sandbox.read("data/outbox/note.ndjson").lines().count(), 2);
}

#[test]
fn an_array_and_a_stream_of_events_are_all_read() {
    let sandbox = sandbox_with_flow(NOTE);
    let array = json!([urgent(1), urgent(2), 7]);
    let output = sandbox.run_with_input(&DRY_RUN, &array.to_string());
    output.expect_stderr(4, &["this JSON is a number"]);
    assert_eq!(output.json_lines().len(), 2);
}

#[test]
fn repaired_text_is_reported() {
    let sandbox = sandbox_with_flow(NOTE);
    let half = urgent(1).to_string().replace("refund", r"re\ud83dfund");
    let line = &sandbox.run_with_input(&DRY_RUN, &half).json_lines()[0];
    assert_eq!(line["matched"], json!(["on-urgent"]));
    assert!(
        line["warnings"][0].as_str().unwrap().contains("surrogate"),
        "{line}"
    );
    let mut bytes = urgent(1).to_string().into_bytes();
    let at = bytes.windows(6).position(|w| w == b"refund").unwrap();
    bytes[at] = 0xff;
    sandbox.write("bytes.json", bytes);
    let line = &sandbox
        .run(&["dry-run", "--format", "json", "bytes.json"])
        .json_lines()[0];
    assert!(
        line["warnings"][0].as_str().unwrap().contains("UTF-8"),
        "{line}"
    );
}

#[test]
fn an_event_of_ten_megabytes_is_accepted() {
    let sandbox = sandbox_with_flow(NOTE);
    let event = changed_at(
        "/input/ticket_event/ticket/tags",
        json!(["x".repeat(10_000_000)]),
    );
    assert_eq!(sandbox.run_event(&RUN, &event)["runs"][0]["state"], "done");
}

#[test]
fn an_unknown_type_is_accepted_with_a_suggestion() {
    let sandbox = sandbox_with_flow(NOTE);
    let event = changed_at("/input/ticket_event/type", json!("Priority Chnged"));
    let output = sandbox.run_with_input(&RUN, &event.to_string());
    assert_eq!(output.code, 1);
    let warning = output.json_lines()[0]["warnings"][0].to_string();
    assert!(warning.contains("Priority Chnged") && warning.contains("ticket.PriorityChanged"));
    let output = sandbox.run_with_input(&["dry-run", "-"], &event.to_string());
    output.expect_stdout(
        1,
        &[
            "warning: unknown event type",
            "no rule listens to",
            "1 rule listens",
        ],
    );
}

#[test]
fn a_named_source_is_required_of_every_event() {
    let sandbox = sandbox_with_flow(NOTE);
    let text = urgent(1).to_string();
    let output = sandbox.run_with_input(&["run", "--source", "nope", "-"], &text);
    output.expect_stderr(
        2,
        &[
            "no source is called `nope`",
            "the sources are support, upmind",
        ],
    );
    let output = sandbox.run_with_input(&["run", "--source", "upmind", "-"], &text);
    output.expect_stderr(
        4,
        &[
            "this is an event of `support`, not of `upmind`",
            "--source support",
        ],
    );
    assert_eq!(sandbox.read("data/outbox/note.ndjson"), "");
    assert_eq!(
        sandbox
            .run_with_input(&["run", "--source", "support", "-"], &text)
            .code,
        0
    );
}

#[test]
fn a_mistake_in_set_is_reported_before_evaluation() {
    let sandbox = sandbox_with_flow(NOTE);
    let cases = [
        ("noeq", "`--set noeq` has no `=`", "help: write --set"),
        ("=x", "the path is empty", "help: "),
        ("ticket..id=1", "`ticket..id`", "help: write `ticket.id`"),
        (
            "ticket.priorty=x",
            "no field `ticket.priorty`",
            "did you mean `ticket.priority`?",
        ),
        (
            "$..x=1",
            "`$..x` can have several results",
            "name a single field",
        ),
        (
            "vars.x=1",
            "`vars.x` is not part of the event's body",
            "set a field such as",
        ),
        (
            "ticket.tags=[\"a\"",
            "the value `[\"a\"` starts like JSON but is invalid",
            "help: ",
        ),
    ];
    for (set, named, help) in cases {
        let output =
            sandbox.run_with_input(&["dry-run", "--set", set, "-"], &urgent(1).to_string());
        output.expect_stderr(2, &[named, help]);
        assert_eq!(output.stdout, "");
    }
    let text = ["dry-run", "--format", "json", "--set", "current=low", "-"];
    assert_eq!(sandbox.run_event(&text, &urgent(1))["matched"], json!([]));
}

#[test]
fn standard_input_that_is_closed_or_empty_is_a_bad_event() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox
        .run(&["run", "-"])
        .expect_stderr(4, &["standard input:1:1: empty input"]);
    sandbox.run(&["run"]).expect_stderr(2, &["<FILE>"]);
}

#[test]
fn a_closed_output_does_not_stop_runs() {
    let sandbox = sandbox_with_flow(NOTE);
    let events: Vec<String> = (0..300).map(|n| urgent(n).to_string()).collect();
    sandbox.write("events.ndjson", events.join("\n"));
    for (command, noted) in [("dry-run", 0), ("run", 300)] {
        let mut command = sandbox.command(&[command, "events.ndjson"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = Output::new(finish(child));
        assert_eq!(output.code, 0, "{output:?}");
        assert_eq!(output.stderr, "");
        let text = sandbox.read("data/outbox/note.ndjson");
        assert_eq!(text.lines().count(), noted);
    }
}

#[test]
fn a_full_disk_under_standard_output_is_reported() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("e.json", urgent(1).to_string());
    for arguments in [
        &["run", "e.json"][..],
        &["events"],
        &["completions", "bash"],
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let child = sandbox.command(arguments).stdout(full).spawn().unwrap();
        Output::new(finish(child)).expect_stderr(5, &["failed to write the output"]);
    }
}

#[test]
fn the_locale_does_not_change_output() {
    let event = subject(1, "naïve ☃").to_string();
    let output = |locale: &str| {
        let sandbox = sandbox_with_flow(NOTE).with_env("LC_ALL", locale);
        let output = sandbox.run_with_input(&["dry-run", "--explain", "-", "gone-ö.json"], &event);
        (output.code, output.stdout, output.stderr)
    };
    let plain = output("C");
    assert_eq!(plain, output("C.UTF-8"));
    assert!(plain.2.contains("gone-ö.json: "));
}
