//! Statements about conditions as people write them.

use crate::analysis::comparison::{RuleChange, compare};
use crate::analysis::findings::prove;
use crate::analysis::{Analyzer, ConditionRelation, Implication, Satisfiability, Subject};
use crate::config::Config;
use crate::diagnostic::Code;
use crate::matching::rule_set::RuleSet;

const FLOW: &str = "flow: [{ succeed: done }]";

fn load(text: &str) -> RuleSet {
    crate::api::load([("rules.yaml", text)], &Config::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Rules of one event type with these conditions.
fn rules(conditions: &[&str]) -> RuleSet {
    let rules = conditions.iter().enumerate().map(|(number, when)| {
        format!(
            "name: r{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\n{FLOW}\n"
        )
    });
    load(&rules.collect::<Vec<_>>().join("---\n"))
}

/// How the second condition relates to the first one.
fn relation(before: &str, after: &str) -> ConditionRelation {
    let config = Config::default();
    let rules = rules(&[before, after]);
    let [a, b] = [&rules.rules[0], &rules.rules[1]].map(|rule| Subject::of_rule(rule));
    Analyzer::new(&config).relation(a, b)
}

#[test]
fn relations_of_conditions_are_proven() {
    for (before, after, expected) in [
        (
            "{ current: urgent }",
            "{ current: [high, urgent] }",
            "wider",
        ),
        (
            "{ current: [high, urgent] }",
            "{ current: urgent }",
            "narrower",
        ),
        (
            "{ current: urgent }",
            "{ current: { is: urgent } }",
            "equal",
        ),
        ("{ current: urgent }", "{ current: high }", "different"),
        (
            "{ current: { gt: low } }",
            "{ current: [normal, high, urgent] }",
            "equal",
        ),
        (
            "{ ticket.id: { between: [1, 9] } }",
            "{ ticket.id: { gte: 1, lte: 9 } }",
            "equal",
        ),
        (
            "{ ticket.id: { gt: 1 } }",
            "{ ticket.id: { gte: 1 } }",
            "wider",
        ),
        (
            "{ ticket.tags: { has: [a, b] } }",
            "{ ticket.tags: { has: a } }",
            "narrower",
        ),
        (
            "{ ticket.tags: { has_all: [a, b] } }",
            "{ ticket.tags: { has: a } }",
            "wider",
        ),
        (
            "{ ticket.tags: { not: { has: [a, b] } } }",
            "{ ticket.tags: { not: { has: a } } }",
            "wider",
        ),
        (
            "{ ticket.subject: { starts_with: vip } }",
            "{ ticket.subject: { matches: '^vip' } }",
            "equal",
        ),
        (
            "{ ticket.subject: { contains: VIP, ignore_case: true } }",
            "{ ticket.subject: { matches: '(?i)vip' } }",
            "equal",
        ),
        (
            "{ ticket.subject: { contains: outage } }",
            "{ ticket.subject: { matches: 'out(age|rage)' } }",
            "wider",
        ),
        (
            "{ ticket.created_at: { after: 2026-03-01 } }",
            "{ ticket.created_at: { after: 2026-02-01 } }",
            "wider",
        ),
        (
            "{ any: [{ current: urgent }, { previous: low }] }",
            "{ none: [{ none: [{ previous: low }, { current: urgent }] }] }",
            "equal",
        ),
        (
            "{ current: { gt: { path: previous } }, ticket.id: 1 }",
            "{ current: { gt: { path: previous } } }",
            "wider",
        ),
        (
            "{ ticket.id: { not: 5 } }",
            "{ ticket.id: { exists: true } }",
            "wider",
        ),
    ] {
        let found = relation(before, after);
        assert_eq!(found.label(), expected, "{before} {after}: {found:?}");
    }
}

#[test]
fn a_witness_has_a_payload_that_decodes_to_it() {
    let ConditionRelation::Wider(event) = relation(
        "{ current: urgent, ticket.tags: { has: vip } }",
        "{ current: [high, urgent], ticket.tags: { has: vip } }",
    ) else {
        panic!("wider");
    };
    assert_eq!(
        event.text(),
        r#"ticket.PriorityChanged with current = "high", ticket.tags = ["vip"]"#
    );
    let rules = rules(&["{ current: high, ticket.tags: { has: vip } }"]);
    let payload = event.payload.expect("a payload").to_string();
    let mut scratch = crate::matching::find::MatchScratch::default();
    let input = crate::EventInput::bytes(payload.as_bytes());
    let evaluation = rules.evaluate(input, &mut scratch).expect("an event");
    assert_eq!(evaluation.matched().count(), 1);
}

#[test]
fn families_are_compared_by_their_types() {
    let rule = |name: &str, types: &str| {
        format!("name: {name}\nevent_source: support\nevent_type: {types}\n{FLOW}\n")
    };
    let text = [rule("one", "ticket.StatusChanged"), rule("all", "ticket.*")].join("---\n");
    let rules = load(&text);
    let config = Config::default();
    let mut analyzer = Analyzer::new(&config);
    let [one, all] = [&rules.rules[0], &rules.rules[1]].map(|rule| Subject::of_rule(rule));
    assert!(matches!(analyzer.implies(one, all), Implication::Yes));
    assert!(matches!(analyzer.implies(all, one), Implication::No(_)));
}

#[test]
fn a_condition_without_events_names_the_predicates_that_exclude_each_other() {
    let rules = rules(&[
        "{ any: [{ current: urgent, ticket.id: 1 }, { current: high, ticket.id: 2 }], current: { not: urgent }, ticket.id: { not: 2 } }",
    ]);
    let config = Config::default();
    let found = Analyzer::new(&config).satisfiable(Subject::of_rule(&rules.rules[0]));
    let Satisfiability::No(locations) = found else {
        panic!("{found:?}");
    };
    assert_eq!(locations.len(), 4, "{locations:?}");
}

/// The codes of the findings, with the rule of each.
fn findings(text: &str) -> Vec<(Code, String)> {
    let report = prove(&load(text), &Config::default());
    let findings = report.findings.into_iter();
    findings
        .map(|finding| (finding.code, finding.rule))
        .collect()
}

fn writing(name: &str, event_type: &str, when: &str, json: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: {event_type}\nwhen: {when}\nflow:\n  - http:\n      \
         method: PUT\n      url: \"https://desk.zendesk.com/api/v2/tickets/{{{{ ticket.id }}}}.json\"\n      \
         json: {{ ticket: {json} }}\n"
    )
}

#[test]
fn rules_that_cover_others_are_found_if_they_do_the_same() {
    let rule = |name: &str, when: &str, said: &str| {
        format!(
            "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: {said} }}]\n"
        )
    };
    let narrow = rule("narrow", "{ current: urgent, previous: low }", "a");
    let wide = rule("wide", "{ current: [high, urgent] }", "a");
    let other = rule("other", "{ current: [high, urgent] }", "b");
    assert_eq!(
        findings(&[narrow.clone(), wide].join("---\n")),
        [(Code::Subsumed, "narrow".to_owned())]
    );
    assert_eq!(findings(&[narrow, other].join("---\n")), []);
}

#[test]
fn predicates_without_effect_are_found_among_alternatives() {
    let rules = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen:\n  any:\n    \
                 - { current: urgent }\n    - { current: urgent, previous: low }\nflow: [{ succeed: a }]\n";
    assert_eq!(findings(rules), [(Code::WithoutEffect, "r".to_owned())]);
}

#[test]
fn different_values_for_one_field_of_one_event_are_found() {
    let kind = "ticket.PriorityChanged";
    let a = writing("a", kind, "{ current: urgent }", "{ group_id: 1 }");
    let b = writing(
        "b",
        kind,
        "{ ticket.tags: { has: vip } }",
        "{ group_id: 2 }",
    );
    let same = writing(
        "same",
        kind,
        "{ ticket.tags: { has: vip } }",
        "{ group_id: 1 }",
    );
    let apart = writing("apart", kind, "{ current: low }", "{ group_id: 2 }");
    let conflict = findings(&[a.clone(), b].join("---\n"));
    assert_eq!(conflict, [(Code::ConflictingWrites, "b".to_owned())]);
    assert_eq!(findings(&[a.clone(), same].join("---\n")), []);
    assert_eq!(findings(&[a, apart].join("---\n")), []);
}

#[test]
fn rules_that_start_each_other_are_found() {
    let a = writing(
        "a",
        "ticket.StatusChanged",
        "{ current: open }",
        "{ priority: high }",
    );
    let b = writing(
        "b",
        "ticket.PriorityChanged",
        "{ current: high }",
        "{ status: open }",
    );
    let stopped = writing(
        "b",
        "ticket.PriorityChanged",
        "{ current: low }",
        "{ status: open }",
    );
    let apart = writing(
        "b",
        "ticket.PriorityChanged",
        "{ current: high, ticket.brand_id: 1 }",
        "{ status: open }",
    );
    let of_brand = writing(
        "a",
        "ticket.StatusChanged",
        "{ current: open, ticket.brand_id: 2 }",
        "{ priority: high }",
    );
    assert_eq!(
        findings(&[a.clone(), b].join("---\n")),
        [(Code::StartEachOther, "a".to_owned())]
    );
    assert_eq!(findings(&[a, stopped].join("---\n")), []);
    assert_eq!(findings(&[of_brand, apart].join("---\n")), []);
}

#[test]
fn changed_effects_are_named() {
    let rule = |gate: &str, steps: &str| {
        format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\ndedupe: {{ per: ticket.id, for: {gate} }}\nflow:\n{steps}"
        )
    };
    let before = load(&rule(
        "1h",
        "  - name: a\n    set: { x: 1 }\n  - succeed: b\n",
    ));
    let after = load(&rule(
        "2h",
        "  - name: a\n    set: { x: 2 }\n  - succeed: b\n",
    ));
    let config = Config::default();
    let differences = compare(&before, &after, [&config, &config]);
    let RuleChange::Kept {
        matches, effects, ..
    } = &differences[0].change
    else {
        panic!("{differences:?}");
    };
    assert_eq!(matches.label(), "equal");
    let keys: Vec<&str> = effects.iter().map(|effect| effect.key.as_str()).collect();
    assert_eq!(keys, ["dedupe", "flow.a"]);
}
