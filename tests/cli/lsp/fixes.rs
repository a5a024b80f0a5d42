//! Offered changes: applied to the text, they leave nothing that `check` reports.

use serde_json::{Value, json};

use super::{CALLER, CONFIG, RULE, TESTS, editor, workspace};

/// The text after the first change of an action.
fn applied(text: &str, action: &Value, uri: &str) -> String {
    let edit = &action["edit"]["changes"][uri][0];
    let offset = |end: &str| {
        let at = &edit["range"][end];
        let line = at["line"].as_u64().expect("a line") as usize;
        let units = at["character"].as_u64().expect("a column") as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut count = 0;
        let within = text[start..].chars().take_while(|c| {
            count += c.len_utf16();
            count <= units
        });
        start + within.map(char::len_utf8).sum::<usize>()
    };
    let new = edit["newText"].as_str().expect("a text");
    [&text[..offset("start")], new, &text[offset("end")..]].concat()
}

#[test]
fn suggestions_can_be_applied() {
    for (file, text) in [
        ("rules/urgent.yaml", RULE.replace("current:", "curent:")),
        (
            "rules/urgent.yaml",
            RULE.replace("event_type:", "event_typ:"),
        ),
        (
            "rules/urgent.yaml",
            RULE.replace("current: urgent", "current: urgnt"),
        ),
        (
            "rules/urgent.yaml",
            RULE.replace("connection: chat", "connection: chta"),
        ),
        (
            "rules/urgent.yaml",
            RULE.replace("ticket.id }}", "ticket.subjet }}"),
        ),
        (
            "rules/urgent.yaml",
            RULE.replace("ticket.Priority", "ticket.Priorit"),
        ),
        ("rules/urgent.yaml", RULE.replace("vars.desk", "vars.dsk")),
        (
            "rules/urgent.yaml",
            RULE.replace("\"{{ vars.desk }}/{{ ticket.id }}\"", "{{ ticket.id }}"),
        ),
        (
            "rules/urgent.yaml",
            format!("# 🎉\n{}", RULE.replace("/page", "'/🎉 {{ ticket.idd }}'")),
        ),
        ("rules/tagged.yaml", CALLER.replace("tell-desk", "tel-desk")),
        ("rules/tagged.yaml", CALLER.replace("office", "ofice")),
        ("rules/urgent.test.yaml", TESTS.replace("expect:", "expct:")),
        (
            "rules/urgent.test.yaml",
            TESTS.replace("rule: urgent", "rule: urgnt"),
        ),
        (
            "flowtrigger.yaml",
            CONFIG.replace("base_url: 'outbox:crm'", "base_ulr: 'outbox:crm'"),
        ),
        (
            "flowtrigger.yaml",
            CONFIG.replace("Europe/Berlin", "Europe/Berlim"),
        ),
    ] {
        let sandbox = workspace();
        let mut editor = editor(&sandbox);
        editor.open(file, &text);
        let found = editor.wait_for(file, |found| !found.is_empty());
        let uri = editor.uri(file);
        let parameters = json!({
            "textDocument": { "uri": uri },
            "range": {
                "start": { "line": 0, "character": 0 },
                "end": { "line": 99, "character": 0 },
            },
            "context": { "diagnostics": found },
        });
        let answer = editor.request("textDocument/codeAction", parameters);
        let actions = answer["result"].as_array().expect("a list");
        let action = actions
            .first()
            .unwrap_or_else(|| panic!("no action for {found:?}\n{text}"));
        assert_eq!(action["kind"], "quickfix");
        let fixed = applied(&text, action, &uri);
        editor.change(file, &fixed);
        editor.wait_for(file, |found| {
            found.iter().all(|found| found["severity"] != 1)
        });
        sandbox.write(file, &fixed);
        let output = sandbox.run(&["check"]);
        assert_eq!(output.code, 0, "{fixed}\n{}", output.stdout);
        assert_eq!(editor.end().code, Some(0));
    }
}

#[test]
fn nothing_is_offered_for_what_no_change_fixes() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    let text = RULE.replace("current: urgent", "zzzzzzzz: 1");
    editor.open("rules/urgent.yaml", &text);
    let found = editor.wait_for("rules/urgent.yaml", |found| !found.is_empty());
    let parameters = json!({
        "textDocument": { "uri": editor.uri("rules/urgent.yaml") },
        "range": found[0]["range"],
        "context": { "diagnostics": found },
    });
    let answer = editor.request("textDocument/codeAction", parameters);
    assert_eq!(answer["result"], json!([]), "{answer}");
    editor.end();
}
