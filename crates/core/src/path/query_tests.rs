//! Tests of JSONPath queries: their results by RFC 9535, and the errors of what is not one.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::event::Event;
use crate::path::Path;
use crate::path::scope::Scope;

fn selected(query: &str, raw: &str) -> Value {
    let event = Event {
        source: "desk".into(),
        endpoint: "desk".into(),
        event_type: "t".into(),
        id: "e1".into(),
        key: None,
        time: None,
        envelope: json!({}),
        body: json!({}),
        raw: serde_json::from_str::<Value>(raw).expect("JSON").into(),
        about: json!({}),
        format: "json",
        warnings: vec![],
        trace: None,
    };
    let path = Path::parse(query).unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let found = path.resolve(&Scope::new(&event, &Value::Null)).to_json();
    found.map_or(json!([]), Cow::into_owned)
}

#[test]
fn queries_select_what_the_standard_says() {
    for (query, raw, expected) in [
        ("$.raw.l[?@[?@>1]]", r#"{"l":[[0],[0,2]]}"#, "[[0,2]]"),
        (
            "$.raw.l[?@.a]",
            r#"{"l":[{"a":null},{"b":1}]}"#,
            r#"[{"a":null}]"#,
        ),
        (
            "$.raw.l[?!@.a]",
            r#"{"l":[{"a":1},{"b":1}]}"#,
            r#"[{"b":1}]"#,
        ),
        (
            "$.raw.l[?@.a==@.b]",
            r#"{"l":[{"c":1},{"a":1,"b":1.0}]}"#,
            r#"[{"c":1},{"a":1,"b":1.0}]"#,
        ),
        ("$.raw.l[?@.a!='x']", r#"{"l":[{"a":"x"},{}]}"#, "[{}]"),
        (
            "$.raw.l[?@.a<=null]",
            r#"{"l":[{"a":null},{"a":1}]}"#,
            r#"[{"a":null}]"#,
        ),
        ("$.raw.l[?@>'a']", r#"{"l":["b","a",2]}"#, r#"["b"]"#),
        ("$.raw.l[?@=={\"a\":1}.a]", "{}", "error"),
        (
            "$.raw.l[?length(@)>1]",
            r#"{"l":["ää","a",[1,2],7,{"a":1}]}"#,
            r#"["ää",[1,2]]"#,
        ),
        (
            "$.raw.l[?count(@.*)>1]",
            r#"{"l":[[1,2],[1],{"a":1,"b":2}]}"#,
            r#"[[1,2],{"a":1,"b":2}]"#,
        ),
        (
            "$.raw.l[?value(@.*)==1]",
            r#"{"l":[[1],[1,1],{"a":1}]}"#,
            r#"[[1],{"a":1}]"#,
        ),
        (
            "$.raw.l[?@.a==1||@.a==2&&@.b]",
            r#"{"l":[{"a":1},{"a":2},{"a":2,"b":0}]}"#,
            r#"[{"a":1},{"a":2,"b":0}]"#,
        ),
        (
            "$.raw.l[?@.id==$.raw.want]",
            r#"{"want":2,"l":[{"id":1},{"id":2}]}"#,
            r#"[{"id":2}]"#,
        ),
        ("$.raw.l[-2:]", r#"{"l":[1,2,3]}"#, "[2,3]"),
        ("$.raw.l[::-1]", r#"{"l":[1,2,3]}"#, "[3,2,1]"),
        ("$.raw.l[3:0:-2]", r#"{"l":[0,1,2,3]}"#, "[3,1]"),
        ("$.raw.l[::0]", r#"{"l":[1]}"#, "[]"),
        ("$.raw.l[-1]", r#"{"l":[1,2]}"#, "[2]"),
        ("$.raw..id", r#"{"id":1,"a":[{"id":2}]}"#, "[1,2]"),
        ("$.raw['a','b']", r#"{"b":2,"a":1}"#, "[1,2]"),
        ("$.raw[?@>0]", r#"{"b":2,"a":0}"#, "[2]"),
    ] {
        if expected == "error" {
            assert!(Path::parse(query).is_err(), "{query}");
            continue;
        }
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(selected(query, raw), expected, "{query}");
    }
}

#[test]
fn numbers_of_a_filter_compare_with_all_their_digits() {
    let raw =
        r#"{"f":[{"id":9007199254740992},{"id":9007199254740993},{"id":123456789012345678901}]}"#;
    for (query, expected) in [
        (
            "$.raw.f[?@.id == 9007199254740992].id",
            "[9007199254740992]",
        ),
        (
            "$.raw.f[?@.id == 9007199254740993].id",
            "[9007199254740993]",
        ),
        (
            "$.raw.f[?@.id > 9007199254740992].id",
            "[9007199254740993,123456789012345678901]",
        ),
        (
            "$.raw.f[?@.id == 123456789012345678901].id",
            "[123456789012345678901]",
        ),
        ("$.raw.f[?@.id == 123456789012345678902].id", "[]"),
        (
            "$.raw.f[?(123456789012345678900 < @.id)].id",
            "[123456789012345678901]",
        ),
    ] {
        assert_eq!(selected(query, raw).to_string(), expected, "{query}");
    }
}

#[test]
fn a_quoted_name_is_used_as_written() {
    assert_eq!(selected(r#"$.raw["'a'"]"#, r#"{"'a'":1,"a":2}"#), json!(1));
}

#[test]
fn a_mistake_is_reported_with_its_position_and_the_probable_path() {
    for (text, message, help) in [
        (
            "$.raw.detail-type",
            "unexpected `-` at character 13",
            "did you mean `$.raw['detail-type']`?",
        ),
        (
            "$.raw.a-b.c d",
            "unexpected ` ` at character 12",
            "did you mean `$.raw['a-b']['c d']`?",
        ),
        (
            "$.raw.1st",
            "unexpected `1` at character 7",
            "did you mean `$.raw['1st']`?",
        ),
        (
            "$.raw.a[name]",
            "unexpected `n` at character 9",
            "did you mean `$.raw.a['name']`?",
        ),
        (
            "$.raw.",
            "it ends too early, at character 6",
            "did you mean `$.raw`?",
        ),
        (
            "$raw.a",
            "unexpected `r` at character 2",
            "did you mean `$.raw.a`?",
        ),
        (
            "$.raw.l[?@.a = 1]",
            "unexpected `=` at character 14",
            "did you mean `$.raw.l[?@.a == 1]`?",
        ),
        (
            "$.raw.l[?length(@.a)]",
            "the result of `length` is not true or false, at character 10",
            "compare it: `[?length(@.a) > 0]`",
        ),
        (
            "$.raw.l[?value(@.a)]",
            "the result of `value` is not true or false, at character 10",
            "test the field itself: `[?@.a]`",
        ),
        (
            "$.raw.l[?length(@.*)<3]",
            "`length` takes a single value, and this can be several, at character 10",
            "the number of nodes is `count(…)`",
        ),
        (
            "$.raw.l[?@.b && count(1) > 2]",
            "`count` has an argument of the wrong kind, at character 17",
            "a filter compares parts of the element `@`: `[?@.status == 'open']`; its functions are `length`, `count`, `value`, `match` and `search`",
        ),
        (
            "$.raw.l[?@.a == 9007199254740993 && length(@.b)]",
            "the result of `length` is not true or false, at character 37",
            "compare it: `[?length(@.a) > 0]`",
        ),
    ] {
        let error = Path::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert_eq!(error.help.as_deref(), Some(help), "{text}");
    }
}
