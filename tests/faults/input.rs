//! Events that are none, files that cannot be read, arguments that make no sense.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{DRY_RUN, NOTE, Place, RUN, Said, finish, subject, urgent};

/// Runs the bytes between two sound events, as files, and gives what was told.
fn between(name: &str, bytes: impl AsRef<[u8]>) -> Said {
    let place = Place::with_flow(NOTE);
    place.write("first.json", urgent(1).to_string());
    place.write(name, bytes);
    place.write("last.json", urgent(2).to_string());
    let said = place.says(&["run", "--format", "json", "first.json", name, "last.json"]);
    let noted = place.read("data/outbox/note.ndjson");
    assert_eq!(noted.lines().count(), 2, "the others are lost: {said:?}");
    assert_eq!(said.lines().len(), 2, "{said:?}");
    let dry = place.says(&[
        "dry-run",
        "--format",
        "json",
        "first.json",
        name,
        "last.json",
    ]);
    assert_eq!((dry.code, dry.lines().len()), (said.code, 2), "{dry:?}");
    assert_eq!(dry.stderr, said.stderr);
    said
}

#[test]
fn what_is_no_json_is_told_with_its_place_and_costs_the_others_nothing() {
    let object = format!("{}1{}", "{\"a\":".repeat(1_000_000), "}".repeat(1_000_000));
    let list = "[".repeat(1_000);
    let cases: [(&str, &str, &str); 8] = [
        ("empty.json", "", "empty.json:1: empty input"),
        ("blank.json", " \n\n", "blank.json:1: empty input"),
        ("text.json", "hello", "text.json:1: invalid JSON"),
        ("cut.json", "{\"a\": [1,", "cut.json:1: incomplete JSON"),
        (
            "none.json",
            "[]",
            "none.json:1: empty array, expected at least one event",
        ),
        (
            "deep.json",
            &list,
            "nested more than 127 levels deep at line 1, column 128",
        ),
        (
            "deeper.json",
            &object,
            "nested more than 127 levels deep at line 1, column",
        ),
        (
            "twice.json",
            "{\"a\":{\"b\":1,\"b\":2}}",
            "duplicate key `b` at line 1, column",
        ),
    ];
    for (name, text, told) in cases {
        between(name, text).tells(4, &[told, "help: "]);
    }
}

#[test]
fn json_that_is_no_event_names_what_is_wrong_and_what_is_known() {
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
        between("odd.json", event.to_string()).tells(4, &["odd.json:1: ", told, "help: "]);
    }
}

