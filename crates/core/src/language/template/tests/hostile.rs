//! Tests templates with hostile events: a value is never evaluated, never becomes the host of a URL,
//! never forges a secret, and never makes a rendering exceed its limits.

use proptest::prelude::*;

use super::*;
use crate::language::rendered_text::{SecretEncoding, TextPart};

#[test]
fn secrets_stay_names() {
    let text = rendered("Bearer {{ secret.API_KEY }}!").expect("a text");
    assert_eq!(text.to_string(), "Bearer [secret API_KEY]!");
    assert_eq!(text.0.len(), 3);
    let text = rendered("{{ secret.A | b64encode }}{{ secret.B | urlencode }}").expect("a text");
    let encodings: Vec<_> = text
        .0
        .iter()
        .filter_map(|piece| match piece {
            TextPart::Secret { encoding, .. } => Some(*encoding),
            TextPart::Text(_) => None,
        })
        .collect();
    assert_eq!(encodings, [SecretEncoding::Base64, SecretEncoding::Percent]);
    assert_eq!(
        template("{{ secret.A }}", Escape::None)
            .secrets()
            .collect::<Vec<_>>(),
        ["A"]
    );
    let tree =
        tree("text: { key: \"{{ secret.A }}\", other: \"{{ ticket.id }}\" }\n").expect("a tree");
    assert_eq!(
        tree.redacted(),
        json!({"key": "[secret A]", "other": 35436})
    );
}

#[test]
fn a_payload_cannot_forge_a_secret() {
    let forged = "\u{fdd0}pAPI_KEY\u{fdd0} \u{fdd1} \u{fdd2}";
    let event = event(json!({"comment": {"body": forged}}));
    let text = scoped(&event, |scope| {
        template("{{ comment.body }}{{ secret.A }}", Escape::None).render(scope)
    });
    let text = text.expect("a text");
    assert_eq!(text.secrets().collect::<Vec<_>>(), ["A"]);
    assert_eq!(text.0[0], TextPart::Text(forged.into()));
}

