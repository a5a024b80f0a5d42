//! Tests how templates write values, that absent fields are errors, and what is reported at load.

mod filter_contexts;
pub mod filters;
pub mod hostile;
mod numbers;

use serde_json::{Value as Json, json};

use super::*;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId};
use crate::document;
use crate::event::Event;
use crate::event::catalogue::Catalogue;
use crate::language::event_fields::EventFields;
use crate::language::rendered_text::RenderedJson;

fn event(body: Json) -> Event {
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.PriorityChanged".into(),
        id: "e1".into(),
        key: None,
        time: None,
        envelope: json!({"account_id": 7, "subdomain": "acme"}),
        body,
        raw: Json::Null.into(),
        about: json!({"type": "ticket.PriorityChanged"}),
        format: "zis",
        warnings: vec![],
        trace: None,
    }
}

fn sample() -> Event {
    event(json!({
        "previous": null,
        "current": "urgent",
        "ticket": {"id": 35436, "tags": ["vip", "eu"], "via": null, "subject": "say \"hi\" {{ 7 * 7 }}",
                   "price": 9.5, "open": true, "big": 18_446_744_073_709_551_615_u64},
        "comment": {"body": "line 1\nline 2"},
    }))
}

/// Lowers the value under `text:` of a document; returns it with the diagnostics.
fn lower<T>(
    yaml: &str,
    with: impl FnOnce(&Node, &mut NameResolver<'_>) -> Option<T>,
) -> (Option<T>, Diagnostics) {
    let (mut diagnostics, config) = (Diagnostics::default(), Config::default());
    let nodes = document::read(FileId(0), yaml, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let mut names = config.name_resolver(EventFields::Open, &mut diagnostics);
    names.in_scope.vars =
        json!({"base": "https://pager.example", "deep": {"x": "y"}, "list": [1]}).into();
    names.in_scope.steps = vec!["org".into()];
    let lowered = nodes[0].get("text").and_then(|node| with(node, &mut names));
    (lowered, diagnostics)
}

fn quoted(text: &str) -> String {
    format!("text: {}\n", json!(text))
}

fn template(text: &str, escape: Escape) -> Template {
    let (template, diagnostics) = lower(&quoted(text), |node, names| {
        Template::lower(node, "text", escape, names)
    });
    template.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"))
}

fn scoped<T>(event: &Event, with: impl FnOnce(&Scope<'_>) -> T) -> T {
    let vars = json!({"base": "https://pager.example", "deep": {"x": "y"}});
    let steps = json!({"org": {"status": 200, "body": {"organization": null}}});
    with(&Scope {
        steps: &steps,
        ..Scope::new(event, &vars)
    })
}

fn rendered(text: &str) -> Result<RenderedText, RenderError> {
    scoped(&sample(), |scope| {
        template(text, Escape::None).render(scope)
    })
}

fn shown(text: &str) -> String {
    rendered(text).map_or_else(|error| format!("error: {error}"), |text| text.to_string())
}

fn url(text: &str) -> Result<RenderedText, RenderError> {
    scoped(&sample(), |scope| template(text, Escape::Url).render(scope))
}

fn tree(yaml: &str) -> Result<RenderedJson, RenderError> {
    let (tree, diagnostics) = lower(yaml, JsonTemplate::lower);
    let tree = tree.unwrap_or_else(|| panic!("{yaml}: {diagnostics:?}"));
    scoped(&sample(), |scope| tree.render(scope))
}

fn mistake(text: &str, escape: Escape) -> (String, String) {
    let (lowered, diagnostics) = lower(&quoted(text), |node, names| {
        Template::lower(node, "text", escape, names)
    });
    assert!(lowered.is_none(), "{text} should be an error");
    let first = diagnostics
        .iter()
        .next()
        .unwrap_or_else(|| panic!("{text}: no diagnostic"));
    (
        first.message.clone(),
        first.help.clone().unwrap_or_default(),
    )
}

#[test]
fn values_are_written_as_expected() {
    for (text, expected) in [
        ("#{{ ticket.id }} is {{ current }}", "#35436 is urgent"),
        ("{{ ticket.tags | join(', ') }}", "vip, eu"),
        ("[{{ previous }}]", "[]"),
        ("{{ ticket.tags }}", "[\"vip\",\"eu\"]"),
        (
            "{{ ticket.price }} {{ ticket.open }} {{ ticket.big }}",
            "9.5 true 18446744073709551615",
        ),
        (
            "{{ account_id }} {{ event.type }} {{ vars.deep.x }}",
            "7 ticket.PriorityChanged y",
        ),
        ("{{ steps.org.status }}", "200"),
        ("{{ current | upper }} {{ previous | upper }}.", "URGENT ."),
        ("{{ previous | default('none') }}", "none"),
        ("{{ ticket.zip | default('-') }}", "-"),
        ("{{ ticket.zip.code | default('-') }}", "-"),
        ("{{ steps.org.body.organization.name | default('-') }}", "-"),
        ("{% if ticket.zip is defined %}a{% else %}b{% endif %}", "b"),
        (
            "{% for tag in ticket.tags %}{{ loop.index }}{{ tag }} {% endfor %}",
            "1vip 2eu ",
        ),
        (
            "{{ ticket.tags[0] }} {{ ticket.tags.1 }} {{ ticket['id'] }}",
            "vip eu 35436",
        ),
        ("{{ comment.body | truncate(6) }}", "line …"),
        ("{{ ticket.tags | map('upper') | join('+') }}", "VIP+EU"),
        (
            "{% if current == 'urgent' %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
            "1",
        ),
        ("{{ 'a' if ticket.id > 3 else 'b' }}", "a"),
        ("{\"id\": {{ ticket.id }}}\n", "{\"id\": 35436}\n"),
        ("{{ ticket.subject }}", "say \"hi\" {{ 7 * 7 }}"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn an_absent_field_is_an_error_with_its_name() {
    for text in [
        "{{ ticket.zip }}",
        "{{ ticket.zip | upper }}",
        "{% if ticket.zip %}x{% endif %}",
        "{% for x in ticket.zip %}x{% endfor %}",
        "{{ [ticket.zip] }}",
        "{{ ticket.zip == 1 }}",
        "{{ ticket.zip | join }}",
        "{{ ticket.zip.code }}",
    ] {
        let error = rendered(text).expect_err(text).to_string();
        assert!(error.contains("ticket.zip"), "{text}: {error}");
        assert!(error.contains("is not in this event"), "{text}: {error}");
    }
}

#[test]
fn a_leaf_that_is_one_expression_keeps_its_type() {
    let tree = tree(
        "text:\n  id: \"{{ ticket.id }}\"\n  tags: \"{{ ticket.tags }}\"\n  big: \"{{ ticket.big }}\"\n  \
         null: \"{{ previous }}\"\n  n: \"{{ ticket.tags | length }}\"\n  t: \"#{{ ticket.id }}\"\n  x: [1, true, null]\n  \
         all: \"{{ ticket }}\"\n",
    );
    let value = tree.expect("a tree").redacted();
    assert_eq!(value["id"], json!(35436));
    assert_eq!(value["tags"], json!(["vip", "eu"]));
    assert_eq!(value["big"], json!(18_446_744_073_709_551_615_u64));
    assert_eq!(value["null"], Json::Null);
    assert_eq!(value["n"], json!(2));
    assert_eq!(value["t"], json!("#35436"));
    assert_eq!(value["x"], json!([1, true, null]));
    assert_eq!(value["all"], sample().body["ticket"]);
}

#[test]
fn a_typed_leaf_with_an_absent_field_is_an_error() {
    for leaf in [
        "{{ ticket.zip }}",
        "{{ [ticket.zip] }}",
        "{{ {'a': ticket.zip} }}",
        "{{ ticket.zip | upper }}",
    ] {
        let error = tree(&quoted(leaf)).expect_err(leaf).to_string();
        assert!(error.contains("is not in this event"), "{leaf}: {error}");
    }
}

#[test]
fn a_typed_leaf_names_the_filter_of_an_empty_list() {
    for leaf in [
        "{{ [] | first }}",
        "{{ [] | first | float }}",
        "{{ [] | last | upper }}",
        "{{ [] | min | round }}",
        "{{ ([] | max) | int }}",
    ] {
        let error = tree(&quoted(leaf)).expect_err(leaf).to_string();
        let expected = "found nothing, because the list is empty";
        assert!(error.contains(expected), "{leaf}: {error}");
    }
}

#[test]
fn mistakes_are_reported_at_load() {
    for (text, message, help) in [
        (
            "{{ ticket.id | uper }}",
            "unknown filter `uper`",
            "did you mean `upper`?",
        ),
        (
            "{{ ticket.id | format }}",
            "`format` does not take 0 values",
            "'%.2f' | format(x)",
        ),
        (
            "{% if false %}{{ x | nofilter }}{% endif %}",
            "unknown filter `nofilter`",
            "filters are",
        ),
        (
            "{{ ticket.tags | map('uper') }}",
            "unknown filter `uper`",
            "did you mean `upper`?",
        ),
        (
            "{{ ticket.tags | select('od') }}",
            "unknown test `od`",
            "did you mean `odd`?",
        ),
        (
            "{{ ticket.id is definde }}",
            "unknown test `definde`",
            "did you mean `defined`?",
        ),
        (
            "{{ ticket.id | upper(1) }}",
            "`upper` does not take 1",
            "x | upper",
        ),
        (
            "{{ upper(current) }}",
            "`upper()` is not available",
            "`x | upper`",
        ),
        (
            "{{ current.upper() }}",
            "`upper()` is not available",
            "`x | upper`",
        ),
        (
            "{{ nothing_known() }}",
            "`nothing_known()` is not available",
            "use a filter",
        ),
        (
            "{% include 'x' %}",
            "`{% include %}` is not available",
            "`if`, `for`",
        ),
        ("{% extends 'x' %}", "`{% extends %}` is not available", ""),
        (
            "{% import 'x' as y %}",
            "`{% import %}` is not available",
            "",
        ),
        (
            "{% macro x() %}{{ x() }}{% endmacro %}",
            "`{% macro %}` is not available",
            "",
        ),
        ("{% set x %}a{% endset %}", "not available", ""),
        (
            "{{ vars.nope }}",
            "`vars.nope` reads the variable `nope`",
            "define it",
        ),
        (
            "{{ steps.orgs.status }}",
            "`steps.orgs.status` reads the step `orgs`",
            "did you mean `org`?",
        ),
        (
            "{{ steps.page-oncall.status }}",
            "`steps.page-oncall.status` is read as a subtraction",
            "`page_oncall`",
        ),
        (
            "{{ ticket.custom-field }}",
            "subtraction",
            "ticket['custom-field']",
        ),
        ("{{ 'a' if ticket.open }}", "without `else`", "else ''"),
        ("{{ 'a' ~ previous }}", "`~` writes `none`", "side by side"),
        ("{{ 'x' * 100000000 }}", "multiplies numbers", ""),
        ("{{ ticket.id", "`{{` is never closed", "}}"),
        ("a {# b #}", "`{#` opens a template comment", "{{ '{#' }}"),
        ("{{ ticket.id ticket }}", "not a template", ""),
        (
            "{{ secret.A | upper }}",
            "a secret can only be written out",
            "alone",
        ),
        (
            "{{ secret.A | length }}",
            "a secret can only be written out",
            "",
        ),
        (
            "{{ secret.A == 'x' }}",
            "a secret can only be written out",
            "",
        ),
        (
            "{% set x = secret.A %}{{ x }}",
            "a secret can only be written out",
            "",
        ),
        (
            "{{ [secret.A] | join }}",
            "a secret can only be written out",
            "",
        ),
        (
            "{% for c in secret %}{{ c }}{% endfor %}",
            "a secret can only be written out",
            "",
        ),
        ("{{ secret }}", "one name", "secret.NAME"),
        ("{{ secret['A b'] }}", "one name", "secret.NAME"),
    ] {
        let (reported, helped) = mistake(text, Escape::None);
        assert!(reported.contains(message), "{text}: {reported}");
        assert!(helped.contains(help), "{text}: {helped}");
    }
}

#[test]
fn fields_are_checked_against_the_types_of_the_rule() {
    let (mut diagnostics, config) = (Diagnostics::default(), Config::default());
    let types = Catalogue::built_in().by_name("support", "ticket.CommentAdded");
    let text = "{{ ticket }} {{ ticket.tags[0] }} {{ comment.body }} {{ meta }} {{ event.type }} \
                {% for tag in ticket.tags %}{{ tag.x }}{{ ticket.idd }}{% endfor %}";
    let nodes = document::read(FileId(0), &quoted(text), &mut diagnostics);
    let fields = EventFields::Of(types.into_iter().cloned().collect());
    let mut names = config.name_resolver(fields, &mut diagnostics);
    let node = nodes[0].get("text").expect("a node");
    assert!(Template::lower(node, "text", Escape::None, &mut names).is_none());
    let messages: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        ["`ticket.CommentAdded` has no field `ticket.idd`"]
    );
}

#[test]
fn a_mistake_is_reported_at_its_position() {
    for (yaml, column, len) in [
        ("text: \"see {{ vars.nope }} there\"\n", 15, 9),
        ("text: see {{ vars.nope }} there\n", 14, 9),
        ("text: \"é {{ ticket.id\"\n", 10, 2),
        ("text: |\n  a\n  {{ vars.nope }}\n", 3, 0),
    ] {
        let (_, diagnostics) = lower(yaml, |node, names| {
            Template::lower(node, "text", Escape::None, names)
        });
        let at = diagnostics.iter().next().expect("a diagnostic").at;
        assert_eq!(at.column, column, "{yaml}");
        assert!(len == 0 || at.len == len, "{yaml}: {at:?}");
    }
}
