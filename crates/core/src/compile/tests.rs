//! Tests that all mistakes of a rule are reported, and conditions that can never hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compile::rule_set;
use crate::config;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, Files};

const CONFIG: &str = "
vars: { desk: 'https://desk.example', tiers: [gold], limits: { high: 5 } }
sources:
  shop: { event_type: order.created }
  desk: { event_type: { path: kind } }
";

fn config() -> Config {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", CONFIG);
    let config = config::parse(file, CONFIG, &BTreeMap::new(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    config
}

/// One line for each diagnostic: `message | help`.
fn diagnostics_of(rule: &str) -> Vec<String> {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("r.yaml", rule);
    rule_set::rule_set(&Arc::new(files), &[file], &config(), &mut diagnostics);
    let found = diagnostics.sorted().into_iter();
    found
        .map(|d| format!("{} | {}", d.message, d.help.unwrap_or_default()))
        .collect()
}

fn rule(event_type: &str, when: &str) -> String {
    format!(
        "name: r\nevent_source: support\nevent_type: {event_type}\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
    )
}

fn about_condition(when: &str) -> Vec<String> {
    diagnostics_of(&rule("ticket.PriorityChanged", when))
}

#[track_caller]
fn assert_reported(found: &[String], parts: &[&str]) {
    let fit = found.len() == parts.len() && found.iter().zip(parts).all(|(l, p)| l.contains(p));
    assert!(fit, "expected {parts:#?}\nfound {found:#?}");
}

#[test]
fn a_wrong_source_does_not_hide_a_wrong_type_or_field() {
    let text = rule("ticket.PriorityChangd", "{ current: urgent }");
    let found = diagnostics_of(&text.replace("support", "zendesk"));
    assert_reported(
        &found,
        &["unknown source", "did you mean `ticket.PriorityChanged`?"],
    );
    let text = rule("ticket.PriorityChanged", "{ ticket.tagz: vip }");
    let found = diagnostics_of(&text.replace("support", "zendesk"));
    assert_reported(&found, &["unknown source", "has no field `ticket.tagz`"]);
}

#[test]
fn every_type_of_a_list_is_checked_and_an_unknown_one_allows_any_field() {
    let found = diagnostics_of(&rule(
        "[7, ticket.PriorityChangd, []]",
        "{ comment.body: x }",
    ));
    assert_reported(
        &found,
        &["`7`", "PriorityChangd", "takes text, found a list"],
    );
    let found = diagnostics_of(&rule(
        "[ticket.PriorityChanged, ticket.CommentAded]",
        "{ comment.body: x }",
    ));
    assert_reported(&found, &["CommentAded"]);
}

#[test]
fn a_described_source_has_families_and_no_type_beside_its_constant() {
    let of = |source: &str, event_type: &str| {
        diagnostics_of(&rule(event_type, "{ total: 5 }").replace("support", source))
    };
    assert_reported(&of("shop", "order.created"), &[]);
    assert_reported(&of("shop", "order.*"), &[]);
    assert_reported(&of("desk", "anything.*"), &[]);
    assert_reported(
        &of("shop", "order.crated"),
        &["its event types are `order.created`"],
    );
}

#[test]
fn one_mistake_in_a_condition_hides_no_other() {
    let found = about_condition("{ current: { ignore_case: yes, is: urgnt } }");
    assert_reported(
        &found,
        &["`ignore_case` takes true or false", "never \"urgnt\""],
    );
    let found = about_condition("{ ticket.tagz: { matches: '(', foo: 1 } }");
    assert_reported(
        &found,
        &[
            "no field `ticket.tagz`",
            "not a regular expression",
            "unknown operator `foo`",
        ],
    );
}

#[test]
fn operators_in_a_list_are_reported_as_operators() {
    let found = about_condition("{ previous: [low, { is: high }, { not: low }] }");
    assert_reported(
        &found,
        &[
            "operators are not allowed inside",
            "operators are not allowed inside",
        ],
    );
}

#[test]
fn names_that_are_numbers_are_unique_too() {
    let text = rule("ticket.PriorityChanged", "{ current: urgent }").replace("name: r", "name: 7");
    assert_reported(
        &diagnostics_of(&format!("{text}---\n{text}")),
        &["duplicate rule name `7`"],
    );
}

#[test]
fn fields_that_never_compare_are_reported() {
    for (when, part) in [
        (
            "{ ticket.priority: { path: ticket.status } }",
            "cannot be compared with `ticket.status`, which is a status",
        ),
        (
            "{ ticket.tags: { path: ticket.id } }",
            "cannot be compared with `ticket.id`",
        ),
        (
            "{ ticket.tags: { has: { path: ticket.tags } } }",
            "cannot be compared with `ticket.tags`",
        ),
        (
            "{ ticket.tags: { has: { path: ticket.id } } }",
            "cannot be compared with `ticket.id`",
        ),
        (
            "{ ticket.brand_id: { path: vars.desk } }",
            "never \"https://desk.example\"",
        ),
        (
            "{ ticket.priority: { gt: { path: ticket.status } } }",
            "cannot be compared with `ticket.status`",
        ),
        (
            "{ ticket.id: { gt: { path: ticket.tags } } }",
            "cannot be compared with `ticket.tags`",
        ),
        (
            "{ ticket.external_id: { contains: { path: ticket.id } } }",
            "cannot be compared with `ticket.id`",
        ),
        (
            "{ ticket.created_at: { before: { path: ticket.id } } }",
            "cannot be compared with `ticket.id`",
        ),
        (
            "{ ticket.external_id: { contains: { path: vars.limits.high } } }",
            "takes text, found 5",
        ),
        (
            "{ ticket.brand_id: { path: vars.limits.low } }",
            "has no `vars.limits.low`",
        ),
    ] {
        assert_reported(&about_condition(when), &[part]);
    }
    for when in [
        "{ current: { path: previous }, ticket.priority: { gte: { path: previous } } }",
        "{ ticket.tags: { has: { path: ticket.priority } } }",
        "{ ticket.updated_at: { after: { path: ticket.created_at } } }",
        "{ ticket.brand_id: { path: vars.limits.high }, vars.limits.high: 5 }",
        "{ ticket.assignee_id: { path: ticket.requester_id } }",
        "{ ticket.external_id: { gt: { path: ticket.id } } }",
    ] {
        assert_reported(&about_condition(when), &[]);
    }
}

#[test]
fn impossible_orders_and_times_are_reported() {
    for (when, part) in [
        (
            "{ ticket.id: { gt: many } }",
            "is an id, never ordered against \"many\"",
        ),
        (
            "{ ticket.created_at: { gt: soon } }",
            "is a time, never ordered against \"soon\"",
        ),
        (
            "{ ticket.created_at: { lt: 5 } }",
            "is a time, never ordered against 5",
        ),
        (
            "{ ticket.created_at: yesterday }",
            "is a time, never \"yesterday\"",
        ),
        (
            "{ ticket.status: { gt: deleted } }",
            "is never ordered against \"deleted\"",
        ),
        (
            "{ ticket.id: { between: [[1, 2], 3] } }",
            "`between` takes a single value",
        ),
    ] {
        assert_reported(&about_condition(when), &[part]);
    }
    let found = about_condition("{ ticket.id: { between: [a, b] } }");
    assert_reported(&found, &["\"a\"", "\"b\""]);
}

#[test]
fn a_family_orders_each_word_in_its_own_order() {
    let of_types = "[ticket.PriorityChanged, ticket.StatusChanged]";
    assert_reported(
        &diagnostics_of(&rule(of_types, "{ current: { gt: open } }")),
        &[],
    );
    assert_reported(
        &diagnostics_of(&rule(of_types, "{ current: { gt: low } }")),
        &[],
    );
    let found = diagnostics_of(&rule(of_types, "{ current: { gt: opne } }"));
    assert_reported(&found, &["did you mean `open`?"]);
    assert_reported(
        &diagnostics_of(&rule("ticket.*", "{ current: { gt: open } }")),
        &[],
    );
}

fn about_flow(flow: &str) -> Vec<String> {
    diagnostics_of(&format!(
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n{flow}\n"
    ))
}

#[test]
fn a_result_that_no_step_has_cannot_be_read() {
    let org = "- { name: org, http: { url: 'https://a.example' } }";
    for (flow, part) in [
        (
            "- { set: '{{ steps.org.bdy.id }}' }",
            "did you mean `steps.org.body`?",
        ),
        (
            "- { when: { steps.org.stdout: x } }",
            "it has status, headers, body",
        ),
        (
            "- { when: { current: { path: steps.org.stdout } } }",
            "it has status",
        ),
        (
            "- { name: gate, when: { current: high } }\n- { set: '{{ steps.gate }}' }",
            "has no result to read",
        ),
        (
            "- { name: a, exec: [a], keep: none }\n- { set: '{{ steps.a.status }}' }",
            "has no result to read",
        ),
        (
            "- { name: a, exec: [a], keep: status }\n- { set: '{{ steps.a.stdout }}' }",
            "it has status",
        ),
    ] {
        assert_reported(&about_flow(&format!("{org}\n{flow}")), &[part]);
    }
    let valid = "- { name: v, set: { a: 1 } }\n- { set: '{{ steps.v.a }}{{ steps.org.body.x }}{{ steps.org }}' }";
    assert_reported(&about_flow(&format!("{org}\n{valid}")), &[]);
}

#[test]
fn one_mistake_in_a_step_hides_no_other() {
    let found = about_flow("- http: { connection: crn, path: '/{{ ticket.idd }}' }");
    assert_reported(
        &found,
        &["unknown connection `crn`", "no field `ticket.idd`"],
    );
    let found =
        about_flow("- http: { url: 'https://a.example', json: '{{ nope }}', body: '{{ never }}' }");
    assert_reported(
        &found,
        &["no field `nope`", "at most one body", "no field `never`"],
    );
    let found = about_flow("- { http: { url: 'https://a.example', method: GTE }, exec: [] }");
    assert_reported(
        &found,
        &["`GTE`", "exactly one action", "the command is empty"],
    );
}

#[test]
fn a_query_below_an_unknown_field_is_reported() {
    let found = about_condition("{ '$.input.ticket_event.ticket.tagz[*]': vip }");
    assert_reported(&found, &["no field `ticket.tagz`"]);
    let found = about_condition("{ '$.ticket.tags[*]': vip, '$.input.ticket.tags[*]': vip }");
    assert_reported(
        &found,
        &[
            "leads nowhere",
            "did you mean `$.input.ticket_event.ticket.tags`",
        ],
    );
    for valid in [
        "$.input.ticket_event.ticket.tags[*]",
        "$..tags[*]",
        "$.raw.a[*]",
        "$.input[*].ticket",
    ] {
        assert_reported(&about_condition(&format!("{{ '{valid}': vip }}")), &[]);
    }
}

#[test]
fn a_filter_takes_no_value_of_another_name() {
    let found = about_flow(
        "- { set: \"{{ ticket.tags | join(d=', ') }}{{ ticket.tags | sort(reverse=true) }}\" }",
    );
    assert_reported(&found, &["`join` takes no value named `d`"]);
}

#[test]
fn mistakes_in_the_tests_of_an_invalid_rule_are_reported() {
    let found = about_flow("- { exec: [] }\ntests:\n  - { expect: matsh, mock: { a: 1, b: 2 } }");
    assert_reported(
        &found,
        &[
            "the command is empty",
            "no `event`",
            "`expect` takes",
            "`mock` takes",
            "`mock` takes",
        ],
    );
}

#[test]
fn a_test_of_a_run_without_match_is_reported() {
    let test = "  - { event: { a: 1 }, expect: no match, ends: done, steps: { a: {} } }";
    let found = about_flow(&format!("- {{ exec: [] }}\ntests:\n{test}"));
    assert_reported(
        &found,
        &["the command is empty", "`ends` beside", "`steps` beside"],
    );
}
