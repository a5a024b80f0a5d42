//! Rule tests whose expectations are not met: each must fail, name what happened, and where the expectation is written.

use serde_json::{Value, json};

use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;

use super::setup::sandbox;

const RULE: &str = r##"
name: page-once
event_source: support
event_type: ticket.PriorityChanged
when: { current: urgent, ticket.tags: { not: { has: test } } }
dedupe: { per: ticket.id, for: 15m }
throttle: { limit: 3, in: 1h }
flow:
  - name: vip
    when: { ticket.tags: { has: vip } }
  - name: page
    http: { url: "https://chat.example/page", method: POST, json: { text: "#{{ ticket.id }} is urgent", tags: "{{ ticket.tags }}" } }
  - wait: 10m
  - name: calm
    when: { steps.page.body.open: { not: false } }
  - name: again
    http: { url: "https://chat.example/again", json: { text: "#{{ ticket.id }} is still urgent" } }
"##;

/// An event, as flow mapping of a test.
pub fn event(ticket: u32, tags: &str) -> String {
    format!(
        "{{ input: {{ ticket_event: {{ type: Priority Changed, current: urgent, ticket: {{ id: {ticket}, tags: [{tags}] }} }} }} }}"
    )
}

pub fn tested(tests: &str, arguments: &[&str]) -> Output {
    let sandbox: Sandbox = sandbox();
    sandbox.write("rules/page.yaml", RULE);
    sandbox.write("rules/page.test.yaml", tests);
    sandbox.run(&[&["test"], arguments].concat())
}

/// One test of an event with further keys.
fn single(keys: &str) -> Output {
    let event = event(7, "vip");
    let tests = format!(
        "- name: t\n  event: {event}\n  expect: match\n  mock: {{ page: {{ body: {{ open: true }} }} }}\n{keys}\n"
    );
    tested(&tests, &[])
}

/// One test with entries of `events`.
fn timeline(whole: &str, entries: &[&str]) -> Output {
    let event = event(7, "vip");
    let mock = "{ page: { body: { open: true } } }";
    let entries: String = entries
        .iter()
        .map(|entry| format!("    - {{ {entry} }}\n"))
        .collect();
    let tests = format!("- name: t\n  event: {event}\n  mock: {mock}\n{whole}  events:\n{entries}");
    tested(&tests, &[])
}

#[test]
fn what_a_step_sends_is_compared_in_part() {
    for good in [
        "  steps: { page: { json: { text: { contains: urgent, matches: '^#7 ' }, tags: { contains: vip } } } }",
        "  steps: { again: { url: { matches: 'again$' } } }\n  attempts: { page: 1, again: 1 }\n  ends: done",
    ] {
        single(good).expect_stdout(0, &["1 passed, 0 failed"]);
    }
    for (keys, lines) in [
        (
            "  steps: { page: { json: { text: { contains: low } } } }",
            [
                r##"- page.json.text: contains "low"  rules/page.test.yaml:5:34"##,
                r##"+ page.json.text: "#7 is urgent""##,
            ],
        ),
        (
            "  steps: { page: { json: { text: { matches: '^urgent' } } } }",
            [
                r#"- page.json.text: matches "^urgent""#,
                r##"+ page.json.text: "#7 is urgent""##,
            ],
        ),
        (
            "  steps: { again: not sent }",
            [
                "- again: not sent  rules/page.test.yaml:5:12",
                r#"+ again sends {"#,
            ],
        ),
        (
            "  attempts: { page: 2 }",
            [
                "- attempts of page: 2  rules/page.test.yaml:5:15",
                "+ attempts of page: 1",
            ],
        ),
        (
            "  guard: calm",
            [
                "- guard: calm  rules/page.test.yaml:5:10",
                "+ guard: none, the run ended done",
            ],
        ),
    ] {
        single(keys).expect_stdout(1, &lines);
    }
}

#[test]
fn the_guard_that_ended_the_run_is_named() {
    let event = event(7, "vip");
    let of = |guard: &str| {
        let tests = format!(
            "- name: t\n  event: {event}\n  expect: match\n  mock: {{ page: {{ body: {{ open: false }} }} }}\n  guard: {guard}\n"
        );
        tested(&tests, &[])
    };
    of("calm").expect_stdout(0, &["1 passed"]);
    of("vip").expect_stdout(
        1,
        &["- guard: vip  rules/page.test.yaml:5:10", "+ guard: calm"],
    );
    of("page").expect_stderr(
        3,
        &[
            "the step `page` is a `http` and no guard",
            "its guards are vip, calm",
        ],
    );
    of("vpi").expect_stderr(3, &["the rule `page-once` has no guard `vpi`"]);
}

