//! Completion and descriptions at cursors in complete and half-written texts.

use flowtrigger_testing::editor::Editor;
use serde_json::Value;

use super::{CALLER, CONFIG, RULE, TESTS, editor, marked, workspace};

/// The labels that are proposed at the `¦` of a text.
pub fn labels(editor: &mut Editor, file: &str, text: &str) -> Vec<String> {
    let items = items(editor, file, text);
    let labels = items
        .iter()
        .map(|item| item["label"].as_str().expect("a label"));
    labels.map(str::to_owned).collect()
}

fn items(editor: &mut Editor, file: &str, text: &str) -> Vec<Value> {
    let (text, at) = marked(text);
    editor.change(file, &text);
    let found = editor.at("textDocument/completion", file, at);
    found["items"].as_array().expect("a list").clone()
}

/// A server that has loaded its workspace.
pub fn loaded(file: &str) -> (flowtrigger_testing::sandbox::Sandbox, Editor) {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    // The first problem shows that the workspace is loaded.
    editor.open(file, "- [");
    editor.wait_for(file, |found| !found.is_empty());
    (sandbox, editor)
}

#[track_caller]
pub fn has(labels: &[String], expected: &[&str]) {
    for label in expected {
        assert!(
            labels.iter().any(|known| known == label),
            "no `{label}` in {labels:?}"
        );
    }
}

#[track_caller]
pub fn lacks(labels: &[String], unexpected: &[&str]) {
    for label in unexpected {
        assert!(
            !labels.iter().any(|known| known == label),
            "`{label}` in {labels:?}"
        );
    }
}

#[test]
fn rules_are_completed_in_every_part() {
    let file = "rules/urgent.yaml";
    let (_sandbox, mut editor) = loaded(file);
    let mut at = |text: &str| labels(&mut editor, file, text);

    let keys = at("name: a\nev¦");
    has(
        &keys,
        &[
            "event_source",
            "event_type",
            "when",
            "flow",
            "dedupe",
            "flows",
        ],
    );
    lacks(&keys, &["name", "http"]);

    let sources = at("name: a\nevent_source: ¦");
    has(&sources, &["support", "upmind"]);

    let types = at("name: a\nevent_source: support\nevent_type: tick¦\n");
    has(
        &types,
        &["ticket.PriorityChanged", "ticket.*", "user.UserCreated"],
    );
    lacks(&types, &["ticket_message.ClientPosted"]);
    has(
        &at("event_source: support\nevent_type: [ticket.TagsChanged, ¦]"),
        &["ticket.PriorityChanged"],
    );

    let start = "name: a\nevent_source: support\nevent_type: ticket.PriorityChanged\n";
    let fields = at(&format!("{start}when:\n  cur¦"));
    has(
        &fields,
        &[
            "current",
            "previous",
            "ticket.tags",
            "all",
            "any",
            "vars.desk",
        ],
    );
    lacks(&fields, &["comment.body", "has"]);
    // A key that is written already is not proposed again.
    lacks(
        &at(&format!("{start}when:\n  current: urgent\n  ¦\n")),
        &["current"],
    );
    has(
        &at(&format!("{start}when: {{ any: [{{ pre¦")),
        &["previous", "current"],
    );

    has(
        &at(&format!("{start}when: {{ current: ¦")),
        &["low", "urgent"],
    );
    has(
        &at(&format!("{start}when: {{ current: [low, ¦")),
        &["normal"],
    );
    has(
        &at(&format!("{start}when: {{ current: {{ not: ¦")),
        &["high"],
    );
    has(
        &at(&format!("{start}when:\n  current:\n    ¦")),
        &["is", "not", "exists"],
    );
    has(
        &at(&format!("{start}when: {{ ticket.tags: {{ h¦")),
        &["has", "has_all", "present"],
    );

    let steps = at(&format!("{start}flow:\n  - ¦"));
    has(
        &steps,
        &[
            "name", "http", "exec", "choose", "for_each", "flow", "retry",
        ],
    );
    lacks(&steps, &["event_type"]);
    has(
        &at(&format!("{start}flow:\n  - http:\n      ¦")),
        &["connection", "path", "json"],
    );
    has(
        &at(&format!("{start}flow:\n  - http: {{ connection: ¦")),
        &["chat", "crm"],
    );
    has(&at(&format!("{start}flow:\n  - flow: ¦")), &["tell-desk"]);
    has(&at(&format!("{start}flow_name: ¦")), &["tell-desk"]);
    has(&at(&format!("{start}during: ¦")), &["office"]);
    has(
        &at(&format!("{start}mode: ¦")),
        &["live", "shadow", "disabled"],
    );
    has(&at(&format!("{start}dedupe: {{ per: ¦")), &["ticket.id"]);
    has(&at(&format!("{start}dedupe:\n  ¦")), &["per", "for"]);
    assert_eq!(editor.end().code, Some(0));
}

