//! Tests of explanations of rules that match and of rules that do not.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::catalogue::Catalogue;
use crate::event::format::decode;
use crate::language::operator::CaseSensitivity;
use crate::matching::find::MatchScratch;
use crate::matching::rule_set::RuleSet;

fn rules(when: &str) -> RuleSet {
    RuleSet::of_text(&text(when))
}

fn text(when: &str) -> String {
    format!(
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
    )
}

fn explain(when: &str, event: &Event) -> Explanation {
    let (rules, mut scratch) = (rules(when), MatchScratch::default());
    let evaluation = rules.evaluate_event(event, &mut scratch);
    let explanation = evaluation.explain(&rules.rules[0]);
    explanation.unwrap_or_else(|error| panic!("{error}"))
}

fn event() -> Event {
    let value = json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Priority Changed",
        "meta": {"occurred_at": "2026-03-01T09:00:00Z", "sequence": {"id": "A", "position": 1, "total": 1}},
        "previous": "low",
        "current": "high",
        "ticket": {"id": 7, "tags": ["vip", "test"], "status": "open", "priority": "high"},
    }}});
    decode(value, Catalogue::built_in()).expect("an event")
}

fn suggestions(when: &str) -> Vec<(String, Option<Value>)> {
    let explanation = explain(when, &event());
    let near = explanation.near_misses.into_iter();
    near.map(|near| (near.path, near.set)).collect()
}

/// The truth values for the whole event, and for one without its `current` and a tag.
fn truths(when: &str) -> (Truth, Truth) {
    let paths = ["current", "ticket.tags.0"].map(|path| Path::parse(path).expect(path));
    let kept = redact::redacted(&event(), &paths).expect("it holds both");
    let of = |event: &Event| explain(when, event).truth;
    (of(&event()), of(&kept))
}

#[test]
fn of_what_is_not_kept_nothing_is_said_that_was_not_so() {
    use crate::language::condition::evaluate::Truth::{False, True, Unknown};
    for (when, whole, kept) in [
        ("{ current: high }", True, Unknown),
        ("{ current: urgent }", False, Unknown),
        ("{ current: { not: urgent } }", True, Unknown),
        ("{ previous: { not: { path: current } } }", True, Unknown),
        ("{ ticket.tags: { has: test } }", True, Unknown),
        ("{ '$..tags[*]': vip }", True, Unknown),
        ("{ $.raw.input.ticket_event.previous: low }", True, Unknown),
        ("{ $.raw: { exists: true } }", True, Unknown),
        (
            "{ current: { present: true }, ticket.tags.0: { exists: true } }",
            True,
            True,
        ),
        ("{ current: { present: false } }", False, False),
        ("{ current: urgent, previous: normal }", False, False),
        (
            "{ any: [{ current: urgent }, { previous: low }] }",
            True,
            True,
        ),
        ("{ none: [{ current: urgent }] }", True, Unknown),
        ("{ ticket.status: open }", True, True),
        ("{ ticket.external_id: x }", Unknown, Unknown),
    ] {
        assert_eq!(truths(when), (whole, kept), "{when}");
    }
}

#[test]
fn one_change_that_would_do_is_suggested() {
    assert_eq!(
        suggestions("{ current: urgent, previous: low }"),
        [("current".into(), Some(json!("urgent")))]
    );
    assert_eq!(
        suggestions("{ ticket.tags: { has: vip, not: { has: [test, spam] } } }"),
        [("ticket.tags".into(), Some(json!(["vip"])))]
    );
    assert_eq!(
        suggestions("{ ticket.external_id: { starts_with: A- } }"),
        [("ticket.external_id".into(), Some(json!("A-")))]
    );
}

#[test]
fn one_change_may_mend_several_predicates_of_a_field() {
    assert_eq!(
        suggestions("{ ticket.tags: { has: gold, not: { has: test } } }"),
        [("ticket.tags".into(), Some(json!(["vip", "gold"])))]
    );
    assert_eq!(
        suggestions("{ current: { is: [low, urgent], not: [low, high] } }"),
        [("current".into(), Some(json!("urgent")))]
    );
}

#[test]
fn nothing_is_suggested_where_two_changes_are_needed() {
    assert_eq!(suggestions("{ current: urgent, previous: normal }"), []);
}

