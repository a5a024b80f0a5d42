//! The problems that an editor shows are those that `check` prints, while a person types and at rest.

use std::path::Path;

use flowtrigger_testing::editor::Editor;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::{CONFIG, FLOWS, PROGRAM, RULE, TESTS, editor, messages, workspace};

/// What `check` prints of a file, as (line, column, message with help), from 0 and in characters.
fn checked(sandbox: &Sandbox, file: &str) -> Vec<(u64, u64, String)> {
    let output = sandbox.run(&["check", "--format", "json"]);
    let answer: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let all = answer["diagnostics"].as_array().expect("a list");
    let of_file = all.iter().filter(|found| found["file"] == file);
    let found = of_file.map(|found| {
        let number = |key: &str| found[key].as_u64().expect("a number") - 1;
        let message = found["message"].as_str().expect("a text");
        let text = match found["help"].as_str() {
            Some(help) => format!("{message}\nhelp: {help}"),
            None => message.to_owned(),
        };
        (number("line"), number("column"), text)
    });
    let mut found: Vec<_> = found.collect();
    found.sort();
    found
}

fn shown(found: &[Value]) -> Vec<(u64, u64, String)> {
    let shown = found.iter().map(|found| {
        let start = &found["range"]["start"];
        let message = found["message"].as_str().expect("a text");
        (
            start["line"].as_u64().expect("a line"),
            start["character"].as_u64().expect("a column"),
            message.to_owned(),
        )
    });
    let mut shown: Vec<_> = shown.collect();
    shown.sort();
    shown
}

#[test]
fn a_mistake_is_shown_while_typing_and_gone_when_it_is_corrected() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", RULE);
    editor.change("rules/urgent.yaml", &RULE.replace("current:", "curent:"));
    let found = editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
    assert_eq!(found[0]["code"], "unknown-field", "{found:?}");
    assert_eq!(found[0]["source"], "flowtrigger");
    assert_eq!(found[0]["severity"], 1);
    let range = json!({"start": {"line": 4, "character": 2}, "end": {"line": 4, "character": 8}});
    assert_eq!(found[0]["range"], range);
    editor.change("rules/urgent.yaml", RULE);
    editor.wait_for("rules/urgent.yaml", <[Value]>::is_empty);
    let ended = editor.end();
    assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""));
}

/// Each file with a text that has mistakes.
#[test]
fn the_problems_are_those_of_check() {
    let bundle = r#"{ "zis_template_version": "2019-10-14", "name": "b", "resources": {
  "job": { "type": "ZIS::JobSpec", "properties": { "name": "job", "event_source": "support",
    "event_type": "ticket.CommentAdded", "flow_name": "zis:acme:flow:absent" } } } }"#;
    for (file, text) in [
        ("rules/urgent.yaml", RULE.replace("urgent\n", "urgnt\n")),
        ("rules/urgent.yaml", RULE.replace("chat", "chta")),
        (
            "rules/urgent.yaml",
            RULE.replace("  - name", "  - name: 'x\n"),
        ),
        ("rules/urgent.yaml", format!("{RULE}---\n{RULE}")),
        ("rules/urgent.yaml", RULE.replace("ticket.id", "ticket.idd")),
        (
            "rules/urgent.yaml",
            RULE.replace("name: urgent", "name: tagged"),
        ),
        ("rules/flows.yaml", FLOWS.replace("tell-desk", "tell-other")),
        ("rules/flows.yaml", FLOWS.replace("ticket.id", "ticket.idd")),
        ("rules/bundle.json", bundle.to_owned()),
        (
            "rules/urgent.test.yaml",
            TESTS.replace("expect: match", "expects: match"),
        ),
        (
            "rules/urgent.test.yaml",
            TESTS.replace("rule: urgent", "rule: urgnt"),
        ),
        ("flowtrigger.yaml", CONFIG.replace("base_url", "base_ulr")),
        (
            "flowtrigger.yaml",
            CONFIG.replace("Europe/Berlin", "Europe/Berlim"),
        ),
        (
            "flowtrigger.yaml",
            format!("{CONFIG}sources: {{ shop: {{ event_type: x }} }}\n"),
        ),
    ] {
        let saved = workspace();
        saved.write(file, &text);
        let expected = checked(&saved, file);
        assert!(!expected.is_empty(), "{file} has no mistake: {text}");

        let sandbox = workspace();
        let mut editor = editor(&sandbox);
        let before = sandbox.read(file);
        editor.open(file, &before);
        editor.change(file, &text);
        editor.wait_for(file, |found| shown(found) == expected);
        // Every other file is as `check` says too.
        for other in ["rules/urgent.yaml", "rules/tagged.yaml", "rules/flows.yaml"] {
            let expected = checked(&saved, other);
            if other != file && !expected.is_empty() {
                editor.wait_for(other, |found| shown(found) == expected);
            }
        }
        assert_eq!(editor.end().code, Some(0));
    }
}

