//! The protocol: unknown methods, wrong order, cancellation, broken parameters, and the end of a session.

use std::path::Path;

use flowtrigger_testing::editor::Editor;
use serde_json::{Value, json};

use super::{PROGRAM, RULE, editor, workspace};

const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMETERS: i64 = -32602;
const INVALID_REQUEST: i64 = -32600;
const NOT_INITIALIZED: i64 = -32002;
const CANCELLED: i64 = -32800;

#[test]
fn the_server_says_what_it_offers() {
    let sandbox = workspace();
    let mut editor = Editor::connect(Path::new(PROGRAM), sandbox.folder());
    let early = editor.request("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], NOT_INITIALIZED, "{early}");
    let answer = editor.request("initialize", json!({ "capabilities": {} }));
    let offered = &answer["result"]["capabilities"];
    assert_eq!(offered["positionEncoding"], "utf-16");
    for provider in [
        "hover",
        "definition",
        "references",
        "documentSymbol",
        "inlayHint",
    ] {
        assert_eq!(offered[format!("{provider}Provider")], true, "{offered}");
    }
    assert_eq!(
        offered["codeActionProvider"]["codeActionKinds"][0],
        "quickfix"
    );
    editor.notify("initialized", json!({}));
    assert_eq!(editor.end().code, Some(0));
}

#[test]
fn unknown_methods_and_broken_parameters_do_not_end_the_session() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    let unknown = editor.request("textDocument/unheardOf", json!({}));
    assert_eq!(unknown["error"]["code"], METHOD_NOT_FOUND, "{unknown}");
    let broken = editor.request("textDocument/hover", json!({ "position": 3 }));
    assert_eq!(broken["error"]["code"], INVALID_PARAMETERS, "{broken}");
    editor.notify("textDocument/didOpen", json!({ "textDocument": 7 }));
    editor.notify("$/unheardOf", Value::Null);
    // Files that no workspace reads have no answer.
    for uri in ["untitled:x", "file:///absent/x.yaml", "not an address"] {
        let document = json!({ "uri": uri });
        let position = json!({ "line": 0, "character": 0 });
        let parameters = json!({ "textDocument": document, "position": position });
        let answer = editor.request("textDocument/hover", parameters);
        assert!(answer["result"].is_null(), "{answer}");
    }
    editor.open("rules/urgent.yaml", &RULE.replace("current", "curent"));
    editor.wait_for("rules/urgent.yaml", |found| found.len() == 1);
    let ended = editor.end();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.log.contains("invalid parameters of a notification"),
        "{}",
        ended.log
    );
}

#[test]
fn a_cancelled_request_is_answered_once() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", RULE);
    let mut is_cancelled = false;
    // A request that was answered before its cancellation arrived is no failure, so there are several.
    for _ in 0..50 {
        let document = json!({ "uri": editor.uri("rules/urgent.yaml") });
        let position = json!({ "line": 4, "character": 3 });
        let parameters = json!({ "textDocument": document, "position": position });
        let ids: Vec<i64> = (0..20)
            .map(|_| editor.ask("textDocument/completion", parameters.clone()))
            .collect();
        let last = *ids.last().expect("an id");
        editor.notify("$/cancelRequest", json!({ "id": last }));
        for id in &ids[..ids.len() - 1] {
            // Answers arrive in any order; each request has exactly one.
            assert!(*id <= last);
        }
        let answer = editor.answer(last);
        is_cancelled |= answer["error"]["code"] == CANCELLED;
        if is_cancelled {
            break;
        }
    }
    assert!(is_cancelled, "no request was cancelled in time");
    assert_eq!(editor.end().code, Some(0));
}

#[test]
fn after_shutdown_only_exit_is_accepted() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    editor.request("shutdown", Value::Null);
    let late = editor.request("textDocument/hover", json!({}));
    assert_eq!(late["error"]["code"], INVALID_REQUEST, "{late}");
    editor.notify("exit", Value::Null);
    assert_eq!(editor.ended().code, Some(0));
}

#[test]
fn a_client_that_ends_without_shutdown_leaves_exit_code_1() {
    let sandbox = workspace();
    let mut exits = editor(&sandbox);
    exits.notify("exit", Value::Null);
    assert_eq!(exits.ended().code, Some(1));
    assert_eq!(editor(&sandbox).ended().code, Some(1));
}

#[test]
fn every_prefix_of_a_rule_can_be_typed() {
    let sandbox = workspace();
    let mut editor = editor(&sandbox);
    editor.open("rules/urgent.yaml", "");
    let text = RULE.replace("urgent", "ürgent🎉");
    let mut line = 0;
    let mut column = 0;
    for (end, c) in text.char_indices() {
        editor.change("rules/urgent.yaml", &text[..end]);
        editor.at(
            "textDocument/completion",
            "rules/urgent.yaml",
            (line, column),
        );
        editor.at("textDocument/hover", "rules/urgent.yaml", (line, column));
        match c {
            '\n' => (line, column) = (line + 1, 0),
            c => column += c.len_utf16(),
        }
    }
    let ended = editor.end();
    assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""));
}
