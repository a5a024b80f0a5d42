//! The tests of a rule with their results, what they exercise, and the steps of its flow.

use maud::{Markup, html};

use crate::page::part::state::pill;
use crate::page::text::{short, text};
use crate::report::render::diagnostics::number;
use crate::report::rule_test::coverage::point::Side;
use crate::report::rule_test::coverage::{CoverageCount, Point};
use crate::report::rule_test::of_rules::RuleTests;
use crate::report::rule_test::result::TestResult;
use crate::report::rule_test::step_names::FlowSteps;
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::rule::Rule;

/// Steps, tests and points that are listed.
const MAX_ROWS: usize = 200;
/// Characters of a line about a failure.
const MAX_LINE: usize = 500;
/// Tests that are named for one side of a point.
const MAX_NAMED: usize = 3;

pub fn section(rule: &Rule, tests: Option<&RuleTests>) -> Markup {
    html! {
        (steps(rule))
        @match tests {
            Some(tests) if tests.results.is_empty() && tests.not_run == 0 => (no_tests(tests)),
            Some(tests) => (results(tests)),
            None => section aria-labelledby="h-t" {
                div class="bar" { h2 id="h-t" { "Tests" } p { "not run yet; load this page again" } }
            },
        }
    }
}

fn steps(rule: &Rule) -> Markup {
    let steps = FlowSteps::new(&rule.flow);
    let all: Vec<_> = steps.all().collect();
    html! {
        section aria-labelledby="h-flow" {
            div class="bar" { h2 id="h-flow" { "Flow" } p { (number(all.len(), "step")) } }
            div class="box" {
                table class="list" {
                    caption class="vh" { "Steps of the flow" }
                    thead {
                        tr { th scope="col" { "Step" } th scope="col" { "Action" } th scope="col" { "Settings" } th scope="col" class="r" { "Line" } }
                    }
                    tbody {
                        @for (path, step) in all.iter().take(MAX_ROWS) {
                            tr {
                                th scope="row" class="m ty" { @for part in path.split_inclusive('.') { (text(part)) wbr; } }
                                td class="nw" { (action(step)) }
                                td class="mu" data-l="settings" { (settings(step)) }
                                td class="r" data-l="line" { a href=(format!("#L{}", step.at.line)) { (step.at.line) } }
                            }
                        }
                    }
                }
            }
            @if all.len() > MAX_ROWS { p class="mu" { "and " (number(all.len() - MAX_ROWS, "more step")) } }
        }
    }
}

fn action(step: &Step) -> Markup {
    html! {
        (step.action.kind())
        @if let Some(request) = step.action.request() {
            " " (request.method)
            @if let Some(connection) = &request.connection { " to " (text(connection)) }
        }
    }
}

/// Only steps that leave the process have settings that matter.
fn settings(step: &Step) -> Markup {
    html! {
        @if step.action.sends() {
            "time-out " (step.settings.timeout.as_secs_f64()) " s; " (step.settings.retry.describe())
        }
    }
}

fn no_tests(tests: &RuleTests) -> Markup {
    html! {
        section aria-labelledby="h-t" {
            div class="bar" { h2 id="h-t" { "Tests" } p { "none" } }
            p class="box pad" {
                "Write tests under " code { "tests:" } " in the rule, or in " code { "NAME.test.yaml" } " beside its file. "
                "The page of an event copies one for it."
            }
            (errors(tests))
        }
    }
}

fn errors(tests: &RuleTests) -> Markup {
    html! {
        @if tests.errors > 0 {
            p class="mu more" {
                "Files of tests have " (number(tests.errors, "mistake")) ", which may hide tests; "
                code { "flowtrigger test" } " shows them."
            }
        }
    }
}

fn results(tests: &RuleTests) -> Markup {
    let run = tests.results.len();
    html! {
        section aria-labelledby="h-t" {
            div class="bar" {
                h2 id="h-t" { "Tests" }
                p {
                    (tests.passed()) " of " (run) " passed"
                    @if let Some(covered) = tests.covered() { ", " (share(covered.count())) }
                    @if tests.not_run > 0 { ", " (tests.not_run) " not run yet; load this page again" }
                }
            }
            div class="box" {
                table class="hov list" {
                    caption class="vh" { "Tests of this rule" }
                    thead { tr { th scope="col" { "Test" } th scope="col" { "Result" } th scope="col" { "Place" } } }
                    tbody { @for test in tests.results.iter().take(MAX_ROWS) { (result(test)) } }
                }
            }
            @if run > MAX_ROWS { p class="mu" { "and " (number(run - MAX_ROWS, "more test")) } }
            (errors(tests))
        }
        (exercised(tests))
    }
}

fn result(test: &TestResult) -> Markup {
    html! {
        tr {
            th scope="row" class="w" {
                (short(&test.name, MAX_LINE))
                @if !test.passed() {
                    pre class="code more" { @for line in &test.failure { (short(line, MAX_LINE)) "\n" } }
                }
            }
            td { @if test.passed() { (pill("ok", "passed")) } @else { (pill("dead", "failed")) } }
            td class="m xs mu ty" { @for part in test.place.split_inclusive('/') { (text(part)) wbr; } }
        }
    }
}

/// `9 of 12 ways exercised`
fn share(count: CoverageCount) -> String {
    format!(
        "{} of {} ways through its predicates, gates and steps are exercised ({} %)",
        count.covered,
        count.total,
        count.percent()
    )
}

/// Which tests exercise each point, in both ways.
fn exercised(tests: &RuleTests) -> Markup {
    let points = tests.covered().map_or(&[][..], |rule| &rule.points);
    html! {
        @if !points.is_empty() {
            section aria-labelledby="h-cov" {
                div class="bar" { h2 id="h-cov" { "What tests exercise" } p { "each predicate, gate and step, in both ways" } }
                div class="box" {
                    table class="list" {
                        caption class="vh" { "Predicates, gates and steps with the tests that exercise them" }
                        thead { tr { th scope="col" { "Point" } th scope="col" { "Yes" } th scope="col" { "No" } th scope="col" class="r" { "Line" } } }
                        tbody { @for point in points.iter().take(MAX_ROWS) { (self::point(point)) } }
                    }
                }
                @if points.len() > MAX_ROWS { p class="mu" { "and " (number(points.len() - MAX_ROWS, "more point")) } }
            }
        }
    }
}

fn point(point: &Point) -> Markup {
    html! {
        tr {
            th scope="row" class="w" { span class="mu" { (point.id.kind()) " " } span class="m xs" { (short(&point.name, MAX_LINE)) } }
            @for side in Side::BOTH {
                td { (side_of(point, side)) }
            }
            td class="r" data-l="line" { a href=(format!("#L{}", point.at.line)) { (point.at.line) } }
        }
    }
}

fn side_of(point: &Point, side: Side) -> Markup {
    let (tests, word) = (point.tests(side), point.id.side(side));
    let names = tests.iter().take(MAX_NAMED).map(String::as_str);
    let names = names.collect::<Vec<_>>().join(", ");
    html! {
        @match tests.len() {
            0 => span class="vd missing" { (word) ": no test" },
            all => span class="vd ok" title=(names) { (word) ": " (number(all, "test")) },
        }
    }
}
