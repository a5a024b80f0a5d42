//! The JSON output that scripts depend on, key by key, for events of every kind.

use std::collections::BTreeSet;

use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::setup::{DRY_RUN, EXPLAIN, RUN, sandbox, subject, urgent};

const RULES: &str = "name: matches
event_source: support
event_type: ticket.PriorityChanged
when: { current: urgent, ticket.tags: { has: vip } }
flow:
- name: tell
  http: { url: 'outbox:tell', json: { key: '{{ secret.DESK }}', t: '{{ ticket.id }}' } }
- name: go_on
  when: { ticket.status: open }
- name: call
  exec: [echo, '{{ ticket.id }}']
---
name: differs
event_source: support
event_type: ticket.PriorityChanged
when:
  any:
  - current: low
  - none:
    - ticket.status: open
    - ticket.priority: { lt: high }
flow: [{ exec: [echo, no] }]
---
name: misses
event_source: support
event_type: ticket.PriorityChanged
when: { ticket.assignee_id: 7, ticket.status: open }
flow: [{ exec: [echo, no] }]
---
name: mistypes
event_source: support
event_type: ticket.PriorityChanged
when: { ticket.brand_id: { gt: 5 }, ticket.external_id: { not: { contains: x } } }
flow: [{ exec: [echo, no] }]
---
name: other-type
event_source: support
event_type: ticket.SubjectChanged
flow: [{ exec: [echo, no] }]
";

fn prepared() -> Sandbox {
    let sandbox = sandbox().with_env("FLOWTRIGGER_SECRET_DESK", "c4nary-desk");
    sandbox.write("rules/rules.yaml", RULES);
    sandbox
}

fn event() -> Value {
    let mut event = urgent(7);
    event["input"]["ticket_event"]["ticket"]["brand_id"] = json!({"odd": true});
    event
}

/// Checks that these keys are there, and not null unless that is allowed.
#[track_caller]
fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no `{key}` in {value}");
    }
}

fn word<'v>(value: &'v Value, key: &str, words: &[&str]) -> &'v str {
    let found = value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} of {value}"));
    assert!(words.contains(&found), "`{key}` of {value}");
    found
}

/// Checks that `file:line:column` points to this text.
#[track_caller]
fn at(value: &Value, text: &str) {
    let at = value["at"].as_str().unwrap();
    let [file, line, column] = at.split(':').collect::<Vec<_>>()[..] else {
        panic!("{at}");
    };
    assert_eq!(file, "rules/rules.yaml");
    let line = RULES
        .lines()
        .nth(line.parse::<usize>().unwrap() - 1)
        .unwrap();
    let found: String = line
        .chars()
        .skip(column.parse::<usize>().unwrap() - 1)
        .collect();
    assert!(found.starts_with(text), "{at} is `{found}`, not `{text}`");
}

fn rule<'v>(line: &'v Value, name: &str) -> &'v Value {
    let rules = line["rules"].as_array().unwrap();
    rules
        .iter()
        .find(|rule| rule["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {line}"))
}

