//! Every documented filter in every context of a template: a text (header, argument, variable, standard input, body),
//! a value in a URL, and a value of JSON, which keeps its type.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::language::template::filter::FILTERS;

/// What a value in a URL is encoded to: all but the unreserved characters of RFC 3986.
const ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn sample_of_values() -> Event {
    event(json!({
        "name": " ann Lee ", "half": "a&b=c/d", "html": "<p>x &amp; <b>y</b></p>", "path": "a,b", "text": "1\n2",
        "none": null, "number": 7.126, "negative": -3, "digits": "12", "at": "2026-03-02T10:00:00Z",
        "list": ["b", "a", "b"], "numbers": [3, 1, 2],
        "rows": [{"k": "x", "n": 1}, {"k": "y", "n": 2}, {"k": "x", "n": 4}],
        "map": {"k": "v"},
    }))
}

/// The filter, an expression with it, the result as text, and the result as a value of JSON.
fn cases() -> Vec<(&'static str, &'static str, &'static str, Json)> {
    vec![
        ("default", "none | default('n/a')", "n/a", json!("n/a")),
        ("upper", "half | upper", "A&B=C/D", json!("A&B=C/D")),
        ("lower", "'ÄB' | lower", "äb", json!("äb")),
        ("capitalize", "'äB' | capitalize", "Äb", json!("Äb")),
        ("title", "'a b' | title", "A B", json!("A B")),
        ("trim", "name | trim", "ann Lee", json!("ann Lee")),
        ("truncate", "half | truncate(4)", "a&b…", json!("a&b…")),
        (
            "replace",
            "half | replace('&', '/')",
            "a/b=c/d",
            json!("a/b=c/d"),
        ),
        ("indent", "text | indent(2)", "1\n  2", json!("1\n  2")),
        (
            "escape",
            "html | escape",
            "&lt;p&gt;x &amp;amp; &lt;b&gt;y&lt;/b&gt;&lt;/p&gt;",
            json!("&lt;p&gt;x &amp;amp; &lt;b&gt;y&lt;/b&gt;&lt;/p&gt;"),
        ),
        ("e", "half | e", "a&amp;b=c/d", json!("a&amp;b=c/d")),
        ("striptags", "html | striptags", "x & y", json!("x & y")),
        ("format", "'%.2f' | format(number)", "7.13", json!("7.13")),
        (
            "date",
            "at | date('%d.%m. %H:%M')",
            "02.03. 10:00",
            json!("02.03. 10:00"),
        ),
        (
            "split",
            "path | split(',')",
            "[\"a\",\"b\"]",
            json!(["a", "b"]),
        ),
        ("lines", "text | lines", "[\"1\",\"2\"]", json!(["1", "2"])),
        ("string", "negative | string", "-3", json!("-3")),
        (
            "tojson",
            "map | tojson",
            "{\"k\":\"v\"}",
            json!("{\"k\":\"v\"}"),
        ),
        (
            "urlencode",
            "half | urlencode",
            "a%26b%3Dc%2Fd",
            json!("a%26b%3Dc%2Fd"),
        ),
        (
            "b64encode",
            "half | b64encode",
            "YSZiPWMvZA==",
            json!("YSZiPWMvZA=="),
        ),
        ("length", "list | length", "3", json!(3)),
        ("join", "list | join(', ')", "b, a, b", json!("b, a, b")),
        ("first", "list | first", "b", json!("b")),
        ("last", "numbers | last", "2", json!(2)),
        ("sort", "numbers | sort", "[1,2,3]", json!([1, 2, 3])),
        ("reverse", "numbers | reverse", "[2,1,3]", json!([2, 1, 3])),
        (
            "unique",
            "list | unique",
            "[\"b\",\"a\"]",
            json!(["b", "a"]),
        ),
        (
            "map",
            "rows | map(attribute='n')",
            "[1,2,4]",
            json!([1, 2, 4]),
        ),
        (
            "select",
            "numbers | select('gt', 1)",
            "[3,2]",
            json!([3, 2]),
        ),
        (
            "reject",
            "list | reject('eq', 'b')",
            "[\"a\"]",
            json!(["a"]),
        ),
        (
            "selectattr",
            "rows | selectattr('k', 'eq', 'y')",
            "[{\"k\":\"y\",\"n\":2}]",
            json!([{"k": "y", "n": 2}]),
        ),
        (
            "rejectattr",
            "rows | rejectattr('k', 'eq', 'x')",
            "[{\"k\":\"y\",\"n\":2}]",
            json!([{"k": "y", "n": 2}]),
        ),
        ("min", "numbers | min", "1", json!(1)),
        ("max", "numbers | max", "3", json!(3)),
        ("sum", "rows | sum(attribute='n')", "7", json!(7)),
        (
            "groupby",
            "rows | groupby('k') | map(attribute='grouper')",
            "[\"x\",\"y\"]",
            json!(["x", "y"]),
        ),
        (
            "items",
            "map | items",
            "[[\"k\",\"v\"]]",
            json!([["k", "v"]]),
        ),
        (
            "list",
            "path | list",
            "[\"a\",\",\",\"b\"]",
            json!(["a", ",", "b"]),
        ),
        ("int", "digits | int", "12", json!(12)),
        ("float", "digits | float", "12.0", json!(12.0)),
        ("round", "number | round(2)", "7.13", json!(7.13)),
        ("abs", "negative | abs", "3", json!(3)),
    ]
}

#[test]
fn every_filter_has_a_case() {
    let cases: BTreeSet<&str> = cases().iter().map(|(filter, ..)| *filter).collect();
    let known: BTreeSet<&str> = FILTERS.iter().map(|filter| filter.name).collect();
    assert_eq!(cases, known);
}

#[test]
fn every_filter_works_in_every_context() {
    let event = sample_of_values();
    for (filter, expression, text, value) in cases() {
        let written = format!("{{{{ {expression} }}}}");
        let as_text = scoped(&event, |scope| {
            template(&written, Escape::None).render(scope)
        });
        let as_text = as_text.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(as_text.to_string(), text, "{expression}");

        let (tree, diagnostics) = lower(&quoted(&written), JsonTemplate::lower);
        let tree = tree.unwrap_or_else(|| panic!("{expression}: {diagnostics:?}"));
        let as_json = scoped(&event, |scope| tree.render(scope)).map(|tree| tree.redacted());
        assert_eq!(as_json.ok(), Some(value), "{expression}");

        let address = format!("https://a.example/x?q={written}&end=1");
        if filter == "urlencode" {
            assert!(mistake(&address, Escape::Url).0.contains("twice"));
            continue;
        }
        let address = scoped(&event, |scope| {
            template(&address, Escape::Url).render(scope)
        });
        let address = address.unwrap_or_else(|error| panic!("{expression}: {error}"));
        let encoded = utf8_percent_encode(text, &ENCODED);
        assert_eq!(
            address.to_string(),
            format!("https://a.example/x?q={encoded}&end=1"),
            "{expression}"
        );
    }
}
