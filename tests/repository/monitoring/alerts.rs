//! Reads the alert rules, checks their labels, texts and runbooks, and runs their unit tests with `promtool`.

use std::process::Command;

use serde_json::Value;

use super::super::docs::{read, root};
use super::expression::check;
use super::live::Live;
use super::prometheus::has_prometheus;

#[derive(Debug)]
pub struct Alert {
    pub name: String,
    pub expression: String,
    rule: Value,
}

impl Alert {
    fn text(&self, pointer: &str) -> &str {
        let value = self.rule.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("{} has no {pointer}", self.name))
    }
}

pub fn read_all() -> Vec<Alert> {
    let text = read(root().join("deploy/prometheus/alerts.yaml"));
    let file: Value = serde_yaml::from_str(&text).expect("YAML");
    let groups = file["groups"].as_array().expect("groups");
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("rules"));
    let alerts = rules.map(|rule| Alert {
        name: rule["alert"].as_str().expect("a name").to_owned(),
        expression: rule["expr"].as_str().expect("an expression").to_owned(),
        rule: rule.clone(),
    });
    alerts.collect()
}

/// The labels that a text reads, as in `{{ $labels.receiver }}`.
fn labels_of(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("$labels.").skip(1);
    parts.map(|part| {
        part.split(|c: char| c != '_' && !c.is_alphanumeric())
            .next()
            .unwrap_or(part)
    })
}

#[test]
fn alerts_have_a_severity_texts_and_a_section_of_the_documents() {
    let operations = read(root().join("docs/operations.md"));
    let sections: Vec<&str> = operations
        .lines()
        .filter_map(|line| line.strip_prefix("### Flowtrigger"))
        .collect();
    let alerts = read_all();
    let names: Vec<&str> = alerts
        .iter()
        .filter_map(|alert| alert.name.strip_prefix("Flowtrigger"))
        .collect();
    assert_eq!(
        sections, names,
        "each alert has its section, in the same order"
    );
    for alert in &alerts {
        let severity = alert.text("/labels/severity");
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{alert:?}"
        );
        assert!(
            !alert.text("/annotations/summary").ends_with('.'),
            "{alert:?}"
        );
        assert!(
            alert.text("/annotations/description").ends_with('.'),
            "{alert:?}"
        );
        let section = format!("docs/operations.md#{}", alert.name.to_lowercase());
        assert_eq!(alert.text("/annotations/runbook_url"), section);
    }
}

#[test]
fn alerts_read_only_labels_that_their_expressions_have() {
    let live = Live::of_daemons();
    for alert in read_all() {
        let labels = check(&alert.expression, live).expect("it parses").labels;
        assert!(labels.contains("job"), "{}: {labels:?}", alert.name);
        for text in ["/annotations/summary", "/annotations/description"] {
            for label in labels_of(alert.text(text)) {
                assert!(
                    labels.contains(label),
                    "{}: no label `{label}` in {labels:?}",
                    alert.name
                );
            }
        }
    }
}

#[test]
fn promtool_accepts_the_rules_and_their_unit_tests_pass() {
    if !has_prometheus() {
        return;
    }
    for arguments in [
        ["check", "rules", "deploy/prometheus/alerts.yaml"],
        ["check", "config", "deploy/prometheus/prometheus.yaml"],
        ["test", "rules", "tests/cases/alerts/alerts.test.yaml"],
    ] {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(root())
            .output();
        let output = output.expect("promtool starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    let tests = read(root().join("tests/cases/alerts/alerts.test.yaml"));
    for alert in read_all() {
        let tested = tests.contains(&format!("alertname: {}\n", alert.name));
        assert!(tested, "no unit test fires {}", alert.name);
    }
}
