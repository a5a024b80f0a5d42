//! What `test` says of the parts of a flow that no run entered, of mocked replies, and as JSON.

use serde_json::{Value, json};

use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;

use super::rule_tests::{event, tested};
use super::setup::sandbox;

/// Tests a flow with a test of one event of the priority `urgent`.
fn tested_flow(flow: &str, keys: &str) -> Output {
    let sandbox: Sandbox = sandbox();
    let rule = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n";
    sandbox.write("rules/r.yaml", format!("{rule}flow:\n{flow}"));
    let event = event(7, "");
    let test = format!("- name: t\n  event: {event}\n  expect: match\n{keys}\n");
    sandbox.write("rules/r.test.yaml", test);
    sandbox.run(&["test"])
}

#[test]
fn a_step_that_sends_nothing_names_the_part_of_the_flow_that_was_not_entered() {
    let note = "[{ name: note, exec: [note] }]";
    let guard = "  - { name: last_guard, when: { current: low } }\n";
    for (flow, why) in [
        (
            format!(
                "  - {{ name: way, choose: [{{ when: {{ current: urgent }}, flow: [{{ set: {{ a: 1 }} }}] }}, {{ flow: {note} }}] }}\n{guard}"
            ),
            "the branch `way.2` was not taken, because `way.1` was",
        ),
        (
            format!(
                "  - {{ name: way, choose: [{{ when: {{ current: low }}, flow: {note} }}] }}\n{guard}"
            ),
            "the branch `way.1` was not taken, and no other one was",
        ),
        (
            format!("  - {{ name: each, for_each: ticket.tags, flow: {note} }}\n{guard}"),
            "the list of `each` has no items",
        ),
        (
            format!("  - {{ name: page, exec: [page], catch: {note} }}\n{guard}"),
            "the `catch` of `page` did not run: the step did not fail",
        ),
        (
            format!("  - {{ name: page, exec: [page] }}\n{guard}catch: {note}\n"),
            "`catch` did not run: no step before it failed",
        ),
        (
            format!("{guard}  - {{ name: note, exec: [note] }}\n"),
            "the run ended skipped before: the guard `last_guard` was not true",
        ),
    ] {
        let output = tested_flow(
            &flow,
            "  ends: skipped\n  steps: { note: { argv: [note] } }",
        );
        let line = format!("step `note` was expected to send something; {why}");
        output.expect_stdout(1, &[&line]);
    }
}

#[test]
fn a_mocked_reply_can_ask_for_a_longer_delay() {
    let flow = "  - { name: slow, http: { url: https://chat.example/slow } }\none_at_a_time_per: ticket.id\n";
    for (headers, starts) in [
        ("{ retry-after: '3600' }", "1h"),
        ("{ Retry-After: 1800 }", "30m"),
        ("{ RETRY-AFTER: 'Thu, 01 Jan 1970 00:10:00 GMT' }", "10m"),
    ] {
        let sandbox: Sandbox = sandbox();
        let rule = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n";
        sandbox.write("rules/r.yaml", format!("{rule}flow:\n{flow}"));
        let event = event(7, "vip");
        let slow =
            format!("{{ slow: [{{ status: 429, headers: {headers} }}, {{ status: 200 }}] }}");
        let test = format!(
            "- name: t\n  event: {event}\n  now: 1970-01-01T00:00:00Z\n  events:\n    - {{ at: 0s, mock: {slow}, expect: match }}\n    - {{ at: 1s, expect: match, starts: {starts} }}\n  order: [1, 2]\n"
        );
        sandbox.write("rules/r.test.yaml", test);
        sandbox.run(&["test"]).expect_stdout(0, &["1 passed"]);
    }
}

#[test]
fn coverage_names_the_path_of_an_operand_only() {
    let sandbox: Sandbox = sandbox();
    sandbox.write(
        "rules/r.yaml",
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: { current: { gt: { path: previous } } }\nflow: [{ succeed: ok }]\n",
    );
    let event = event(7, "vip");
    let test = format!("- name: t\n  event: {event}\n  expect: no match\n");
    sandbox.write("rules/r.test.yaml", test);
    let output = sandbox.run(&["test", "--coverage"]);
    output.expect_stdout(0, &["predicate  current gt previous  "]);
}

#[test]
fn the_json_of_tests_has_one_form() {
    let test = format!(
        "- name: t\n  event: {}\n  expect: no match\n",
        event(7, "vip")
    );
    let output = tested(&test, &["--format", "json"]);
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!((output.code, &report["version"]), (1, &json!(1)));
    assert_eq!(report["tests"][0]["passed"], false);
    assert_eq!(report["coverage"], Value::Null);
}