#[test]
fn an_edit_of_one_rule_keeps_the_problems_of_the_others() {
    let sandbox = workspace();
    let other = |name: &str| RULE.replace("name: urgent", &format!("name: {name}"));
    let broken = other("second").replace("current", "curent");
    let text = format!("{}---\n{broken}---\n{}", other("first"), other("third"));
    sandbox.write("rules/urgent.yaml", &text);
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", &text);
    editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
    // A line more in the first rule moves the problem of the second.
    let longer = text.replacen("when:\n", "when:\n  previous: low\n", 1);
    editor.change("rules/urgent.yaml", &longer);
    let moved = editor.wait_for("rules/urgent.yaml", |found| {
        found.len() == 1 && found[0]["range"]["start"]["line"] == 14
    });
    assert_eq!(messages(&moved).len(), 1);
    sandbox.write("rules/urgent.yaml", &longer);
    assert_eq!(shown(&moved), checked(&sandbox, "rules/urgent.yaml"));
    editor.end();
}

#[test]
fn columns_are_utf_16_units_or_bytes_as_agreed() {
    let text = RULE.replace("{{ ticket.id }}", "é🎉 {{ ticket.idd }}");
    let line = text
        .lines()
        .position(|line| line.contains("idd"))
        .expect("a line");
    let before = text.lines().nth(line).expect("a line");
    let before = &before[..before.find("ticket.idd").expect("a field")];
    let encodings = json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } });
    for (capabilities, column) in [
        (json!({}), before.encode_utf16().count()),
        (encodings, before.len()),
    ] {
        let sandbox = workspace();
        let program = Path::new(PROGRAM);
        let mut editor = Editor::start(program, sandbox.folder(), &capabilities, &Value::Null);
        editor.open("rules/urgent.yaml", &text);
        let found = editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
        assert_eq!(found[0]["range"]["start"]["line"], line, "{found:?}");
        assert_eq!(found[0]["range"]["start"]["character"], column, "{found:?}");
        editor.end();
    }
}

#[test]
fn changes_apply_in_utf_16_units() {
    let sandbox = workspace();
    let text = RULE.replace("name: urgent", "name: urgent # 🎉🎉 x");
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", &text);
    // Behind the comment, `current` becomes `curent`.
    let at = |line: u32, character: u32| json!({ "line": line, "character": character });
    let range = json!({ "start": at(4, 4), "end": at(4, 5) });
    editor.edit("rules/urgent.yaml", &json!({ "range": range, "text": "" }));
    let found = editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
    assert!(messages(&found)[0].contains("`curent`"), "{found:?}");
    // The emoji are four units; the `x` after them becomes a line of its own.
    let range = json!({ "start": at(0, 20), "end": at(0, 21) });
    editor.edit(
        "rules/urgent.yaml",
        &json!({ "range": range, "text": "\nfolw: []" }),
    );
    let found = editor.wait_for("rules/urgent.yaml", |found| found.len() == 2);
    assert!(messages(&found)[0].contains("`folw`"), "{found:?}");
    editor.end();
}

#[test]
fn a_duplicate_name_leads_to_the_first_one() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    let text = RULE.replace("name: urgent", "name: tagged");
    editor.open("rules/urgent.yaml", &text);
    let found = editor.wait_for("rules/urgent.yaml", |found| {
        found.iter().any(|found| found["code"] == "duplicate-name")
    });
    let duplicate = found.iter().find(|found| found["code"] == "duplicate-name");
    let related = &duplicate.expect("a duplicate")["relatedInformation"][0];
    let first = json!({ "line": 0, "character": 6 });
    assert_eq!(related["location"]["uri"], editor.uri("rules/tagged.yaml"));
    assert_eq!(related["location"]["range"]["start"], first);
    editor.end();
}

#[test]
fn saved_files_are_read_again_when_the_client_reports_a_change() {
    let sandbox = workspace();
    let watches = json!({
        "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } }
    });
    let mut editor = Editor::start(Path::new(PROGRAM), sandbox.folder(), &watches, &Value::Null);
    editor.open("rules/urgent.yaml", &RULE.replace("chat", "pager"));
    editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
    let registered = editor.requested.pop_front().expect("a registration");
    assert_eq!(registered["method"], "client/registerCapability");
    let more = format!("{CONFIG}  pager: {{ base_url: 'outbox:pager' }}\n");
    sandbox.write("flowtrigger.yaml", more);
    let changes = json!({ "changes": [{ "uri": editor.uri("flowtrigger.yaml"), "type": 2 }] });
    editor.notify("workspace/didChangeWatchedFiles", changes);
    editor.wait_for("rules/urgent.yaml", <[Value]>::is_empty);
    editor.end();
}

#[test]
fn a_closed_text_without_saving_no_longer_counts() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", "name: [");
    editor.wait_for("rules/urgent.yaml", |found| !found.is_empty());
    let document = json!({ "uri": editor.uri("rules/urgent.yaml") });
    editor.notify("textDocument/didClose", json!({ "textDocument": document }));
    editor.wait_for("rules/urgent.yaml", <[Value]>::is_empty);
    editor.end();
}
