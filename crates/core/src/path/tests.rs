//! Tests of resolving paths, and of the errors and help for invalid ones.

use serde_json::json;

use super::*;
use crate::event::Event;

fn event() -> Event {
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.PriorityChanged".into(),
        id: "e1".into(),
        key: None,
        time: None,
        envelope: json!({"account_id": 7, "subdomain": "acme"}),
        body: json!({"current": "urgent", "ticket": {"tags": ["a", "b"], "via": null}}),
        raw: json!({"x": 1}).into(),
        about: json!({"type": "ticket.PriorityChanged"}),
        format: "zis",
        warnings: vec![],
        trace: None,
    }
}

fn found(path: &str) -> Option<Value> {
    let event = event();
    let (vars, steps) = (json!({"brand": 9}), json!({"org": {"status": 200}}));
    let scope = Scope {
        steps: &steps,
        ..Scope::new(&event, &vars)
    };
    let path = Path::parse(path).expect("a path");
    path.resolve(&scope).to_json().map(Cow::into_owned)
}

#[test]
fn every_root_is_resolved() {
    assert_eq!(found("current"), Some(json!("urgent")));
    assert_eq!(found("account_id"), Some(json!(7)));
    assert_eq!(found("event.type"), Some(json!("ticket.PriorityChanged")));
    assert_eq!(found("vars.brand"), Some(json!(9)));
    assert_eq!(found("steps.org.status"), Some(json!(200)));
    assert_eq!(found("$.raw.x"), Some(json!(1)));
    assert_eq!(found("ticket.tags.1"), Some(json!("b")));
}

#[test]
fn a_path_through_null_or_a_scalar_is_absent() {
    assert_eq!(found("ticket.via.channel"), None);
    assert_eq!(found("current.length"), None);
    assert_eq!(found("ticket.tags.2"), None);
}

#[test]
fn a_singular_query_is_the_same_plain_path() {
    let dotted = Path::parse("ticket.via.channel").expect("a path");
    for text in [
        "$.input.ticket_event.ticket.via.channel",
        "$['input']['ticket_event'].ticket['via'].channel",
    ] {
        assert_eq!(Path::parse(text).expect("a path").dotted(), dotted.dotted());
    }
    assert_eq!(
        found("$.input.ticket_event.ticket.tags[1]"),
        Some(json!("b"))
    );
}

#[test]
fn a_query_with_several_results_is_many_or_absent() {
    assert_eq!(
        found("$.input.ticket_event.ticket.tags[*]"),
        Some(json!(["a", "b"]))
    );
    assert_eq!(found("$..nothing"), None);
    assert_eq!(
        found("$.input.ticket_event.ticket.tags[?@ == 'b']"),
        Some(json!(["b"]))
    );
}

