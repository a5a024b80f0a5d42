//! Tests the rendering of bundle texts and its limits.

use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId};
use crate::document;
use crate::event::Event;
use crate::language::event_fields::EventFields;

fn event() -> Event {
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.TicketCreated".into(),
        id: "1".into(),
        key: None,
        time: None,
        envelope: Value::Null,
        body: Value::Null,
        raw: Value::Null.into(),
        about: Value::Null,
        format: "zis",
        warnings: Vec::new(),
        trace: None,
    }
}

fn lowered<T>(yaml: &str, lower: impl FnOnce(&Node, &mut NameResolver<'_>) -> Option<T>) -> T {
    let mut diagnostics = Diagnostics::default();
    let node = document::read(FileId::default(), yaml, &mut diagnostics).remove(0);
    let config = Config::default();
    let mut names = config.name_resolver(EventFields::Open, &mut diagnostics);
    let lowered = lower(&node, &mut names);
    assert!(!diagnostics.has_errors(), "{yaml}: {diagnostics:?}");
    lowered.expect(yaml)
}

fn in_url(text: &str, document: &Value) -> Result<String, RenderError> {
    let yaml = serde_json::to_string(text).unwrap();
    let template = lowered(&yaml, |node, names| {
        Template::in_document(
            "https://a.example",
            text,
            node,
            Escape::Url,
            names.diagnostics,
        )
    });
    render(&template, document)
}

fn render(template: &Template, document: &Value) -> Result<String, RenderError> {
    let (event, vars) = (event(), Value::Null);
    let scope = Scope {
        document,
        ..Scope::new(&event, &vars)
    };
    template.render(&scope).map(|text| text.to_string())
}

#[test]
fn only_a_path_in_braces_is_a_placeholder() {
    let found = |text: &str| -> Vec<String> {
        let found = placeholders(text).into_iter();
        found.map(|found| text[found.path].to_owned()).collect()
    };
    assert_eq!(found("a {{$.b}} {{ $.c.d[0] }}"), ["$.b", "$.c.d[0]"]);
    assert_eq!(found("{{$}}{{$['a b']}}"), ["$", "$['a b']"]);
    for text in [
        "",
        "{{",
        "{{}}",
        "{{ticket.id}}",
        "{{$.a",
        "{$.a}",
        "{a: {b: .c}}",
        "é{{ é",
    ] {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_placeholder_that_is_the_whole_text_keeps_its_type() {
    let document = json!({"n": 5, "b": true, "z": null, "t": "é\u{fdd0}x", "l": [1, {"a": 2}]});
    let tree = lowered(
        r#"{ "n.$": "$.n", "m": "{{$.n}}", "t": "<{{$.t}}>", "z": "{{ $.z }}", "s": "{{$.n}}{{$.b}}{{$.z}}|{{$.l}}", "plain": "x", "o": { "l.$": "$.l" }, "k": [1.5, null] }"#,
        JsonTemplate::in_document,
    );
    let (event, vars) = (event(), Value::Null);
    let scope = Scope {
        document: &document,
        ..Scope::new(&event, &vars)
    };
    let rendered = tree.render(&scope).expect("a tree").redacted();
    assert_eq!(
        rendered,
        json!({"n": 5, "m": 5, "t": "<é\u{fdd0}x>", "z": null, "s": "5true|[1,{\"a\":2}]", "plain": "x", "o": {"l": [1, {"a": 2}]}, "k": [1.5, null]})
    );
}

#[test]
fn an_absent_value_is_reported_with_its_path() {
    let error = in_url("/x/{{$.a.b}}", &json!({"a": {}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`$.a.b` is not in the flow's document; test it before with a `Choice` by `IsPresent`"
    );
}

#[test]
fn a_value_in_a_url_remains_one_path_segment() {
    let document = json!({"id": 7, "t": "a/../b?c#d @", "dots": "..", "none": null, "empty": ""});
    assert_eq!(
        in_url("/x/{{$.id}}.json", &document).unwrap(),
        "https://a.example/x/7.json"
    );
    assert_eq!(
        in_url("/x?q={{$.t}}&n={{$.none}}", &document).unwrap(),
        "https://a.example/x?q=a%2F..%2Fb%3Fc%23d%20%40&n="
    );
    assert!(matches!(
        in_url("/x/{{$.dots}}/y", &document),
        Err(RenderError::Climbing { .. })
    ));
    for part in ["none", "empty"] {
        let found = in_url(&format!("/x/{{{{$.{part}}}}}/y"), &document);
        assert!(
            matches!(found, Err(RenderError::EmptyInPath { .. })),
            "{part}"
        );
    }
}

#[test]
fn too_much_text_is_an_error() {
    let yaml = "\"{{$.t}}{{$.t}}{{$.t}}\"";
    let template = lowered(yaml, |node, names| {
        Template::in_document(
            "",
            "{{$.t}}{{$.t}}{{$.t}}",
            node,
            Escape::None,
            names.diagnostics,
        )
    });
    let found = render(&template, &json!({"t": "x".repeat(100 * 1024)}));
    assert!(matches!(found, Err(RenderError::TooMuch { .. })));
}
