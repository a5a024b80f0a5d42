//! Reads the expressions of the dashboard, and checks what Grafana needs to import it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::docs::{read, root};

fn dashboard() -> Value {
    let text = read(root().join("deploy/grafana/flowtrigger.json"));
    serde_json::from_str(&text).expect("JSON")
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels.iter().filter(|panel| panel["type"] != "row")
}

/// The expressions of the panels and variables, by their place.
pub fn expressions() -> BTreeMap<String, String> {
    let dashboard = dashboard();
    let mut found = BTreeMap::new();
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().expect("targets") {
            let place = format!(
                "panel {} {} {}",
                panel["id"], panel["title"], target["refId"]
            );
            let expression = target["expr"].as_str().expect("an expression");
            found.insert(place, expression.to_owned());
        }
    }
    for variable in dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
    {
        if variable["type"] == "query" {
            let query = variable["query"]["query"].as_str().expect("a query");
            let values = query
                .strip_prefix("label_values(")
                .expect("the values of a label");
            let (selector, _) = values.rsplit_once(", ").expect("a label");
            found.insert(
                format!("variable {}", variable["name"]),
                selector.to_owned(),
            );
        }
    }
    found
}

#[test]
fn the_dashboard_shows_how_shadow_versions_differ() {
    let expressions = expressions();
    let of_shadows = expressions.values().filter(|expression| {
        expression.contains("flowtrigger_shadow_comparisons_total{")
            && expression.contains("result!=\"same\"")
    });
    assert_eq!(of_shadows.count(), 2);
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null(), "an id belongs to one Grafana");
    assert!(
        dashboard["schemaVersion"].as_u64() >= Some(38),
        "Grafana 10 or later"
    );
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let names: Vec<&Value> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64()), "duplicate id: {panel}");
        assert!(
            !panel["title"].as_str().unwrap_or_default().is_empty(),
            "{panel}"
        );
        let targets = panel["targets"].as_array().expect("targets");
        for part in targets.iter().chain([panel]) {
            assert_eq!(part["datasource"]["uid"], "${datasource}", "{part}");
        }
        for target in targets {
            let expression = target["expr"].as_str().unwrap_or_default();
            let selects = expression.contains("job=\"$job\",instance=~\"$instance\"");
            assert!(
                selects,
                "not of the selected job and instances: {expression}"
            );
        }
        let side = |key: &str| panel["gridPos"][key].as_u64().expect("a position");
        assert!(side("x") + side("w") <= 24, "{panel}");
        for row in side("y")..side("y") + side("h") {
            for column in side("x")..side("x") + side("w") {
                assert!(
                    cells.insert((row, column)),
                    "panels overlap: {}",
                    panel["title"]
                );
            }
        }
    }
}