#[test]
fn every_branch_of_any_is_a_way_out() {
    let found = suggestions("{ any: [{ current: urgent }, { ticket.status: solved }] }");
    assert_eq!(
        found,
        [
            ("current".into(), Some(json!("urgent"))),
            ("ticket.status".into(), Some(json!("solved")))
        ]
    );
}

#[test]
fn a_change_without_a_known_value_is_told_in_words() {
    let explanation = explain("{ ticket.subject: { matches: '^EU' } }", &event());
    assert_eq!(explanation.truth, Truth::Unknown);
    assert_eq!(explanation.near_misses[0].set, None);
    assert_eq!(explanation.near_misses[0].words, "matches /^EU/");
}

#[test]
fn a_field_that_this_shape_does_not_bring_is_told_so() {
    let explanation = explain("{ ticket.subject: { contains: EU } }", &event());
    let hint = explanation.trace.lines[0].hint.clone().unwrap_or_default();
    assert!(
        hint.starts_with("it exists only in event webhooks"),
        "{hint}"
    );
}

#[test]
fn groups_name_the_place_in_the_tree() {
    let when = "{ current: high, any: [{ none: [{ previous: low, ticket.id: 7 }] }, { all: [{ previous: low }] }] }";
    let explanation = explain(when, &event());
    assert_eq!(explanation.truth, Truth::True);
    let groups: Vec<_> = explanation
        .trace
        .lines
        .iter()
        .map(|l| l.group.as_str())
        .collect();
    assert_eq!(
        groups,
        ["all", "any[0].none[0]", "any[0].none[0]", "any[1].all[0]"]
    );
}

const TESTS: [&str; 12] = [
    "current: urgent",
    "current: [low, high]",
    "current: { gt: normal, not: urgent }",
    "current: { not: [high, urgent] }",
    "previous: { path: current }",
    "previous: { lt: { path: current } }",
    "ticket.tags: { has: [gold, vip] }",
    "ticket.tags: { has_all: [gold, test], not: { has: vip } }",
    "ticket.id: { between: [8, 9] }",
    "ticket.external_id: { starts_with: A-, not: { ends_with: Z } }",
    "ticket.created_at: { before: -2h }",
    "ticket.organization_id: { exists: true, not: { present: true } }",
];

fn condition() -> impl Strategy<Value = String> {
    let leaf = (0..TESTS.len()).prop_map(|n| format!("{{ {} }}", TESTS[n]));
    leaf.prop_recursive(3, 12, 3, |inner| {
        let group = prop_oneof![Just("all"), Just("any"), Just("none")];
        (group, proptest::collection::vec(inner, 1..4))
            .prop_map(|(key, parts)| format!("{{ {key}: [{}] }}", parts.join(", ")))
    })
}

#[test]
fn a_change_is_suggested_only_if_it_makes_the_rule_match() {
    for (when, change) in [
        ("{ current: urgent, previous: high }", SingleChange::None),
        ("{ ticket.id: { gt: 8, lt: 10 } }", SingleChange::Known),
        (
            "{ ticket.id: { gt: 8, not: { between: [9, 20] } } }",
            SingleChange::Known,
        ),
        (
            "{ ticket.subject: { matches: '^a', not: ab } }",
            SingleChange::Unknown,
        ),
        ("{ ticket.subject: { matches: '^a' } }", SingleChange::Known),
        (
            "{ previous: urgent, current: { lt: { path: previous } } }",
            SingleChange::Known,
        ),
        (
            "{ ticket.id: { gt: 8, lt: { path: ticket.external_id } } }",
            SingleChange::None,
        ),
        (
            "{ ticket.id: { gt: 3, lt: { path: ticket.external_id } } }",
            SingleChange::Known,
        ),
    ] {
        let explanation = explain(when, &event());
        assert_eq!(explanation.single_change, change, "{when}");
        assert_eq!(
            explanation.near_misses.is_empty(),
            change != SingleChange::Known,
            "{when}"
        );
    }
}

