//! The dashboard and the alert rules in `deploy/`: their expressions, against the metrics of daemons that have had traffic.

mod alerts;
mod dashboard;
mod expression;
mod live;
mod prometheus;

use std::collections::BTreeMap;

use expression::{Checked, check};
use live::Live;

use super::docs::{read, root};

/// Metrics that the dashboard and the alerts already use, with their labels, and that no daemon has yet. Remove a metric from
/// this list when a daemon has it: the tests fail until then.
const PENDING: &[(&str, &[&str])] = &[];

/// The labels that Prometheus adds to each series.
const OF_PROMETHEUS: [&str; 2] = ["job", "instance"];

/// A metric that Prometheus makes of each scrape.
const OF_SCRAPES: &str = "up";

/// The row of a metric in docs/operations.md.
fn description(metric: &str) -> Option<String> {
    let ends = ["_bucket", "_count", "_sum"];
    let base = ends.iter().find_map(|end| metric.strip_suffix(end));
    let named = format!("`{}`", base.unwrap_or(metric));
    let operations = read(root().join("docs/operations.md"));
    let mut rows = operations.lines().filter(|line| line.starts_with("| `"));
    let row = rows.find(|row| {
        row.split(" | ")
            .next()
            .is_some_and(|cell| cell.contains(&named))
    });
    row.map(str::to_owned)
}

#[test]
fn every_metric_and_label_of_dashboard_and_alerts_is_there() {
    let live = Live::of_daemons();
    let mut expressions: BTreeMap<String, String> = dashboard::expressions();
    for alert in alerts::read_all() {
        expressions.insert(format!("the alert {}", alert.name), alert.expression);
    }
    assert!(expressions.len() > 50, "{expressions:?}");
    let mut problems = Vec::new();
    for (place, expression) in expressions {
        match check(&expression, live) {
            Ok(Checked {
                problems: found, ..
            }) => {
                problems.extend(found.iter().map(|problem| format!("{place}: {problem}")));
            }
            Err(error) => problems.push(format!("{place}: `{expression}`: {error}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_metric_of_a_daemon_is_described() {
    let live = Live::of_daemons();
    let names: Vec<&str> = live.names().collect();
    assert!(names.len() > 50, "{names:?}");
    for name in &names {
        let row = description(name);
        let row = row.unwrap_or_else(|| panic!("docs/operations.md does not describe `{name}`"));
        for label in live.labels(name).iter().filter(|label| **label != "le") {
            assert!(
                row.contains(&format!("`{label}`")),
                "label `{label}`: {row}"
            );
        }
    }
    for (pending, _) in PENDING {
        assert!(
            !names.contains(pending),
            "`{pending}` is there: remove it from `PENDING`"
        );
    }
}

#[test]
fn a_mistake_in_an_expression_is_found() {
    let live = Live::of_daemons();
    for (expression, problem) in [
        ("flowtrigger_evnts_total", "no metric"),
        (
            "flowtrigger_events_total{sauce=\"desk\"}",
            "no label `sauce`",
        ),
        (
            "flowtrigger_events_total{outcome=\"lost\"}",
            "no value `lost`",
        ),
        ("flowtrigger_runs{state=~\"ded|hold\"}", "no value"),
        (
            "sum by (rule) (rate(flowtrigger_events_total[5m]))",
            "no label `rule`",
        ),
    ] {
        let problems = check(expression, live).unwrap().problems;
        assert!(
            problems.iter().any(|found| found.contains(problem)),
            "{expression}: {problems:?}"
        );
    }
    assert!(check("rate(flowtrigger_events_total[5m]", live).is_err());
}