#[test]
fn templates_are_completed_by_name() {
    let file = "rules/urgent.yaml";
    let (_sandbox, mut editor) = loaded(file);
    let step = |template: &str| {
        RULE.replace("{{ vars.desk }}", template) + "  - name: second\n    succeed: x\n"
    };
    let mut at = |template: &str| labels(&mut editor, file, &step(template));
    let names = at("{{ ¦");
    has(
        &names,
        &[
            "ticket.id",
            "ticket.subject",
            "vars.desk",
            "vars.limit",
            "secret.CHAT_TOKEN",
        ],
    );
    has(&names, &["steps.page", "event.time", "current"]);
    lacks(&names, &["error.message", "upper"]);
    has(
        &at("{{ ticket.id | ¦ }}"),
        &["upper", "default", "truncate"],
    );
    has(&at("{% if ticket.id is ¦"), &["defined", "none"]);
    let text = "name: a\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n  - \
                succeed: x\non_dead:\n  - shell: x\n    http: { path: \"{{ error.¦";
    has(
        &labels(&mut editor, file, text),
        &["error.message", "error.run"],
    );
    // No answer has a value of a secret.
    let all = items(&mut editor, file, &step("{{ ¦"));
    let secret = all.iter().find(|item| item["label"] == "secret.CHAT_TOKEN");
    let secret = secret.expect("a secret");
    assert!(secret.get("documentation").is_none(), "{secret}");
    // The whole dotted name is replaced.
    let all = items(&mut editor, file, &step("{{ ticket.su¦ }}"));
    let subject = all.iter().find(|item| item["label"] == "ticket.subject");
    let edit = &subject.expect("a subject")["textEdit"];
    let range = &edit["range"];
    let length =
        range["end"]["character"].as_u64().unwrap() - range["start"]["character"].as_u64().unwrap();
    assert_eq!(
        (length, &edit["newText"]),
        (9, &Value::from("ticket.subject"))
    );
    assert_eq!(editor.end().code, Some(0));
}

#[test]
fn fields_have_types_and_sample_values() {
    let file = "rules/urgent.yaml";
    let (_sandbox, mut editor) = loaded(file);
    let text = RULE.replace("  current: urgent", "  current: urgent\n  ticket.ta¦");
    let all = items(&mut editor, file, &text);
    let tags = all.iter().find(|item| item["label"] == "ticket.tags");
    let tags = tags.expect("the tags");
    assert_eq!(tags["detail"], "list<text>");
    let text = tags["documentation"]["value"].as_str().expect("a text");
    assert!(
        text.contains("a list of text") && text.contains("Example: `["),
        "{text}"
    );
    assert_eq!(tags["textEdit"]["newText"], "ticket.tags: ");
    editor.end();
}

#[test]
fn tests_configuration_and_bundles_are_completed() {
    let file = "rules/urgent.test.yaml";
    let (_sandbox, mut editor) = loaded(file);
    let mut at = |text: &str| labels(&mut editor, file, text);
    has(
        &at("- name: a\n  ¦"),
        &["rule", "event", "expect", "set", "mock"],
    );
    has(&at("- name: a\n  rule: ¦"), &["urgent", "tagged"]);
    has(&at("- name: a\n  expect: ¦"), &["match", "no match"]);
    has(
        &at(&format!("{TESTS}  set:\n    ¦")),
        &["current", "ticket.tags"],
    );
    has(&at(&format!("{TESTS}  steps:\n    ¦")), &["page"]);
    has(&at(&format!("{TESTS}  because: ¦")), &["current"]);

    editor.open("flowtrigger.yaml", CONFIG);
    let mut at = |text: &str| labels(&mut editor, "flowtrigger.yaml", text);
    has(&at("¦"), &["vars", "connections", "sources", "limits"]);
    has(&at("mode: ¦"), &["live", "shadow"]);
    has(
        &at("connections:\n  chat:\n    ¦"),
        &["base_url", "auth", "headers"],
    );
    has(&at("limits: { ¦ }"), &["runs", "per_host"]);

    editor.open("rules/bundle.json", "");
    let text = r#"{ "zis_template_version": "2019-10-14", "resources": { "job": { "type": "ZIS::JobSpec",
      "properties": { "event_source": "support", "event_type": "ticket.¦" } } } }"#;
    has(
        &labels(&mut editor, "rules/bundle.json", text),
        &["ticket.CommentAdded"],
    );
    editor.end();
}

/// The description of what is at the `¦`.
fn hover(editor: &mut Editor, file: &str, text: &str) -> String {
    let (text, at) = marked(text);
    editor.change(file, &text);
    let found = editor.at("textDocument/hover", file, at);
    let value = found["contents"]["value"].as_str();
    value.unwrap_or_default().to_owned()
}

#[test]
fn everything_is_described() {
    let file = "rules/urgent.yaml";
    let (_sandbox, mut editor) = loaded(file);
    let mark = |word: &str| RULE.replacen(word, &format!("¦{word}"), 1);
    let mut at = |text: &str| hover(&mut editor, file, text);
    for (text, parts) in [
        (mark("event_source"), vec!["The source of the event"]),
        (
            mark("ticket.PriorityChanged"),
            vec!["Priority Changed", "`current`"],
        ),
        (
            mark("current"),
            vec!["a priority", "`urgent`", "Example: `"],
        ),
        (
            mark("connection:"),
            vec!["A connection of flowtrigger.yaml"],
        ),
        (mark("chat"), vec!["Connection `chat`"]),
        (mark("vars.desk"), vec![]),
        (
            mark("desk }}"),
            vec!["Variable `desk`", "https://desk.example/tickets"],
        ),
        (mark("ticket.id"), vec!["an id", "Example: `"]),
        (
            RULE.replace("ticket.id }}", "ticket.id | ¦upper }}"),
            vec!["in upper case"],
        ),
        (
            RULE.replace("ticket.id }}", "secret.¦CHAT_TOKEN }}"),
            vec!["variable `CHAT_TOKEN`"],
        ),
        (
            RULE.replace("current: urgent", "current: { ¦not: low }"),
            vec!["Negates"],
        ),
        (
            RULE.replace("current: urgent", "ticket.tags: { ¦has: low }"),
            vec!["The list contains", "# "],
        ),
        (
            CALLER.replace("office", "¦office"),
            vec!["Schedule `office`"],
        ),
        (
            CALLER.replace("tell-desk", "¦tell-desk"),
            vec!["Flow `tell-desk`"],
        ),
    ] {
        let found = at(&text);
        for part in parts {
            assert!(found.contains(part), "no `{part}` in `{found}` for\n{text}");
        }
    }
    editor.end();
}