fn changed_at(pointer: &str, to: Value) -> Value {
    let mut event = urgent(1);
    *event.pointer_mut(pointer).unwrap() = to;
    event
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_costs_the_others_nothing() {
    let place = Place::with_flow(NOTE);
    place.write("good.json", urgent(1).to_string());
    place.write("folder/x", "");
    symlink("/nowhere/at/all", place.path("dangling.json")).unwrap();
    for (name, help) in [
        ("absent.json", "flowtrigger events TYPE --sample"),
        ("folder", "it is a folder; name the files in it"),
        ("dangling.json", "flowtrigger events TYPE --sample"),
    ] {
        let named = format!("failed to read `{name}`");
        for command in ["run", "dry-run"] {
            let said = place.says(&[command, "--format", "json", name, "good.json"]);
            said.tells(4, &[&named, help]);
            assert_eq!(said.lines().len(), 1, "{said:?}");
            assert_eq!(said.lines()[0]["matched"], json!(["on-urgent"]));
        }
    }
}

#[test]
fn a_rule_file_in_the_place_of_an_event_is_told_once() {
    let place = Place::with_flow(NOTE);
    place.write("rule.yaml", "name: {a}\nwhen: {b}\n");
    let said = place.says(&["dry-run", "rule.yaml"]);
    said.tells(4, &["`rule.yaml` is YAML", "`--rules rule.yaml`"]);
    assert_eq!(said.stderr.matches("error").count(), 1, "{said:?}");
    let said = place.answers(&RUN, "name: {a}\nwhen: {b}\n");
    assert_eq!(said.stderr.matches("invalid JSON").count(), 1, "{said:?}");
}

#[test]
fn one_bad_line_of_many_is_told_with_its_number() {
    let place = Place::with_flow(NOTE);
    let text = format!("{}\n{{\"bad\n\n{}\n", urgent(1), urgent(2));
    let said = place.answers(&RUN, &text);
    said.tells(4, &["standard input:2: incomplete JSON"]);
    let keys: Vec<Value> = said
        .lines()
        .iter()
        .map(|l| l["event"]["key"].clone())
        .collect();
    assert_eq!(keys, ["1", "2"]);
    assert_eq!(place.read("data/outbox/note.ndjson").lines().count(), 2);
}

#[test]
fn an_array_and_a_stream_of_events_are_all_read() {
    let place = Place::with_flow(NOTE);
    let array = json!([urgent(1), urgent(2), 7]);
    let said = place.answers(&DRY_RUN, &array.to_string());
    said.tells(4, &["this JSON is a number"]);
    assert_eq!(said.lines().len(), 2);
}

#[test]
fn damaged_text_is_repaired_and_said() {
    let place = Place::with_flow(NOTE);
    let half = urgent(1).to_string().replace("refund", r"re\ud83dfund");
    let line = &place.answers(&DRY_RUN, &half).lines()[0];
    assert_eq!(line["matched"], json!(["on-urgent"]));
    assert!(
        line["warnings"][0].as_str().unwrap().contains("surrogate"),
        "{line}"
    );
    let mut bytes = urgent(1).to_string().into_bytes();
    let at = bytes.windows(6).position(|w| w == b"refund").unwrap();
    bytes[at] = 0xff;
    place.write("bytes.json", bytes);
    let line = &place
        .says(&["dry-run", "--format", "json", "bytes.json"])
        .lines()[0];
    assert!(
        line["warnings"][0].as_str().unwrap().contains("UTF-8"),
        "{line}"
    );
}

#[test]
fn ten_megabytes_of_one_event_pass() {
    let place = Place::with_flow(NOTE);
    let event = changed_at(
        "/input/ticket_event/ticket/tags",
        json!(["x".repeat(10_000_000)]),
    );
    assert_eq!(place.line(&RUN, &event)["runs"][0]["state"], "done");
}

#[test]
fn an_unknown_type_is_carried_with_the_nearest_known_one() {
    let place = Place::with_flow(NOTE);
    let event = changed_at("/input/ticket_event/type", json!("Priority Chnged"));
    let said = place.answers(&RUN, &event.to_string());
    assert_eq!(said.code, 1);
    let warning = said.lines()[0]["warnings"][0].to_string();
    assert!(warning.contains("Priority Chnged") && warning.contains("ticket.PriorityChanged"));
    let said = place.answers(&["dry-run", "-"], &event.to_string());
    said.prints(
        1,
        &[
            "warning: unknown event type",
            "no rule listens to",
            "1 rule listens",
        ],
    );
}

#[test]
fn a_source_that_was_named_is_held_to() {
    let place = Place::with_flow(NOTE);
    let text = urgent(1).to_string();
    let said = place.answers(&["run", "--source", "nope", "-"], &text);
    said.tells(
        2,
        &[
            "no source is called `nope`",
            "the sources are support, upmind",
        ],
    );
    let said = place.answers(&["run", "--source", "upmind", "-"], &text);
    said.tells(
        4,
        &[
            "this is an event of `support`, not of `upmind`",
            "--source support",
        ],
    );
    assert_eq!(place.read("data/outbox/note.ndjson"), "");
    assert_eq!(
        place
            .answers(&["run", "--source", "support", "-"], &text)
            .code,
        0
    );
}

#[test]
fn a_slip_in_set_is_told_before_anything_is_judged() {
    let place = Place::with_flow(NOTE);
    let cases = [
        ("noeq", "`--set noeq` has no `=`", "help: write --set"),
        ("=x", "an empty path", "help: "),
        ("ticket..id=1", "`ticket..id`", "help: write `ticket.id`"),
        (
            "ticket.priorty=x",
            "no field `ticket.priorty`",
            "did you mean `ticket.priority`?",
        ),
        ("$..x=1", "`$..x` leads to many places", "name a single one"),
        (
            "vars.x=1",
            "`vars.x` is not part of the event's body",
            "set a field such as",
        ),
        (
            "ticket.tags=[\"a\"",
            "the value `[\"a\"` starts like JSON and is none",
            "help: ",
        ),
    ];
    for (set, named, help) in cases {
        let said = place.answers(&["dry-run", "--set", set, "-"], &urgent(1).to_string());
        said.tells(2, &[named, help]);
        assert_eq!(said.stdout, "");
    }
    let text = ["dry-run", "--format", "json", "--set", "current=low", "-"];
    assert_eq!(place.line(&text, &urgent(1))["matched"], json!([]));
}

#[test]
fn standard_input_that_is_closed_or_empty_is_a_bad_event() {
    let place = Place::with_flow(NOTE);
    place
        .says(&["run", "-"])
        .tells(4, &["standard input:1: empty input"]);
    place.says(&["run"]).tells(2, &["<FILE>"]);
}

#[test]
fn a_reader_that_goes_away_stops_no_work() {
    let place = Place::with_flow(NOTE);
    let events: Vec<String> = (0..300).map(|n| urgent(n).to_string()).collect();
    place.write("events.ndjson", events.join("\n"));
    for (command, noted) in [("dry-run", 0), ("run", 300)] {
        let mut command = place.command(&[command, "events.ndjson"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let said = Said::of(finish(child));
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.stderr, "");
        let text = place.read("data/outbox/note.ndjson");
        assert_eq!(text.lines().count(), noted);
    }
}

#[test]
fn a_full_disk_under_standard_output_is_told() {
    let place = Place::with_flow(NOTE);
    place.write("e.json", urgent(1).to_string());
    for arguments in [
        &["run", "e.json"][..],
        &["events"],
        &["completions", "bash"],
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let child = place.command(arguments).stdout(full).spawn().unwrap();
        Said::of(finish(child)).tells(5, &["failed to write the output"]);
    }
}

#[test]
fn the_locale_changes_no_word() {
    let event = subject(1, "naïve ☃").to_string();
    let said = |locale: &str| {
        let place = Place::with_flow(NOTE).set("LC_ALL", locale);
        let said = place.answers(&["dry-run", "--explain", "-", "gone-ö.json"], &event);
        (said.code, said.stdout, said.stderr)
    };
    let plain = said("C");
    assert_eq!(plain, said("C.UTF-8"));
    assert!(plain.2.contains("`gone-ö.json`"));
}
