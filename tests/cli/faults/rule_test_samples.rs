//! The samples of rule tests and of `dry-run`: which event they are, for sources with requests, headers and lists.

use serde_json::{Value, json};

use super::setup::sandbox;

/// A source whose events are the requests themselves, or have their id in a header.
#[test]
fn the_same_sample_twice_is_two_events_whatever_identifies_them() {
    for (source, sample) in [
        ("event_type: made, id: none", "{ ticket: 7 }"),
        ("event_type: made", "{ ticket: 7 }"),
        (
            "event_type: made, id: { header: X-Id }",
            "{ $request: { headers: { x-id: a1 } }, ticket: 7 }",
        ),
    ] {
        let sandbox = sandbox();
        let config = format!("sources: {{ shop: {{ {source} }} }}\n");
        sandbox.write("flowtrigger.yaml", config);
        let rule = "name: r\nevent_source: shop\nevent_type: made\nflow: [{ succeed: fine }]\n";
        sandbox.write("rules/r.yaml", rule);
        let tests = format!(
            "- name: t\n  event: {sample}\n  runs: 3\n  events:\n    - {{ at: 0s, expect: match }}\n    - {{ at: 1m, expect: match }}\n    - {{ at: 2m, set: {{ ticket: 8 }}, expect: match }}\n"
        );
        sandbox.write("rules/r.test.yaml", tests);
        let output = sandbox.run(&["test"]);
        assert_eq!(output.code, 0, "{source}: {output:?}");
    }
}

#[test]
fn a_sample_has_the_id_of_its_header() {
    let sandbox = sandbox();
    let config = "sources: { shop: { event_type: made, id: { header: X-Id } } }\n";
    sandbox.write("flowtrigger.yaml", config);
    let rule = "name: r\nevent_source: shop\nevent_type: made\nflow: [{ succeed: fine }]\n";
    sandbox.write("rules/r.yaml", rule);
    let sample = json!({"$request": {"headers": {"x-id": "a1"}}, "ticket": 7});
    sandbox.write("event.json", sample.to_string());
    let output = sandbox.run(&[
        "dry-run",
        "--source",
        "shop",
        "--format",
        "json",
        "event.json",
    ]);
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(answer["event"]["id"], "a1", "{output:?}");
}

/// Tests and `dry-run` take the body that the sender posts, and one element of its list.
#[test]
fn a_sample_of_a_source_with_items_is_a_body_or_an_element() {
    let sandbox = sandbox();
    let config = "sources: { alarms: { event_type: alarm, items: alerts, id: name, event_source: alarms } }\n";
    sandbox.write("flowtrigger.yaml", config);
    let rule = "name: r\nevent_source: alarms\nevent_type: alarm\nwhen: { level: high }\nflow: [{ succeed: fine }]\n";
    sandbox.write("rules/r.yaml", rule);
    let alert = |name: &str| json!({"name": name, "level": "high"});
    let body = |alerts: &[Value]| json!({"version": 4, "alerts": alerts}).to_string();
    sandbox.write("one.json", body(&[alert("a")]));
    sandbox.write("two.json", body(&[alert("a"), alert("b")]));
    sandbox.write("element.json", alert("a").to_string());
    let tests = "- { name: body, event: ../one.json, expect: match }\n- { name: element, event: ../element.json, expect: match }\n- { name: inline, event: { alerts: [{ name: a, level: low }] }, expect: no match }\n";
    sandbox.write("rules/r.test.yaml", tests);
    let output = sandbox.run(&["test"]);
    assert_eq!(output.code, 0, "{output:?}");
    sandbox.write(
        "rules/r.test.yaml",
        "- { name: t, event: ../two.json, expect: match }\n",
    );
    let output = sandbox.run(&["test"]);
    output.expect_stdout(1, &["the body has 2 events, but one is needed"]);
    for more in [&["--source", "alarms"][..], &[]] {
        let arguments = [&["dry-run", "--format", "json", "two.json"], more].concat();
        let output = sandbox.run(&arguments);
        let ids = output.json_lines();
        let ids: Vec<&Value> = ids.iter().map(|line| &line["event"]["id"]).collect();
        assert_eq!(ids, ["a", "b"], "{output:?}");
    }
}