#[test]
fn several_events_pass_the_gates_in_virtual_time() {
    let tags = "set: { ticket.id: 8 }";
    timeline(
        "  runs: 3\n",
        &[
            "at: 0s, expect: match, ends: done",
            "at: 14m, expect: suppressed, gate: dedupe",
            &format!("at: 14m, {tags}, expect: match"),
            "at: 15m, expect: match, starts: 15m",
            "at: 16m, set: { ticket.id: 9 }, expect: suppressed, gate: throttle",
            "at: 17m, set: { current: low }, expect: no match, because: current",
        ],
    )
    .expect_stdout(0, &["1 passed, 0 failed"]);
}

#[test]
fn wrong_expectations_of_several_events_fail_with_their_number() {
    let first = "at: 0s, expect: match";
    for (whole, second, lines) in [
        (
            "",
            "at: 5m, expect: match",
            vec![
                "event 2",
                "- expect: match  rules/page.test.yaml:6:25",
                "+ expect: suppressed by dedupe: earlier run 1 for ticket.id 7; opens again at",
            ],
        ),
        (
            "",
            "at: 5m, expect: suppressed, gate: throttle",
            vec![
                "event 2",
                "- gate: throttle  rules/page.test.yaml:6:43",
                "+ gate: dedupe: earlier run 1",
            ],
        ),
        (
            "",
            "at: 15m, expect: suppressed",
            vec!["event 2", "- expect: suppressed", "+ expect: match"],
        ),
        (
            "",
            "at: 15m, expect: match, starts: 16m",
            vec!["event 2", "- starts: 16m", "+ starts: 15m"],
        ),
        (
            "",
            "at: 15m, expect: match, mock: { page: { status: 404 } }",
            vec!["event 2", "+ ends: dead: step `page` failed"],
        ),
        (
            "  runs: 2\n",
            "at: 5m, expect: suppressed",
            vec!["- runs: 2  rules/page.test.yaml:4:9", "+ runs: 1"],
        ),
        (
            "  order: [2, 1]\n",
            "at: 15m, expect: match",
            vec!["- order: [2, 1]", "+ order: [1, 2]"],
        ),
    ] {
        let output = timeline(whole, &[first, second]);
        output.expect_stdout(1, &lines);
    }
    let unknown = timeline("", &[first, "at: 5m, expect: suppressed, gate: debounce"]);
    unknown.expect_stderr(
        3,
        &[
            "the rule `page-once` has no gate `debounce`",
            "its gates are loop_guard, dedupe, throttle",
        ],
    );
}

#[test]
fn the_lane_of_a_ticket_keeps_the_order_of_its_runs() {
    let down =
        "at: 0s, expect: match, mock: { page: [{ status: 503 }, { body: { open: false } }] }";
    let soon =
        "at: 10ms, set: { ticket.id: 8 }, mock: { page: { body: { open: false } } }, expect: match";
    let event = event(7, "vip");
    for (lane, order) in [
        ("", "[2, 1]"),
        ("one_at_a_time_per: event.source\n", "[1, 2]"),
    ] {
        let sandbox: Sandbox = sandbox();
        sandbox.write("rules/page.yaml", format!("{RULE}{lane}"));
        let tests = format!(
            "- name: t\n  event: {event}\n  order: {order}\n  events:\n    - {{ {down} }}\n    - {{ {soon} }}\n"
        );
        sandbox.write("rules/page.test.yaml", tests);
        sandbox.run(&["test"]).expect_stdout(0, &["1 passed"]);
    }
}