fn names(line: &Value) -> Vec<&str> {
    line["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect()
}

#[test]
fn every_event_has_one_line_that_names_it() {
    let sandbox = prepared();
    let events = format!("{}\n{}\n", event(), subject(8, "line\nbreak"));
    for arguments in [&DRY_RUN[..], &EXPLAIN, &RUN] {
        let output = sandbox.run_with_input(arguments, &events);
        let lines = output.json_lines();
        assert_eq!(lines.len(), 2, "{output:?}");
        for (line, (kind, key)) in lines
            .iter()
            .zip([("PriorityChanged", "7"), ("SubjectChanged", "8")])
        {
            let event = &line["event"];
            let keys: BTreeSet<&str> = event
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(
                keys,
                ["endpoint", "id", "key", "source", "time", "type"].into()
            );
            assert_eq!(event["source"], "support");
            assert_eq!(event["type"], format!("ticket.{kind}"));
            assert_eq!(event["key"], key);
            assert_eq!(event["time"], "2026-04-01T10:00:00Z");
            assert!(!event["id"].as_str().unwrap().is_empty());
        }
        assert_eq!(lines[0]["matched"], json!(["matches"]));
        assert_eq!(lines[1]["matched"], json!(["other-type"]));
    }
}

#[test]
fn without_explain_only_matched_rules_are_printed() {
    let sandbox = prepared();
    assert_eq!(names(&sandbox.run_event(&DRY_RUN, &event())), ["matches"]);
    let every = ["matches", "differs", "misses", "mistypes"];
    assert_eq!(names(&sandbox.run_event(&EXPLAIN, &event())), every);
    let mut calm = event();
    calm["input"]["ticket_event"]["current"] = json!("high");
    let none = sandbox.run_with_input(&DRY_RUN, &calm.to_string());
    assert_eq!(none.code, 1);
    assert_eq!(
        (
            &none.json_lines()[0]["matched"],
            &none.json_lines()[0]["rules"]
        ),
        (&json!([]), &json!([]))
    );
}

#[test]
fn every_rule_and_predicate_has_its_keys() {
    let line = prepared().run_event(&EXPLAIN, &event());
    has(&line, &["event", "matched", "rules"]);
    let mut verdicts = BTreeSet::new();
    for rule in line["rules"].as_array().unwrap() {
        has(
            rule,
            &["name", "verdict", "at", "predicates", "gates", "plan"],
        );
        word(rule, "verdict", &["match", "no match", "missing"]);
        at(rule, rule["name"].as_str().unwrap());
        assert!(rule["gates"].is_array());
        for predicate in rule["predicates"].as_array().unwrap() {
            has(
                predicate,
                &[
                    "group", "path", "operator", "polarity", "want", "got", "verdict", "at",
                ],
            );
            verdicts.insert(word(
                predicate,
                "verdict",
                &["match", "no match", "missing", "wrong type"],
            ));
        }
    }
    assert_eq!(
        verdicts,
        ["match", "missing", "no match", "wrong type"].into()
    );
    assert_eq!(rule(&line, "matches")["verdict"], "match");
    assert_eq!(rule(&line, "differs")["verdict"], "no match");
    assert_eq!(rule(&line, "misses")["verdict"], "missing");
    assert_eq!(rule(&line, "mistypes")["verdict"], "missing");
}

#[test]
fn groups_and_spans_locate_each_predicate() {
    let line = prepared().run_event(&EXPLAIN, &event());
    let told = |name: &str| -> Vec<(Value, Value, Value, Value)> {
        let predicates = rule(&line, name)["predicates"].as_array().unwrap();
        let four = |p: &Value| {
            let key = |key: &str| p[key].clone();
            (key("group"), key("path"), key("operator"), key("verdict"))
        };
        predicates.iter().map(four).collect()
    };
    let row = |group: &str, path: &str, operator: &str, verdict: &str| {
        (json!(group), json!(path), json!(operator), json!(verdict))
    };
    assert_eq!(
        told("differs"),
        [
            row("any[0]", "current", "is", "no match"),
            row("any[1].none[0]", "ticket.status", "is", "no match"),
            row("any[1].none[1]", "ticket.priority", "lt", "match"),
        ]
    );
    assert_eq!(
        told("mistypes"),
        [
            row("all", "ticket.brand_id", "gt", "wrong type"),
            row("all", "ticket.external_id", "contains", "match"),
        ]
    );
    let differs = rule(&line, "differs")["predicates"].as_array().unwrap();
    for (predicate, text) in differs.iter().zip(["low", "open", "high"]) {
        at(predicate, text);
    }
    let misses = &rule(&line, "misses")["predicates"][0];
    assert_eq!(
        (&misses["verdict"], &misses["got"]),
        (&json!("missing"), &json!(null))
    );
}

#[test]
fn a_plan_is_rendered_and_redacted() {
    let line = prepared().run_event(&DRY_RUN, &event());
    let plan = rule(&line, "matches")["plan"].as_array().unwrap();
    let steps: Vec<(&str, &str)> = plan
        .iter()
        .map(|step| {
            (
                step["step"].as_str().unwrap(),
                step["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [("tell", "http"), ("go_on", "when"), ("call", "exec")]
    );
    assert_eq!(plan[0]["json"], json!({"key": "[secret DESK]", "t": 7}));
    assert_eq!(plan[2]["argv"], json!(["echo", "7"]));
    assert!(!line.to_string().contains("c4nary"));
    assert!(
        rule(&prepared().run_event(&EXPLAIN, &event()), "differs")["plan"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_run_prints_its_state_and_steps() {
    let sandbox = prepared();
    let line = sandbox.run_event(&RUN, &event());
    has(&line, &["event", "matched", "runs"]);
    let run = &line["runs"][0];
    assert_eq!(
        (&run["rule"], &run["state"]),
        (&json!("matches"), &json!("done"))
    );
    for (step, name) in run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["tell", "call"])
    {
        assert_eq!(step["name"], name, "{run}");
        assert_eq!(
            (&step["attempts"], &step["outcome"]),
            (&json!(1), &json!("succeeded"))
        );
    }
    let mut closed = event();
    closed["input"]["ticket_event"]["ticket"]["status"] = json!("closed");
    assert_eq!(
        sandbox.run_event(&RUN, &closed)["runs"][0]["state"],
        "skipped"
    );
    let shadow = sandbox.with_env("FLOWTRIGGER_MODE", "shadow");
    assert_eq!(
        shadow.run_event(&RUN, &event())["runs"][0]["state"],
        "shadow"
    );
}

#[test]
fn check_prints_a_list_even_without_diagnostics() {
    let sandbox = prepared();
    let output = sandbox.run(&["check", "--format", "json"]);
    let found: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((output.code, &found["diagnostics"]), (0, &json!([])));
    assert_eq!(
        (&found["version"], &found["errors"]),
        (&json!(1), &json!(0))
    );
    sandbox.write("rules/bad.yaml", "name: bad\n");
    let output = sandbox.run(&["check", "--format", "json"]);
    let found: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(output.code, 3);
    assert!(
        found["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .all(|d| d["file"] == "rules/bad.yaml"),
        "{found}"
    );
    assert_eq!(output.stderr, "");
}
