//! Tests of the reader: values, anchors, tags, errors, and equality with another reader.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::diagnostic::{Diagnostics, FileId, Severity};

/// The documents of a text as JSON, and its diagnostics as `line:column message | help`.
fn read_all(text: &str) -> (Vec<Value>, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let nodes = read(FileId(0), text, &mut diagnostics);
    let lines = diagnostics.sorted().into_iter().map(|d| {
        let kind = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help = d.help.unwrap_or_default();
        format!(
            "{kind} {}:{} {} | {help}",
            d.at.line, d.at.column, d.message
        )
    });
    (nodes.iter().map(Node::to_json).collect(), lines.collect())
}

fn values(text: &str) -> Vec<Value> {
    let (values, found) = read_all(text);
    assert_eq!(found, Vec::<String>::new(), "{text}");
    values
}

/// The only diagnostic of a text.
fn only(text: &str) -> String {
    let (_, mut found) = read_all(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.remove(0)
}

#[test]
fn directives_and_end_lines_separate_documents() {
    for text in [
        "%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 2\n...\n",
        "a: 1\n...\nb: 2\n",
        "---\na: 1\n...\n---\nb: 2\n",
        "# c\n%YAML 1.1\n# d\n---\na: 1\n---\nb: 2\n",
        "%TAG !e! tag:example.com,2000:\n---\na: 1\n...\n\n...\nb: 2",
    ] {
        assert_eq!(values(text), [json!({"a": 1}), json!({"b": 2})], "{text}");
    }
}

#[test]
fn positions_are_those_of_the_file_in_every_document() {
    let found = only("%YAML 1.2\n---\na: 1\n...\n# c\n---\nb: 2\nb: 3\n");
    assert_eq!(
        found,
        "error 8:1 duplicate key `b` | first defined on line 7; remove one of them"
    );
}

#[test]
fn aliases_and_merged_mappings_repeat_their_anchors() {
    assert_eq!(
        values(
            "a: &x { b: 1, c: [2] }\nd: *x\ne: { <<: *x, b: 3 }\nf: { <<: [*x, { g: 4, b: 5 }] }\n\"<<\": 6\n"
        ),
        [json!({
            "a": {"b": 1, "c": [2]}, "d": {"b": 1, "c": [2]}, "e": {"b": 3, "c": [2]},
            "f": {"b": 1, "c": [2], "g": 4}, "<<": 6
        })]
    );
    assert!(only("a: { <<: 1 }").contains("`<<` takes a mapping"));
}

#[test]
fn an_anchor_or_tag_that_is_lost_is_a_warning() {
    for (text, value, warning) in [
        (
            "t: &urgent ticket",
            json!({"t": "ticket"}),
            "warning 1:4 unused anchor `&urgent`, which is not part of the value | put quotes around a text that starts with `&`: \"&urgent …\"; remove an anchor that no alias `*urgent` uses",
        ),
        (
            "t: !here ticket",
            json!({"t": "ticket"}),
            "warning 1:4 unknown tag `!here`, which is not part of the value | put quotes around a text that starts with `!`: \"!here …\"; remove a tag",
        ),
        (
            "t: [a, !x b]",
            json!({"t": ["a", "b"]}),
            "warning 1:8 unknown tag `!x`",
        ),
        (
            "t: !x { a: 1 }",
            json!({"t": {"a": 1}}),
            "warning 1:4 unknown tag `!x`",
        ),
        ("- &a [1]", json!([[1]]), "warning 1:3 unused anchor `&a`"),
        ("&k a: 1", json!({"a": 1}), "warning 1:1 unused anchor `&k`"),
        (
            "t: !!binary YQ==",
            json!({"t": "YQ=="}),
            "warning 1:4 unknown tag `!!binary`",
        ),
        ("t: !", json!({"t": ""}), ""),
    ] {
        let (found, reported) = read_all(text);
        assert_eq!(found, [value], "{text}");
        match warning {
            "" => assert!(reported.is_empty(), "{text}: {reported:?}"),
            warning => assert!(reported[0].starts_with(warning), "{text}: {reported:?}"),
        }
    }
    assert_eq!(values("a: &x 1\nb: *x"), [json!({"a": 1, "b": 1})]);
}

#[test]
fn the_tags_of_yaml_itself_are_read() {
    assert_eq!(
        values(
            "a: !!str 1\nb: !!int 1\nc: !!float 1.5\nd: !!bool true\ne: !!null ~\nf: !!seq [1]\ng: !!map {h: 1}\ni: !!str"
        ),
        [
            json!({"a": "1", "b": 1, "c": 1.5, "d": true, "e": null, "f": [1], "g": {"h": 1}, "i": ""})
        ]
    );
    for text in [
        "a: !!int x",
        "a: !!int \"1\"",
        "a: !!bool yes",
        "a: !!seq {}",
        "a: !!map 1",
    ] {
        assert!(only(text).contains("is not what its tag `!!"), "{text}");
    }
}

#[test]
fn a_star_that_was_meant_as_text_asks_for_quotes() {
    for (text, value) in [
        ("t: *urgent* ticket", "*urgent* ticket"),
        ("t: *urgent", "*urgent"),
        ("u: { t: *urgent* ticket, v: 1 }", "*urgent* ticket, v: 1"),
        ("t: *every hour* # a comment", "*every hour*"),
        ("- *.example.com", "*.example.com"),
        ("*a : 1", "*a : 1"),
    ] {
        let found = only(text);
        assert!(found.contains("YAML reads `*` as a reference"), "{found}");
        assert!(
            found.ends_with(&format!("put quotes around the whole value: \"{value}\"")),
            "{found}"
        );
    }
    assert!(only("a: &x [*x]").contains("the alias `*x` is inside its own anchor"));
}

#[test]
fn every_error_of_the_parser_has_words_of_ours() {
    for (text, message) in [
        (
            "a: [1, 2",
            "1:4 not valid YAML: the bracket `[` is not closed",
        ),
        ("a: { b: 1", "the bracket `{` is not closed"),
        ("a: [1}", "the bracket `[` is closed by `}`"),
        ("a: 1]\nb: ]", "this bracket closes nothing"),
        (
            "a: @here",
            "1:4 not valid YAML: a text cannot start with `@`",
        ),
        ("a: `x`", "a text cannot start with a backtick"),
        (
            "a: b: c",
            "a second `: ` in a value | put quotes around a text that contains `: `",
        ),
        ("a: \"b\" c", "text after a closing quote"),
        ("a: 'b' c", "text after a closing quote"),
        (
            "a: [b] c",
            "put quotes around a value that continues after a bracket or a quote",
        ),
        ("a: \"b", "a quote is not closed"),
        ("a: 'it's'", "not valid YAML"),
        ("a: \"C:\\dir\"", "an unknown escape after `\\`"),
        ("a: > 5 items", "text behind `|` or `>`"),
        ("a: - b", "a list cannot start here"),
        (
            "a:\n\tb: 1",
            "a tab in the indentation | indent with spaces",
        ),
        (
            "a: &",
            "put quotes around a text that starts with `&` or `*`",
        ),
        ("a: !e!x y", "put quotes around a text that starts with `!`"),
        ("%YAML 3.0\n---\na: 1", "unsupported version of YAML"),
        ("%YAML 1.2\na: 1", "put a line `---`"),
        ("a: 1\n- b", "not valid YAML"),
        ("a\nb: 1", "not valid YAML"),
    ] {
        let (_, found) = read_all(text);
        let found = found.join("\n");
        assert!(found.contains(message), "{text}: {found}");
        for foreign in [
            "scanning",
            "flow",
            "block",
            "simple key",
            "from_str",
            "EOF",
            "scalar",
            "<",
        ] {
            assert!(!found.contains(foreign), "{text}: {found}");
        }
    }
}

#[test]
fn a_comment_that_cuts_a_template_off_is_named_in_brackets_too() {
    for text in [
        "json: { text: #{{ ticket.id }} }",
        "a: [ #{{ x }} ]",
        "a: { b: c #{{ x }}, d: e }\nf: 1\n",
        "a:\n  - { b: \"#ok\", c: #{{ x }} }\n  - d\n",
        "a: #{{ x }}",
    ] {
        let found = only(text);
        assert!(
            found.contains("YAML reads `#{{ …` as a comment"),
            "{text}: {found}"
        );
    }
    assert!(only("a: { b: \"x #{{ x }}\", c: [ }").contains("is closed by"));
}

#[test]
fn limits_hold_without_a_second_error() {
    let deep = format!("a: {}1{}", "[".repeat(60), "]".repeat(60));
    assert!(only(&deep).contains("nested deeper than 48 levels"));
    let many = format!("a: &x 1\nb: [{}]", "*x, ".repeat(70));
    assert!(only(&many).contains("limit on size or aliases"));
    assert!(only("a: .inf").contains("put quotes around it"));
}

/// The same text by another reader of the same parser.
fn peer(text: &str) -> Option<Value> {
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options).ok()
}

proptest! {
    #[test]
    fn another_reader_returns_the_same(words in prop::collection::vec(prop::sample::select(vec![
        "a", "b: ", "- ", "\n", "\n  ", "\n    ", ": ", "{", "}", "[", "]", ", ", "'", "\"", "1",
        "-7", "0", "2.5", "1e3", "12h", "true", "No", "null", "~", "é", "票", "|", ">-", "# c", "#",
        "&x ", "*x", "? ", "<<: ", "\\n", "\r\n", "\t", "@", "`", "{{ a }}", "x y", "k",
        "v: 1", "inf", "=", ".5", "\u{85}", "\u{feff}", "!!str ",
    ]), 1..24)) {
        let text = words.concat();
        let (found, reported) = read_all(&text);
        let unread = reported.iter().any(|line| line.starts_with("error"));
        if let ([value], Some(other), false) = (found.as_slice(), peer(&text), unread) {
            prop_assert_eq!(value, &other, "{}", text);
        }
    }
}