#[test]
fn every_element_of_a_list_is_explained() {
    let mut event = event();
    event.raw["fields"] = json!([
        {"id": 1, "value": "silver"}, {"id": 2, "value": "gold"}, {"value": "gold"}
    ]);
    let hint = |when: &str| {
        explain(when, &event).trace.lines[0]
            .hint
            .clone()
            .unwrap_or_default()
    };
    assert_eq!(
        hint("{ any_of: { in: $.raw.fields, when: { id: 1, value: { starts_with: gold } } } }"),
        "[0] value is \"silver\", want starts_with \"gold\"; [1] id is 2, want is 1; [2] id is absent, want is 1"
    );
    assert_eq!(
        hint("{ any_of: { in: $.raw.fields, when: { id: 2 } } }"),
        "[1] fulfils it: {\"id\":2,\"value\":\"gold\"}"
    );
    assert_eq!(
        hint("{ ticket.tags: { any_of: { starts_with: gold } } }"),
        "[0] element is \"vip\", want starts_with \"gold\"; [1] element is \"test\", want starts_with \"gold\""
    );
    assert_eq!(
        hint("{ any_of: { in: '$.raw.fields[*]', when: { id: 1 } } }"),
        "the path finds 3 values, and none of them is a list; name the list itself, without `[*]` at the end, or test the values without `any_of`"
    );
    event.raw["deep"] = json!([{"kids": [{"a": 1}]}, {"kids": [{"a": 2}, {"a": 3}]}, {"kids": 7}]);
    let hint = |when: &str| {
        explain(when, &event).trace.lines[0]
            .hint
            .clone()
            .unwrap_or_default()
    };
    assert_eq!(
        hint("{ any_of: { in: '$.raw.deep[*].kids', when: { a: 9 } } }"),
        "list 1: [0] a is 1, want is 9; list 2: [0] a is 2, want is 9; [1] a is 3, want is 9; list 3 is 7, not a list"
    );
    assert_eq!(
        hint("{ none: [{ any_of: { in: '$.raw.deep[*].kids', when: { a: 3 } } }] }"),
        "list 2: [1] fulfils it: {\"a\":3}"
    );
    assert_eq!(
        suggestions("{ none: [{ ticket.tags: { any_of: { starts_with: te } } }] }"),
        [("ticket.tags".into(), Some(json!(["vip"])))]
    );
}

#[test]
fn operands_are_values_as_a_rule_writes_them() {
    for (when, operand) in [
        ("{ current: urgent }", json!("urgent")),
        ("{ current: [high, null] }", json!(["high", null])),
        ("{ ticket.id: { between: [8, 9] } }", json!([8, 9])),
        ("{ ticket.tags: { has_all: [a, b] } }", json!(["a", "b"])),
        ("{ ticket.subject: { matches: '^EU' } }", json!("^EU")),
        (
            "{ ticket.subject: { contains: [a, B] } }",
            json!(["a", "B"]),
        ),
        ("{ ticket.created_at: { before: -2h } }", json!("-2h")),
        (
            "{ ticket.created_at: { after: [2026-01-07, { path: ticket.updated_at }] } }",
            json!(["2026-01-07", {"path": "ticket.updated_at"}]),
        ),
        (
            "{ previous: { path: current } }",
            json!({"path": "current", "value": "high"}),
        ),
        ("{ ticket.external_id: { exists: true } }", json!(true)),
        ("{ ticket.external_id: { present: false } }", json!(false)),
        (
            "{ ticket.tags: { any_of: { starts_with: gold, not: x } } }",
            json!({"all": [
                {"path": "element", "operator": "starts_with", "polarity": "positive", "want": "gold", "ignore_case": false},
                {"path": "element", "operator": "is", "polarity": "negated", "want": "x", "ignore_case": false},
            ]}),
        ),
    ] {
        let explanation = explain(when, &event());
        assert_eq!(explanation.trace.lines[0].operand, operand, "{when}");
    }
    let case = |when: &str| explain(when, &event()).trace.lines[0].case;
    assert_eq!(
        case("{ ticket.subject: { is: EU, ignore_case: true } }"),
        CaseSensitivity::Ignored
    );
    assert_eq!(case("{ ticket.subject: EU }"), CaseSensitivity::Exact);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_suggested_value_makes_the_rule_match(when in condition()) {
        // A contradiction is an error.
        let rules = RuleSet::of_valid_text(&text(&when));
        prop_assume!(rules.is_ok());
        let rules = rules.expect("valid rules");
        let mut scratch = MatchScratch::default();
        for near in explain(&when, &event()).near_misses {
            let Some(value) = near.set else { continue };
            let mut changed = event();
            let path = Path::parse(&near.path).expect("a path");
            crate::path::set::set(&mut changed, &path, value).expect("a place");
            prop_assert!(rules.evaluate_event(&changed, &mut scratch).has_match());
        }
    }
}
