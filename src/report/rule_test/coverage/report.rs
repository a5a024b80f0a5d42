//! Prints the coverage of rules: what no test exercises first, then the share of each rule; or single points with the
//! tests that exercise them.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::table::Table;
use crate::report::rule_test::coverage::point::Side;
use crate::report::rule_test::coverage::{Coverage, CoverageCount, Point, RuleCoverage};

/// Writes the whole coverage.
pub fn text(coverage: &Coverage, out: &mut Output) -> io::Result<()> {
    let mut missing = Table::default();
    let mut any = false;
    for rule in &coverage.rules {
        for point in &rule.points {
            let never = Side::BOTH
                .into_iter()
                .filter(|side| point.tests(*side).is_empty());
            let never: Vec<&str> = never.map(|side| point.id.side(side)).collect();
            if !never.is_empty() {
                any = true;
                let never = format!("no test: {}", never.join(", "));
                missing.row([
                    "",
                    &point.place,
                    &rule.name,
                    point.id.kind(),
                    &point.name,
                    &never,
                ]);
            }
        }
    }
    if any {
        writeln!(out, "\nnot covered")?;
        missing.write(out)?;
    }
    writeln!(out, "\ncoverage")?;
    let mut table = Table::default();
    for rule in &coverage.rules {
        table.row(row(&rule.name, rule.count()));
    }
    table.row(row("all", coverage.count()));
    table.write(out)
}

fn row(name: &str, count: CoverageCount) -> [String; 4] {
    let CoverageCount { covered, total } = count;
    let share = format!("{} %", count.percent());
    [
        String::new(),
        name.to_owned(),
        format!("{covered} of {total}"),
        share,
    ]
}

/// Writes the points that a text names, with their tests.
pub fn text_of_points(coverage: &Coverage, named: &str, out: &mut Output) -> io::Result<()> {
    for rule in &coverage.rules {
        for point in rule
            .points
            .iter()
            .filter(|point| point.is_named(&rule.name, named))
        {
            let (kind, name) = (point.id.kind(), &point.name);
            writeln!(out, "\n{}  {}  {kind}  {name}", point.place, rule.name)?;
            let mut table = Table::default();
            for side in Side::BOTH {
                let mut label = point.id.side(side);
                for test in point.tests(side) {
                    table.row(["", label, test]);
                    label = "";
                }
                if point.tests(side).is_empty() {
                    table.row(["", label, "no test"]);
                }
            }
            table.write(out)?;
        }
    }
    Ok(())
}

/// The coverage as JSON; only the points that a text names, if there is one.
pub fn json(coverage: &Coverage, named: &str) -> Value {
    let rules = coverage.rules.iter().filter_map(|rule| {
        let points = rule.points.iter();
        let points = points.filter(|point| point.is_named(&rule.name, named));
        let points: Vec<Value> = points.map(point_json).collect();
        (named.is_empty() || !points.is_empty()).then(|| rule_json(rule, points))
    });
    let rules: Vec<Value> = rules.collect();
    with_count(json!({ "rules": rules }), coverage.count())
}

fn rule_json(rule: &RuleCoverage, points: Vec<Value>) -> Value {
    let value = json!({ "rule": rule.name, "at": rule.place, "points": points });
    with_count(value, rule.count())
}

fn point_json(point: &Point) -> Value {
    let sides =
        Side::BOTH.map(|side| json!({ "side": point.id.side(side), "tests": point.tests(side) }));
    json!({
        "kind": point.id.kind(),
        "name": point.name,
        "at": point.place,
        "sides": sides,
    })
}

fn with_count(mut value: Value, count: CoverageCount) -> Value {
    value["covered"] = count.covered.into();
    value["total"] = count.total.into();
    value["percent"] = count.percent().into();
    value
}