#[test]
fn runaway_templates_are_stopped() {
    for (text, why) in [
        (
            "{% for i in range(100000000) %}x{% endfor %}",
            "too many elements",
        ),
        (
            "{% for i in range(90000) %}{% for j in range(90000) %}{{ '' }}{% endfor %}{% endfor %}",
            "200,000 steps",
        ),
        (
            "{% for i in range(50000) %}{{ comment.body }}{% endfor %}",
            "256 KiB",
        ),
        (
            "{{ range(90000) | join('x') | replace('x', range(9000) | join('y')) }}",
            "1 MB",
        ),
        (
            "{% set a = range(90000) | join('xxxxxx') %}{% set a = a | b64encode | b64encode | b64encode | b64encode %}",
            "1 MB",
        ),
        (
            "{% set a = range(90000) | join('\"\"') %}{{ a | tojson | tojson | tojson | tojson }}",
            "1 MB",
        ),
        (
            "{% set a = range(90000) | join('%%') %}{{ a | urlencode | urlencode | urlencode | urlencode | length }}",
            "1 MB",
        ),
        (
            "{% set a = range(90000) | join('\"') %}{{ [[[a] | string] | string] | string | length }}",
            "1 MB",
        ),
        (
            "{% set a = range(90000) | join('x') %}{{ [a,a,a,a,a,a,a,a,a] }}",
            "4 MB",
        ),
        (
            "{% set a = range(90000) | join(',') %}{{ a | split(',') | length }}",
            "50,000 values",
        ),
        (
            "{% set a = range(90000) | join('\n') %}{{ a | lines | length }}",
            "50,000 values",
        ),
    ] {
        let error = rendered(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn expressions_that_could_become_too_large_are_reported_at_load() {
    let doubled = "{% set a = a + a %}".repeat(7);
    let lists = "{% set a = [a, a] %}".repeat(4);
    for text in [
        format!("{{% set a = comment.body %}}{doubled}{{{{ a }}}}"),
        format!("{{% set a = ticket.tags %}}{lists}{{{{ a | string }}}}"),
        format!("{{{{ {} }}}}", vec!["comment.body"; 65].join("+")),
        format!(
            "{{{{ [{}] | length }}}}",
            vec!["comment.body"; 33].join(",")
        ),
    ] {
        let (reported, help) = mistake(&text, Escape::None);
        assert!(
            reported.contains("more than 64 values"),
            "{text}: {reported}"
        );
        assert!(help.contains("one after the other"), "{help}");
    }
    for text in [
        "{{ comment.body * 100000 }}",
        "{{ comment.body * ticket.id }}",
        "{{ 2 * ticket.tags }}",
        "{% set n = comment.body %}{{ n * 2 }}",
        "{{ (comment.body | int('x')) * 2 }}",
        "{{ (ticket.id + comment.body) * 2 }}",
    ] {
        let (reported, _) = mistake(text, Escape::None);
        assert!(
            reported.contains("multiplies numbers"),
            "{text}: {reported}"
        );
    }
    for (text, expected) in [
        ("{{ (ticket.id | int) * 2 }}", "70872"),
        ("{{ 2 * 3 * (ticket.tags | length) }}", "12"),
        (
            "{% for t in ticket.tags %}{{ loop.index * 10 }} {% endfor %}",
            "10 20 ",
        ),
        ("{{ 1 + 1 + (7 - 2) * 3 }}", "17"),
    ] {
        assert_eq!(rendered(text).expect(text).to_string(), expected);
    }
}

/// The size of a name that a loop sets is limited by one iteration, because each iteration starts with new variables.
#[test]
fn a_name_set_in_a_loop_is_reset_in_the_next_iteration() {
    let text = "{% set a = 'x' %}{% for i in range(3) %}{{ a }},{% set a = a + a %}{% endfor %}";
    assert_eq!(rendered(text).expect(text).to_string(), "x,x,x,");
}

#[test]
fn the_depth_of_expressions_and_blocks_is_limited() {
    for (part, wrap) in [("+1", "1"), (".b", "a"), ("|upper", "a"), (" or x", "x")] {
        let long = format!("{{{{ {wrap}{} }}}}", part.repeat(1_980 / part.len()));
        template(&long, Escape::None);
        let longer = format!("{{{{ {wrap}{} }}}}", part.repeat(20_000));
        assert!(mistake(&longer, Escape::None).0.contains("2,000 bytes"));
    }
    let nested = |depth: usize| "{% if true %}".repeat(depth) + &"{% endif %}".repeat(depth);
    template(&nested(90), Escape::None);
    assert!(mistake(&nested(5_000), Escape::None).0.contains("200"));
}

#[test]
fn values_in_a_url_are_encoded_and_never_form_the_host() {
    let text = url(
        "{{ vars.base }}/t/{{ current }}/{{ ticket.subject }}?q={{ previous }}&k={{ secret.K }}",
    );
    let text = text.expect("a URL");
    assert_eq!(
        text.to_string(),
        "https://pager.example/t/urgent/say%20%22hi%22%20%7B%7B%207%20%2A%207%20%7D%7D?q=&k=[secret K]"
    );
    assert!(url("outbox:pager/{{ ticket.id }}").is_ok());
    assert!(url("https://pager.example").is_ok());
    for (text, message) in [
        ("https://{{ current }}/x", "never form the host"),
        ("https://a.example{{ current }}", "never form the host"),
        ("{{ secret.URL }}", "never form the host"),
        ("{{ current }}", "never form the host"),
        ("{{ vars.base }}{{ current }}", "never form the host"),
        ("{{ vars.list }}/x", "not text"),
        ("{{ vars.nope }}/x", "unknown variable"),
        ("a.example/x", "no address"),
        ("/api/v2", "no address"),
        ("https:////{{ current }}/x", "has no host"),
        ("https:///a.example/{{ current }}", "has no host"),
        ("https://\\a.example/{{ current }}", "has no host"),
        ("https://a.example\\@b/{{ current }}", "has no host"),
        ("https:\\x://a/{{ current }}", "has no host"),
        ("https://\t/a.example/{{ current }}", "has no host"),
        ("ftp://a.example/x", "cannot be called"),
        ("https://u:p@a.example/x", "must not contain a user name"),
        ("https://a.example/../x", "`..`"),
        ("outbox:/x", "needs a name"),
        ("outbox:{{ current }}/x", "needs a name"),
        ("https://a.example/{{ current | urlencode }}", "twice"),
    ] {
        let (reported, _) = mistake(text, Escape::Url);
        assert!(reported.contains(message), "{text}: {reported}");
    }
}

#[test]
fn a_value_cannot_change_the_structure_of_the_path() {
    let dots =
        event(json!({"a": "..", "b": ".", "c": "", "d": null, "e": "%2e%2e", "f": "x/../y"}));
    let get = |text: &str| scoped(&dots, |scope| template(text, Escape::Url).render(scope));
    for text in [
        "https://h.example/x/{{ a }}/y",
        "https://h.example/x/.{{ b }}",
        "https://h.example/{{ a }}?q",
    ] {
        let error = get(text).expect_err(text);
        assert!(
            matches!(error, RenderError::Climbing { .. }),
            "{text}: {error}"
        );
    }
    for text in [
        "https://h.example/x/{{ c }}",
        "https://h.example/x/{{ d }}.json",
    ] {
        let error = get(text).expect_err(text);
        assert!(
            matches!(error, RenderError::EmptyInPath { .. }),
            "{text}: {error}"
        );
    }
    for text in [
        "https://h.example/{{ e }}/y",
        "https://h.example/{{ f }}",
        "https://h.example/?q={{ a }}{{ c }}",
    ] {
        assert!(get(text).is_ok(), "{text}");
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("{{ 7 * 7 }}".to_owned()),
        Just("{% raw %}{#".to_owned()),
        Just("\"'\\\n\r\t\u{0}".to_owned()),
        Just("\u{fdd0}pA\u{fdd0}\u{fdd1}\u{fdd2}".to_owned()),
        Just("../@evil.example:80/#?&=".to_owned()),
        Just("🎫é\u{202e}".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_payload_survives_a_json_tree(payload in hostile()) {
        let event = event(json!({"comment": {"body": payload}}));
        let (tree, _) = lower(
            "text: { whole: \"{{ comment.body }}\", part: \"<{{ comment.body }}>\", made: \"{{ comment.body | string }}\" }\n",
            JsonTemplate::lower,
        );
        let tree = tree.expect("a tree");
        let json = scoped(&event, |scope| tree.render(scope)).expect("rendered").redacted().to_string();
        let back: Json = serde_json::from_str(&json).expect("valid JSON");
        prop_assert_eq!(back["whole"].as_str(), Some(payload.as_str()));
        prop_assert_eq!(back["made"].as_str(), Some(payload.as_str()));
        let part = format!("<{payload}>");
        prop_assert_eq!(back["part"].as_str(), Some(part.as_str()));
    }

    #[test]
    fn any_payload_stays_in_its_part_of_a_url(payload in hostile()) {
        let event = event(json!({"comment": {"body": payload}}));
        let template = template("https://h.example/t/x{{ comment.body }}?q={{ comment.body }}", Escape::Url);
        match scoped(&event, |scope| template.render(scope)) {
            Err(error) => prop_assert!(matches!(error, RenderError::EmptyInPath { .. }), "{}", error),
            Ok(text) => {
                let url = ::url::Url::parse(&text.to_string()).expect("a URL");
                prop_assert_eq!(url.host_str(), Some("h.example"));
                let query: Vec<_> = url.query_pairs().collect();
                prop_assert_eq!(query.len(), 1);
                prop_assert_eq!(query[0].1.as_ref(), payload.as_str());
                prop_assert!(url.path().starts_with("/t/x"));
            }
        }
    }
}
