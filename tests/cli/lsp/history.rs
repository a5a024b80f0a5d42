//! Hints beside rules: how many stored events they match, from the data folder of the workspace.

use std::path::Path;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::editor::Editor;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::{PROGRAM, RULE, workspace};

fn hints(editor: &mut Editor) -> Vec<String> {
    let at = |line: u32| json!({ "line": line, "character": 0 });
    let parameters = json!({
        "textDocument": { "uri": editor.uri("rules/urgent.yaml") },
        "range": { "start": at(0), "end": at(99) },
    });
    let answer = editor.request("textDocument/inlayHint", parameters);
    let hints = answer["result"].as_array().expect("a list").iter();
    let labels = hints.map(|hint| hint["label"].as_str().expect("a label").to_owned());
    labels.collect()
}

#[test]
fn without_the_setting_or_a_data_folder_there_are_no_hints() {
    let sandbox = workspace();
    for options in [json!(null), json!({ "inlayHints": true })] {
        let refresh = json!({ "workspace": { "inlayHint": { "refreshSupport": true } } });
        let program = Path::new(PROGRAM);
        let mut editor = Editor::start(program, sandbox.folder(), &refresh, &options);
        editor.open("rules/urgent.yaml", &RULE.replace("current", "curent"));
        editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
        assert!(hints(&mut editor).is_empty());
        assert!(
            !sandbox.path("data").exists(),
            "the server wrote a data folder"
        );
        assert_eq!(editor.end().code, Some(0));
    }
}

/// Stores an event of ticket 1, 2, … with each of these priorities.
fn store_events(sandbox: &Sandbox, priorities: &[&str]) {
    let sample = sandbox.read("priority.json");
    let event = |id: usize, priority: &str| {
        let mut event: Value = serde_json::from_str(&sample).expect("JSON");
        let body = &mut event["input"]["ticket_event"];
        body["current"] = priority.into();
        body["ticket"]["id"] = id.into();
        body["meta"]["ref"] = format!("ref-{id}").into();
        body["meta"]["sequence"]["id"] = format!("sequence-{id}").into();
        event
    };
    let daemon = DaemonProcess::start(sandbox);
    for (index, priority) in priorities.iter().enumerate() {
        daemon.accept("support", &event(index + 1, priority));
    }
    daemon.wait_until_idle();
    daemon.stop();
}

#[test]
fn a_rule_shows_how_many_stored_events_it_matches() {
    let sandbox = workspace();
    store_events(&sandbox, &["urgent", "high", "urgent", "low", "urgent"]);

    let refresh = json!({ "workspace": { "inlayHint": { "refreshSupport": true } } });
    let options = json!({ "inlayHints": true });
    let program = Path::new(PROGRAM);
    let mut editor = Editor::start(program, sandbox.folder(), &refresh, &options);
    editor.open("rules/urgent.yaml", RULE);
    editor.wait_for_request("workspace/inlayHint/refresh");
    assert_eq!(hints(&mut editor), ["7 days: 3 matches, 2 nearly"]);
    // The rule as it is being written counts, saved or not.
    editor.change(
        "rules/urgent.yaml",
        &RULE.replace("current: urgent", "current: high"),
    );
    editor.wait_for_request("workspace/inlayHint/refresh");
    assert_eq!(hints(&mut editor), ["7 days: 1 match, 4 nearly"]);
    assert_eq!(editor.end().code, Some(0));
}

#[test]
fn a_shadow_version_shows_its_own_matches() {
    let sandbox = workspace();
    store_events(&sandbox, &["urgent", "high", "urgent", "low", "urgent"]);
    let shadow = RULE.replace("name: urgent", "name: urgent\nmode: shadow");
    let shadow = shadow.replace("current: urgent", "current: high");
    let options = json!({ "inlayHints": true });
    let refresh = json!({ "workspace": { "inlayHint": { "refreshSupport": true } } });
    let mut editor = Editor::start(Path::new(PROGRAM), sandbox.folder(), &refresh, &options);
    let (rule, version) = ("7 days: 3 matches, 2 nearly", "7 days: 1 match, 4 nearly");
    editor.open("rules/urgent.yaml", &format!("{RULE}---\n{shadow}"));
    editor.wait_for_request("workspace/inlayHint/refresh");
    assert_eq!(hints(&mut editor), [rule, version]);
    editor.change("rules/urgent.yaml", &format!("{shadow}---\n{RULE}"));
    editor.wait_for_request("workspace/inlayHint/refresh");
    assert_eq!(hints(&mut editor), [version, rule]);
    // A rule in shadow mode that is alone has the name that is written.
    editor.change("rules/urgent.yaml", &shadow);
    editor.wait_for_request("workspace/inlayHint/refresh");
    assert_eq!(hints(&mut editor), [version]);
    assert_eq!(editor.end().code, Some(0));
}
