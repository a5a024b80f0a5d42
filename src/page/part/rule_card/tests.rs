//! Tests of the cards of rules, with rules and events as they are stored.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::report::input;
use crate::store::history::{PastRevision, RevisionTexts};
use flowtrigger_core::config::{Config, ConfigSource};
use flowtrigger_core::matching::find::MatchScratch;

/// The card of a rule with a condition, for an event with these tags.
fn card(when: &str, tags: &Value) -> String {
    let text = format!(
        "name: vip\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
    );
    let value = json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Priority Changed",
        "meta": {"occurred_at": "2026-03-01T09:00:00Z", "sequence": {"id": "A", "position": 1, "total": 1}},
        "previous": "low",
        "current": "high",
        "ticket": {"id": 7, "tags": tags, "status": "open", "priority": "high"},
    }}});
    let event = input::from_value(value, None, &Config::default()).unwrap();
    let texts = RevisionTexts {
        since: Timestamp::UNIX_EPOCH,
        files: vec![("rules/vip.yaml".into(), text)],
        config: ConfigSource::default(),
    };
    let past = PastRevision::compile(texts, &event);
    let rule = Arc::clone(past.rules.rule("vip").unwrap());
    let mut scratch = MatchScratch::default();
    let evaluation = past.rules.evaluate_event(&event, &mut scratch);
    let explanation = evaluation.explain(&rule).unwrap();
    let card = RuleCard {
        rule: &rule,
        explanation: &explanation,
        files: &past.rules.files,
        event: Some(EventRowId(31)),
        since: RuleSince::InForce,
    };
    card.html(&html! { p { "below" } }).into_string()
}

#[test]
fn a_near_miss_shows_what_to_change() {
    let html = card(
        "{ current: high, ticket.tags: { has: vip } }",
        &json!(["a", "vip\u{200b}"]),
    );
    for part in [
        r#"<article class="box rule" id="rule-vip">"#,
        r#"<span class="st nearly">no match, by 1</span>"#,
        r#"<i></i><i class="f"></i>"#,
        "1 of 2 predicates hold",
        r#"<tr class="fail"><td><span class="vd fail">FAIL</span></td>"#,
        r#"title="U+200B ZERO WIDTH SPACE""#,
        r#"<tr class="hint fail">"#,
        "rules/vip.yaml:1:7",
        r##"href="/rules/vip#L4""##,
        "Would match with",
        "Item 2: the value has a zero-width space",
        "/try?event=31&amp;rule=vip&amp;set=ticket.tags%3D",
        "<p>below</p>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[test]
fn the_option_to_copy_is_absent_for_a_text_that_cannot_be_typed() {
    let tags = json!(["vip\u{200b}"]);
    let html = card("{ current: high, ticket.tags: { has: gold } }", &tags);
    assert!(html.contains("Try it"), "{html}");
    assert!(!html.contains("Copy for dry-run"), "{html}");
    let html = card("{ ticket.tags: { has: gold } }", &json!(["vip"]));
    assert!(html.contains("data-copy=\"--set ticket.tags='["), "{html}");
}

#[test]
fn matches_fold_their_predicates_and_far_rules_fold_whole() {
    let matching = card("{ current: high }", &json!([]));
    assert!(matching.contains(">match</span>"), "{matching}");
    assert!(matching.contains("<details class=\"rest\"><summary>Predicates"));
    assert!(!matching.contains("Would match"));
    let far = card("{ current: urgent, ticket.tags: { has: vip } }", &json!([]));
    assert!(far.starts_with("<details class=\"box rule rest\""), "{far}");
    assert!(far.contains("No single change makes it match."), "{far}");
    let missing = card("{ actor_id: { not: 1 } }", &json!([]));
    assert!(missing.contains(">missing</span>"), "{missing}");
    assert!(
        missing.contains("<span class=\"mu\">no <bdi>actor_id"),
        "{missing}"
    );
}

#[test]
fn hostile_values_are_cut_and_escaped() {
    let tags = json!([
        "</td><script>alert(1)</script>",
        "\u{202e}x",
        "y".repeat(100_000)
    ]);
    let html = card("{ ticket.tags: { has: vip } }", &tags);
    assert!(!html.contains("<script"), "{html}");
    assert!(html.len() < 10_000, "{}", html.len());
    assert!(
        !html.contains("/try?"),
        "the change does not fit into an address"
    );
    assert!(html.contains("more characters"));
}
