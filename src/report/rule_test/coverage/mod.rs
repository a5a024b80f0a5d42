//! Coverage of rules by their tests: for each point of a rule, which tests exercised it, in both ways.
//! Points are compared with what the explanations of the tests' events and runs contain; nothing is evaluated again.

pub mod observed;
pub mod point;
pub mod report;

use std::collections::HashMap;

use crate::report::render::escape::plain;
use crate::report::rule_test::coverage::observed::Observed;
use crate::report::rule_test::coverage::point::{PointId, Side, points};
use flowtrigger_core::diagnostic::{Files, Span};
use flowtrigger_core::rule::Rule;

/// The coverage of all rules, in their order.
#[derive(Debug, Default)]
pub struct Coverage {
    pub rules: Vec<RuleCoverage>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
pub struct RuleCoverage {
    pub name: String,
    pub place: String,
    pub points: Vec<Point>,
}

/// A point with the names of the tests that exercised it.
#[derive(Debug)]
pub struct Point {
    pub id: PointId,
    pub name: String,
    pub at: Span,
    pub place: String,
    yes: Vec<String>,
    no: Vec<String>,
}

/// How many of the ways to exercise points were exercised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageCount {
    pub covered: usize,
    pub total: usize,
}

impl Point {
    pub fn tests(&self, side: Side) -> &[String] {
        match side {
            Side::Yes => &self.yes,
            Side::No => &self.no,
        }
    }

    /// Whether tests exercised it in both ways.
    pub fn is_covered(&self) -> bool {
        !self.yes.is_empty() && !self.no.is_empty()
    }

    /// Whether a person means this point with a text.
    fn is_named(&self, rule: &str, text: &str) -> bool {
        let texts = [rule, self.id.kind(), &self.name, &self.place];
        texts.iter().any(|found| found.contains(text))
    }
}

impl CoverageCount {
    /// Rounded down, so that only complete coverage is 100. Without points nothing is missing.
    pub fn percent(self) -> usize {
        (self.covered * 100).checked_div(self.total).unwrap_or(100)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            covered: self.covered + other.covered,
            total: self.total + other.total,
        }
    }
}

impl RuleCoverage {
    pub fn count(&self) -> CoverageCount {
        let sides = self
            .points
            .iter()
            .flat_map(|point| Side::BOTH.map(|side| point.tests(side)));
        sides.fold(CoverageCount::default(), |count, tests| {
            count.plus(CoverageCount {
                covered: usize::from(!tests.is_empty()),
                total: 1,
            })
        })
    }
}

impl Coverage {
    /// The points of rules, exercised by no test yet.
    pub fn new<'r>(rules: impl IntoIterator<Item = &'r Rule>, files: &Files) -> Self {
        let mut coverage = Self::default();
        for rule in rules {
            let points = points(rule).into_iter().map(|point| Point {
                id: point.id,
                name: plain(&point.name).into_owned(),
                at: point.at,
                place: files.location(point.at),
                yes: Vec::new(),
                no: Vec::new(),
            });
            let covered = RuleCoverage {
                name: rule.name.clone(),
                place: files.location(rule.at),
                points: points.collect(),
            };
            let number = coverage.rules.len();
            coverage.by_name.insert(rule.name.clone(), number);
            coverage.rules.push(covered);
        }
        coverage
    }

    /// Adds what a test of a rule exercised.
    pub fn add(&mut self, rule: &str, test: &str, observed: &Observed) {
        let Some(number) = self.by_name.get(rule) else {
            return;
        };
        let points = &mut self.rules[*number].points;
        for seen in observed.all() {
            let Some(point) = points.iter_mut().find(|point| point.id == seen.point) else {
                continue;
            };
            let tests = match seen.side {
                Side::Yes => &mut point.yes,
                Side::No => &mut point.no,
            };
            tests.push(test.to_owned());
        }
    }

    /// Whether a text names any point. An empty text names all.
    pub fn has(&self, named: &str) -> bool {
        let is_named = |rule: &RuleCoverage| {
            let mut points = rule.points.iter();
            points.any(|point| point.is_named(&rule.name, named))
        };
        named.is_empty() || self.rules.iter().any(is_named)
    }

    pub fn count(&self) -> CoverageCount {
        let counts = self.rules.iter().map(RuleCoverage::count);
        counts.fold(CoverageCount::default(), CoverageCount::plus)
    }
}