#[test]
fn filters_that_read_their_node_are_valid() {
    for text in [
        "$.input.ticket_event.ticket.tags[?@ == $.input.ticket_event.current]",
        "$.raw.custom_fields[?@.id == 7 && @.value]",
        "$.raw.custom_fields[?count(@.values[*]) > 2].id",
        "$.raw['a','b','c']['d','e']",
        "$..tags[?@ != 'vip']",
        "$.raw.list[?$.raw.flag]",
    ] {
        assert!(Path::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn invalid_and_costly_paths_are_errors_with_help() {
    for (text, advice) in [
        ("ticket.tags[0]", "write `ticket.tags.0`"),
        ("ticket..id", "write `ticket.id`"),
        (
            "$.input.ticket.id",
            "did you mean `$.input.ticket_event.ticket.id`?",
        ),
        ("$.ticket.id", "an event has"),
        ("$..a..b", "one descent"),
        (
            "$.input.ticket_event.ticket.tags[?match(@, 'a.*')]",
            "`matches:`",
        ),
        (
            "$.input.ticket_event.ticket.tags[?!search(@, 'a')]",
            "`matches:`",
        ),
        ("$.raw[?length(value(@..a)) == 1]", "name the keys"),
        ("$.input[?@..[?@..b]]", "name the keys"),
        ("$..a[?@..b]", "name the keys"),
        ("$.raw[?count($..*) > 1]", "looks at `@`"),
        ("$.raw[?$.raw[*]]", "looks at `@`"),
        ("$.raw[?$.raw == $.raw]", "a separate condition"),
        ("$.raw[?!(count(@[?match(@.a, 'x')]) == 1)]", "`matches:`"),
        ("$.raw[*,*][*,*][*,*][*,*][*,*][*,*][*,*]", "under `any:`"),
        (
            "$.raw['a','a','a','a','a','a','a','a']['b','b','b','b','b','b','b','b','b']",
            "under `any:`",
        ),
        ("$[", "close the bracket with `]`"),
        ("$.raw.a[01]", "did you mean `$.raw.a[1]`?"),
        ("$.raw[?length(1) == 1]", "write the path of a text"),
        ("$.raw[?foo", "a filter compares"),
        ("$.raw.a['b]", "close the quote"),
        ("{{ ticket.id }}", "written bare"),
        ("secret.KEY", "templates in steps"),
    ] {
        let error = Path::parse(text).expect_err(text);
        let help = error.help.unwrap_or_default();
        assert!(help.contains(advice), "{text}: {help}");
    }
}

#[test]
fn names_of_the_program_never_hide_a_field_of_the_sender() {
    let event = Event {
        envelope: json!({}),
        body: json!({
            "account_id": 7, "actor_id": 5, "integration_key": "k", "subdomain": "acme",
            "event": {"id": "sender", "data": {"title": "Shop is down"}, "time": {"zone": "UTC"}},
            "vars": {"brand": "own"}, "steps": 3, "error": "e", "body": {"x": 1}, "type": "t",
        }),
        about: json!({"id": "e1", "type": "t"}),
        format: "json",
        ..event()
    };
    let vars = json!({"brand": 9});
    let scope = Scope::new(&event, &vars);
    let found = |path: &str| {
        let path = Path::parse(path).expect("a path");
        path.resolve(&scope).to_json().map(Cow::into_owned)
    };
    for (path, expected) in [
        ("account_id", Some(json!(7))),
        ("actor_id", Some(json!(5))),
        ("integration_key", Some(json!("k"))),
        ("subdomain", Some(json!("acme"))),
        ("$.account_id", Some(json!(7))),
        ("event.id", Some(json!("e1"))),
        ("event.data.title", Some(json!("Shop is down"))),
        ("event.time.zone", Some(json!("UTC"))),
        ("event", Some(event.body["event"].clone())),
        ("body.event.id", Some(json!("sender"))),
        ("vars.brand", Some(json!(9))),
        ("body.vars.brand", Some(json!("own"))),
        ("body.steps", Some(json!(3))),
        ("body.account_id", Some(json!(7))),
        ("body.body.x", Some(json!(1))),
        ("body", Some(json!({"x": 1}))),
        ("body.type", Some(json!("t"))),
    ] {
        assert_eq!(found(path), expected, "{path}");
    }
    let error = Path::parse("body.error").expect("a path").of_error();
    assert_eq!(
        error.resolve(&scope).to_json(),
        Some(Cow::Owned(json!("e")))
    );
}

#[test]
fn brackets_are_replaced_by_dots_where_that_is_a_path() {
    for (text, help) in [
        ("alerts[0].x", "write `alerts.0.x`"),
        ("a.[0].c", "write `a.0.c`"),
        (
            "items[-1].price",
            "write JSONPath: `$.input.ticket_event.items[-1].price`",
        ),
        (
            "$.input.items[0].price",
            "did you mean `$.input.ticket_event.items[0].price`?",
        ),
        ("$body.list", "did you mean `body.list`?"),
        ("$ticket.id", "did you mean `ticket.id`?"),
        ("$raw.id", "did you mean `$.raw.id`?"),
        ("a['b'][2]", "write `a.b.2`"),
        ("tags[*]", "write JSONPath: `$.input.ticket_event.tags[*]`"),
        (
            "a['b.c']",
            "write JSONPath: `$.input.ticket_event.a['b.c']`",
        ),
        (
            "l[?@.id == 1].v",
            "write JSONPath: `$.input.ticket_event.l[?@.id == 1].v`",
        ),
    ] {
        assert_eq!(
            Path::parse(text).expect_err(text).help.as_deref(),
            Some(help)
        );
    }
}