#[test]
fn a_loop_is_suppressed_in_a_test() {
    let sandbox: Sandbox = sandbox();
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { desk: { base_url: https://desk.example, actor_id: 900 } }\nloop_guard: { depth: 2 }\n",
    );
    sandbox.write(
        "rules/r.yaml",
        "name: r\nevent_source: support\nevent_type: ticket.CommentAdded\nflow: [{ name: put, http: { connection: desk, path: /t, method: PUT } }]\n",
    );
    let tests = |last: &str| {
        format!(
            "- name: t\n  event: {{ input: {{ ticket_event: {{ type: Comment Created, comment: {{ id: 1, author: {{ id: 900 }} }}, ticket: {{ id: 7 }} }} }} }}\n  events:\n    - {{ at: 0s, expect: match }}\n    - {{ at: 1s, expect: match }}\n    - {{ at: 2s, expect: {last} }}\n"
        )
    };
    sandbox.write("rules/r.test.yaml", tests("suppressed, gate: loop_guard"));
    sandbox.run(&["test"]).expect_stdout(0, &["1 passed"]);
    sandbox.write("rules/r.test.yaml", tests("match"));
    sandbox.run(&["test"]).expect_stdout(
        1,
        &[
            "event 3",
            "+ expect: suppressed by loop_guard: event 3 in a row",
        ],
    );
}

#[test]
fn a_high_rate_is_held_in_a_test() {
    let sandbox: Sandbox = sandbox();
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { desk: { base_url: https://desk.zendesk.com } }\nloop_guard: { runs: 2 }\n",
    );
    sandbox.write(
        "rules/r.yaml",
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow: [{ name: put, http: { connection: desk, path: /t, method: PUT } }]\n",
    );
    let tests = |third: &str| {
        let event = event(7, "vip");
        format!(
            "- name: t\n  event: {event}\n  runs: 3\n  events:\n    - {{ at: 0s, expect: match }}\n    - {{ at: 1s, expect: match }}\n    - {{ at: 2s, expect: {third} }}\n    - {{ at: 20m, expect: match }}\n"
        )
    };
    sandbox.write("rules/r.test.yaml", tests("held"));
    sandbox.run(&["test"]).expect_stdout(0, &["1 passed"]);
    sandbox.write("rules/r.test.yaml", tests("suppressed"));
    sandbox.run(&["test"]).expect_stdout(
        1,
        &["event 3", "+ expect: held: loop_guard: limit of 2 runs"],
    );
}

#[test]
fn coverage_names_the_tests_of_each_side() {
    let tests = format!(
        "- name: pages\n  event: {}\n  expect: match\n  mock: {{ page: {{ body: {{ open: true }} }} }}\n- name: spares tests\n  event: {}\n  expect: no match\n",
        event(7, "vip"),
        event(7, "test")
    );
    let output = tested(&tests, &["--coverage", "--format", "json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["version"], 1);
    assert_eq!(report["tests"][1]["passed"], true);
    let rule = &report["coverage"]["rules"][0];
    let points = rule["points"].as_array().expect("points");
    let sides = |kind: &str, name: &str| {
        let found = points.iter().find(|point| {
            point["kind"] == kind && point["name"].as_str().is_some_and(|n| n.starts_with(name))
        });
        let found = found.unwrap_or_else(|| panic!("{kind} {name}: {rule:#}"));
        let sides = found["sides"].as_array().expect("sides").iter();
        let sides = sides.map(|side| (side["side"].clone(), side["tests"].clone()));
        let sides: Vec<_> = sides.collect();
        (found["at"].clone(), sides)
    };
    // `current` was evaluated although `ticket.tags` decided.
    let (place, current) = sides("predicate", "current");
    assert_eq!(place, "rules/page.yaml:5:18");
    assert_eq!(
        current[0],
        (json!("true"), json!(["pages", "spares tests"]))
    );
    assert_eq!(current[1], (json!("false"), json!([])));
    let (_, tags) = sides("predicate", "ticket.tags not has");
    assert_eq!(tags[1], (json!("false"), json!(["spares tests"])));
    let (place, dedupe) = sides("gate", "dedupe");
    assert_eq!(place, "rules/page.yaml:6:9");
    assert_eq!(
        dedupe,
        [
            (json!("open"), json!(["pages"])),
            (json!("closed"), json!([]))
        ]
    );
    let (_, guard) = sides("guard", "vip");
    assert_eq!(guard[0], (json!("held"), json!(["pages"])));
    let (_, step) = sides("step", "page");
    assert_eq!(step[1], (json!("not sent"), json!(["spares tests"])));
    // Two predicates, two guards with a predicate each, two gates and two steps.
    assert_eq!(rule["total"], 20);
    assert_eq!(rule["covered"], 13);
    assert_eq!(report["coverage"]["percent"], 65);

    let text = tested(&tests, &["--coverage", "--min", "66"]);
    text.expect_stdout(
        1,
        &[
            "not covered\n    rules/page.yaml:5:18",
            "no test: false",
            "page-once  13 of 20  65 %",
        ],
    );
    tested(&tests, &["--coverage", "--min", "65"]).expect_stdout(0, &["all"]);
    tested(&tests, &["--point", "page.yaml:5:"]).expect_stdout(
        0,
        &[
            "rules/page.yaml:5:18  page-once  predicate  current is \"urgent\"",
            "true   pages\n",
            "false  no test",
        ],
    );
    tested(&tests, &["--point", "nope"]).expect_stderr(1, &["no rule has a point with `nope`"]);
    tested(&tests, &["--coverage", "--format", "junit"])
        .expect_stderr(2, &["coverage has no JUnit form"]);
}
