//! Definitions and references of names across files, and the list of what a file contains.

use flowtrigger_testing::editor::Editor;
use serde_json::Value;

use super::{CALLER, CONFIG, FLOWS, RULE, TESTS, editor, marked, workspace};

/// Locations as `file:line:column` from 1.
fn locations(found: &Value) -> Vec<String> {
    let found = found.as_array().expect("a list").iter();
    let locations = found.map(|location| {
        let uri = location["uri"].as_str().expect("an address");
        let file = uri.rsplit('/').next().expect("a file");
        let start = &location["range"]["start"];
        let number = |key: &str| start[key].as_u64().expect("a number") + 1;
        format!("{file}:{}:{}", number("line"), number("character"))
    });
    locations.collect()
}

fn ask(editor: &mut Editor, method: &str, file: &str, text: &str) -> Vec<String> {
    let (text, at) = marked(text);
    editor.change(file, &text);
    locations(&editor.at(method, file, at))
}

fn loaded() -> (flowtrigger_testing::sandbox::Sandbox, Editor) {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", "- [");
    editor.wait_for("rules/urgent.yaml", |found| !found.is_empty());
    editor.change("rules/urgent.yaml", RULE);
    for (file, text) in [
        ("rules/tagged.yaml", CALLER),
        ("rules/flows.yaml", FLOWS),
        ("rules/urgent.test.yaml", TESTS),
        ("flowtrigger.yaml", CONFIG),
    ] {
        editor.open(file, text);
    }
    (sandbox, editor)
}

#[test]
fn names_lead_to_their_definitions() {
    let (_sandbox, mut editor) = loaded();
    for (file, text, expected) in [
        (
            "rules/tagged.yaml",
            CALLER.replace("tell-desk", "tell¦-desk"),
            "flows.yaml:2:3",
        ),
        (
            "rules/tagged.yaml",
            CALLER.replace("office", "of¦fice"),
            "flowtrigger.yaml:5:3",
        ),
        (
            "rules/urgent.yaml",
            RULE.replace("chat", "cha¦t"),
            "flowtrigger.yaml:9:3",
        ),
        (
            "rules/urgent.yaml",
            RULE.replace("vars.desk", "vars.de¦sk"),
            "flowtrigger.yaml:2:3",
        ),
        (
            "rules/flows.yaml",
            FLOWS.replace("vars.channel", "vars.¦channel"),
            "flows.yaml:3:13",
        ),
        (
            "rules/urgent.test.yaml",
            TESTS.replace("rule: urgent", "rule: ur¦gent"),
            "urgent.yaml:1:7",
        ),
        (
            "rules/urgent.yaml",
            format!(
                "{RULE}  - succeed: \"{{{{ steps.pa¦ge.status }}}} {{{{ secret.CHAT_TOKEN }}}}\"\n"
            ),
            "urgent.yaml:7:11",
        ),
        (
            "rules/urgent.yaml",
            format!(
                "{RULE}  - succeed: \"{{{{ steps.page.status }}}} {{{{ secret.CHAT_¦TOKEN }}}}\"\n"
            ),
            "flowtrigger.yaml:7:3",
        ),
    ] {
        let found = ask(&mut editor, "textDocument/definition", file, &text);
        assert_eq!(found, [expected], "{text}");
    }
    let nothing = RULE.replace("when", "wh¦en");
    let found = ask(
        &mut editor,
        "textDocument/definition",
        "rules/urgent.yaml",
        &nothing,
    );
    assert!(found.is_empty(), "{found:?}");
    editor.end();
}

#[test]
fn definitions_know_what_uses_them() {
    let (_sandbox, mut editor) = loaded();
    let method = "textDocument/references";
    let chat = CONFIG.replace("  chat", "  ch¦at");
    let found = ask(&mut editor, method, "flowtrigger.yaml", &chat);
    assert_eq!(
        found,
        [
            "flowtrigger.yaml:9:3",
            "flows.yaml:5:29",
            "urgent.yaml:8:25"
        ]
    );
    let flow = FLOWS.replace("tell-desk", "tell-de¦sk");
    let found = ask(&mut editor, method, "rules/flows.yaml", &flow);
    assert_eq!(found, ["flows.yaml:2:3", "tagged.yaml:6:11"]);
    let rule = RULE.replace("name: urgent", "name: urg¦ent");
    let found = ask(&mut editor, method, "rules/urgent.yaml", &rule);
    assert_eq!(found, ["urgent.test.yaml:2:9", "urgent.yaml:1:7"]);
    editor.end();
}

#[test]
fn bundles_have_definitions_too() {
    let (_sandbox, mut editor) = loaded();
    let bundle = r#"{ "zis_template_version": "2019-10-14", "name": "b", "resources": {
  "job": { "type": "ZIS::JobSpec", "properties": { "name": "job", "event_source": "support",
    "event_type": "ticket.CommentAdded", "flow_name": "zis:acme:flow:w¦ay" } },
  "way": { "type": "ZIS::Flow", "properties": { "name": "way", "definition": {
    "StartAt": "End", "States": { "End": { "Type": "Succeed" } } } } } } }"#;
    editor.open("rules/bundle.json", "");
    let found = ask(
        &mut editor,
        "textDocument/definition",
        "rules/bundle.json",
        bundle,
    );
    assert_eq!(found, ["bundle.json:4:57"]);
    editor.end();
}

#[test]
fn a_file_lists_what_it_contains() {
    let (_sandbox, mut editor) = loaded();
    let names = |editor: &mut Editor, file: &str| {
        let uri = editor.uri(file);
        let parameters = serde_json::json!({ "textDocument": { "uri": uri } });
        let answer = editor.request("textDocument/documentSymbol", parameters);
        let found = answer["result"].as_array().expect("a list").iter();
        let names = found.map(|symbol| symbol["name"].as_str().expect("a name").to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&mut editor, "rules/urgent.yaml"), ["urgent"]);
    assert_eq!(names(&mut editor, "rules/flows.yaml"), ["tell-desk"]);
    assert_eq!(
        names(&mut editor, "rules/urgent.test.yaml"),
        ["urgent tickets are paged"]
    );
    let config = ["vars", "schedules", "secrets", "connections"];
    assert_eq!(names(&mut editor, "flowtrigger.yaml"), config);
    editor.end();
}
