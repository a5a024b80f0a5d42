//! Cursors in YAML and JSON, complete and half-written. `¦` is the cursor.

use super::*;

/// The path as text, the role and the word before the cursor.
fn at(marked: &str) -> (String, CursorRole, String) {
    let offset = marked.find('¦').expect("a cursor");
    let text = marked.replace('¦', "");
    let cursor = Cursor::at(&text, offset);
    let path: Vec<String> = cursor
        .path
        .iter()
        .map(|step| match step {
            TreeStep::Key(key) => key.clone(),
            TreeStep::Item(index) => index.to_string(),
        })
        .collect();
    (path.join("/"), cursor.role, text[cursor.token].to_owned())
}

fn check(marked: &str, path: &str, role: CursorRole, word: &str) {
    assert_eq!(
        at(marked),
        (path.to_owned(), role, word.to_owned()),
        "{marked}"
    );
}

use CursorRole::{Comment, KeyOrValue, Value};

#[test]
fn keys_and_values_of_blocks() {
    check("¦", "", KeyOrValue, "");
    check("nam¦", "", KeyOrValue, "nam");
    check("name: a\nev¦", "", KeyOrValue, "ev");
    check(
        "name: a\nevent_type: ticket.Pri¦",
        "event_type",
        Value,
        "ticket.Pri",
    );
    check("name: a\nevent_type: ¦", "event_type", Value, "");
    check("when:\n  cur¦", "when", KeyOrValue, "cur");
    check("when:\n  current: urgent\n  ¦", "when", KeyOrValue, "");
    check("when:\n  current: urgent\n¦", "", KeyOrValue, "");
    check("when:\n  current:\n    ¦", "when/current", KeyOrValue, "");
    check("a:\n  b:\n    c: 1\n  d¦\ne: 1\n", "a", KeyOrValue, "d");
    check("'quoted': ¦", "quoted", Value, "");
    check("name: a # so¦", "name", Comment, "");
    check("# so¦", "", Comment, "");
    check("name: \"a b¦\"", "name", Value, "a b");
}

#[test]
fn items_of_lists() {
    check("flow:\n  - ¦", "flow/0", KeyOrValue, "");
    check("flow:\n  - na¦", "flow/0", KeyOrValue, "na");
    check("flow:\n- name: x\n  ht¦", "flow/0", KeyOrValue, "ht");
    check(
        "flow:\n  - name: x\n  - http:\n      conn¦",
        "flow/1/http",
        KeyOrValue,
        "conn",
    );
    check(
        "flow:\n  - name: x\n    http: { connection: z¦",
        "flow/0/http/connection",
        Value,
        "z",
    );
    check("a:\n  - x\n  - y\nb: ¦", "b", Value, "");
    check("flow:\n- http:\n    url: x\n- ¦", "flow/1", KeyOrValue, "");
    check("a:\n  - - 1\n    - ¦", "a/0/1", KeyOrValue, "");
}

#[test]
fn keys_and_values_in_brackets() {
    check("when: { cur¦ }", "when", KeyOrValue, "cur");
    check("when: { current: ur¦", "when/current", Value, "ur");
    check("when: { current: urgent, ¦", "when", KeyOrValue, "");
    check(
        "when: { ticket.tags: { h¦",
        "when/ticket.tags",
        KeyOrValue,
        "h",
    );
    check(
        "when: { ticket.tags: { has: [a, b¦",
        "when/ticket.tags/has/1",
        KeyOrValue,
        "b",
    );
    check(
        "when: { previous: [null, low], cu¦",
        "when",
        KeyOrValue,
        "cu",
    );
    check("event_type: [ticket.A, ¦]", "event_type/1", KeyOrValue, "");
    check(
        "when: {\n  current: urgent,\n  pre¦\n}",
        "when",
        KeyOrValue,
        "pre",
    );
    check("when: { a: b }\nfl¦", "", KeyOrValue, "fl");
    check(
        "flow: [{ http: { json: { a: \"x {{ tic¦",
        "flow/0/http/json/a",
        Value,
        "x {{ tic",
    );
}

#[test]
fn json_is_understood() {
    check(
        "{\"resources\": {\"job\": {\"properties\": {\"event_t¦",
        "resources/job/properties",
        KeyOrValue,
        "event_t",
    );
    check(
        "{\"resources\": {\"job\": {\"properties\": {\n  \"event_type\": \"ticket.¦\"",
        "resources/job/properties/event_type",
        Value,
        "ticket.",
    );
    check("{\"a\": [1, {\"b\": 2}, \"¦", "a/2", KeyOrValue, "");
}

#[test]
fn texts_of_several_lines() {
    check("text: |\n  hello {{ tic¦", "text", Value, "hello {{ tic");
    check(
        "a:\n  text: >-\n    one\n\n    two ¦\n",
        "a/text",
        Value,
        "two ",
    );
    check("text: |\n  hello: x\nna¦", "", KeyOrValue, "na");
    check("text: \"one\n  two ¦", "text", Value, "one\n  two ");
}

#[test]
fn only_the_document_of_the_cursor_counts() {
    check(
        "name: a\nwhen:\n  x: 1\n---\nname: b\nwh¦",
        "",
        KeyOrValue,
        "wh",
    );
    check("name: a\n---\n¦", "", KeyOrValue, "");
    check("wh¦\n---\nname: b\n", "", KeyOrValue, "wh");
}

#[test]
fn templates_are_open_until_they_are_closed() {
    let template = |marked: &str| {
        let offset = marked.find('¦').expect("a cursor");
        Cursor::at(&marked.replace('¦', ""), offset).template
    };
    assert_eq!(template("text: \"{{ ticket.¦"), Some(" ticket.".into()));
    assert_eq!(template("text: \"{{ a }} {{ b | ¦"), Some(" b | ".into()));
    assert_eq!(template("text: \"{{ a }}¦"), None);
    assert_eq!(template("text: {{ a¦"), Some(" a".into()));
    assert_eq!(template("text: \"{% if a¦"), Some(" if a".into()));
}

#[test]
fn no_text_causes_a_panic() {
    let text =
        "a: {b: [\"ä\", 'it''s', {c: |\n  x\n- - ? \"\\\"\n}]\n--- # é\n🎉: >-\n\t x\n...\n:\n-\n";
    for (end, _) in text.char_indices().chain([(text.len(), ' ')]) {
        for (start, _) in text[..end].char_indices() {
            Cursor::at(&text[start..end], end - start);
            Cursor::around(&text[start..], end - start);
        }
    }
}

#[test]
fn a_word_before_a_colon_is_a_key() {
    let around = |marked: &str| {
        let offset = marked.find('¦').expect("a cursor");
        let text = marked.replace('¦', "");
        let (cursor, kind) = Cursor::around(&text, offset);
        (text[cursor.token].to_owned(), kind)
    };
    assert_eq!(
        around("when:\n  cur¦rent: a"),
        ("current".into(), TokenKind::Key)
    );
    assert_eq!(
        around("when: { ¦current: a }"),
        ("current".into(), TokenKind::Key)
    );
    assert_eq!(around("{\"na¦me\":\"x\"}"), ("name".into(), TokenKind::Key));
    assert_eq!(
        around("current: ur¦gent"),
        ("urgent".into(), TokenKind::Value)
    );
}
