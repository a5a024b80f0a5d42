//! One rule of a list: its mode, its runs of the last days, and its tests.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::answer::time;
use crate::page::chart::sparkline;
use crate::page::part::link;
use crate::page::part::state::pill;
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::render::diagnostics::number;
use crate::report::rule_test::of_rules::RuleTests;
use crate::report::why::rule::report::{describe_tick, types};
use crate::store::History;
use crate::store::history::{EventFilter, HistoryError, RuleActivity};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::rule::Rule;

/// Characters of a description.
const MAX_DESCRIPTION: usize = 200;
/// Types of a rule that are listed.
const MAX_TYPES: usize = 2;
/// The states of runs that a person must look at.
const FAILED: [&str; 2] = ["dead", "held"];

/// How far back a rule without a run had none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdlePeriod {
    /// Events are stored for at least as long as runs are counted.
    Days,
    /// The first stored event is younger.
    Since(Timestamp),
    /// No event is stored.
    NoEvents,
}

impl IdlePeriod {
    pub fn read(now: Timestamp, history: &dyn History) -> Result<Self, HistoryError> {
        let week = now.checked_sub(SignedDuration::from_hours(7 * 24));
        let older = EventFilter {
            until: Some(week.unwrap_or(Timestamp::MIN)),
            ..EventFilter::default()
        };
        if history.count_events(&older, 1)?.count > 0 {
            return Ok(Self::Days);
        }
        let retained = history.retained()?;
        let ends = retained.matched.into_iter().chain(retained.unmatched);
        let first = ends.map(|(first, _)| first).min();
        Ok(first.map_or(Self::NoEvents, Self::Since))
    }

    fn html(self, now: Timestamp) -> Markup {
        html! {
            @match self {
                Self::Days => (pill("none", "no match in 7 days")),
                Self::Since(first) => span class="st none" { "no match since " (short_time(first, now)) },
                Self::NoEvents => (pill("none", "no match yet")),
            }
        }
    }
}

/// A rule of the list.
pub struct ListedRule {
    pub rule: Arc<Rule>,
    pub place: String,
    pub activity: RuleActivity,
    /// `None` if the tests were not run yet.
    pub tests: Option<Arc<RuleTests>>,
    /// When a rule with `every` ticks next.
    pub next_tick: Option<Timestamp>,
}

impl ListedRule {
    fn count(&self, states: &[&str]) -> u64 {
        let days = self.activity.days.iter();
        days.flat_map(|day| states.iter().filter_map(|state| day.runs.get(*state)))
            .sum()
    }

    pub fn json(&self) -> Value {
        let days = self.activity.days.iter();
        let days = days.map(|day| json!({"start": day.start.to_string(), "runs": day.runs}));
        json!({
            "name": self.rule.name,
            "description": self.rule.description(),
            "at": self.place,
            "source": self.rule.event_source,
            "types": types(&self.rule),
            "mode": self.rule.mode.as_str(),
            "days": days.collect::<Vec<_>>(),
            "runs": self.activity.total(),
            "failed": self.count(&FAILED),
            "next_tick": self.next_tick.map(|at| at.to_string()),
            "last_planned": self.activity.last_planned.map(|at| at.to_string()),
            "tests": self.tests.as_ref().map(|tests| json!({
                "passed": tests.passed(),
                "run": tests.results.len(),
                "not_run": tests.not_run,
            })),
        })
    }

    pub fn html(&self, cap: Option<&str>, idle: IdlePeriod, now: Timestamp) -> Markup {
        let name = &self.rule.name;
        let days: Vec<u64> = self.activity.days.iter().map(|day| day.total()).collect();
        let (runs, failed) = (self.activity.total(), self.count(&FAILED));
        let label = format!("{name}: {} in 7 days", count(runs, "run"));
        html! {
            tr {
                th scope="row" class="w" {
                    a class="id" href=(link::rule(name)) { (text(name)) }
                    @if runs == 0 && self.rule.mode != Mode::Disabled {
                        " " (idle.html(now))
                    }
                    @if let Some(description) = self.rule.description() {
                        span class="mu desc" { (short(&description, MAX_DESCRIPTION)) }
                    }
                    @if let Some(every) = &self.rule.every {
                        span class="mu desc" { (describe_tick(self.next_tick, every)) }
                    }
                    span class="mu desc m" { (text(&self.place)) }
                }
                td class="wide w" { (listens_to(&self.rule)) }
                td { (mode(self.rule.mode, cap)) }
                td { (sparkline(&days, "f1", &label)) }
                td class="r" data-l="runs" { (link_or_none(runs, &[("rule", name)])) }
                td class="r" data-l="dead or held" {
                    @if failed > 0 { b class="red" { (link_or_none(failed, &[("rule", name), ("state", "dead"), ("state", "held")])) } }
                    @else { span class="mu" { "0" } }
                }
                td class="nw" data-l="last run" {
                    @match self.activity.last_planned {
                        Some(at) => (short_time(at, now)),
                        None => span class="mu" { "never" },
                    }
                }
                td class="nw" data-l="tests" { (tests_in_short(self.tests.as_deref())) }
            }
        }
    }
}

/// The time of today, or the day before it.
fn short_time(at: Timestamp, now: Timestamp) -> Markup {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let (shown, of) = (day(at), day(now));
    html! {
        @if shown == of { (time(at)) } @else {
            time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) title={ (at.strftime("%Y-%m-%d %H:%M:%S")) " UTC" } { (shown) }
        }
    }
}

fn count(number: u64, noun: &str) -> String {
    self::number(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

/// A number that leads to the runs that it counts.
fn link_or_none(runs: u64, fields: &[(&str, &str)]) -> Markup {
    html! {
        @match runs {
            0 => span class="mu" { "0" },
            runs => a href=(link::query("/runs", fields)) { (grouped(runs)) },
        }
    }
}

/// The source of a rule and its first types.
fn listens_to(rule: &Rule) -> Markup {
    let types = types(rule);
    html! {
        @for name in types.iter().take(MAX_TYPES) {
            span class="m xs ty" { @for part in name.split_inclusive('.') { (text(part)) wbr; } } " "
        }
        @if types.len() > MAX_TYPES { span class="mu" { "+" (types.len() - MAX_TYPES) } }
        @match &rule.every {
            Some(every) => span class="mu desc" { (text(&every.text())) },
            None => span class="mu desc" { (text(&rule.event_source)) },
        }
    }
}

/// The mode of a rule, with the setting that keeps all rules from acting.
pub fn mode(mode: Mode, cap: Option<&str>) -> Markup {
    html! {
        @match mode {
            Mode::Live => (pill("live", "live")),
            Mode::Shadow => (pill("shadow", "shadow")),
            Mode::Disabled => (pill("cancelled", "disabled")),
        }
        @if let Some(cap) = cap.filter(|_| mode != Mode::Live) {
            span class="vh" { " because of " (text(cap)) }
        }
    }
}

/// `4 of 4`
fn tests_in_short(tests: Option<&RuleTests>) -> Markup {
    let Some(tests) = tests else {
        return html! { span class="mu" { "not run yet" } };
    };
    let (passed, run) = (tests.passed(), tests.results.len());
    let ratio = format!("{passed} of {run}");
    html! {
        @match (run, tests.not_run) {
            (0, 0) => span class="mu" { "none" },
            (_, not_run) if not_run > 0 => span class="mu" { (ratio) ", " (not_run) " not run yet" },
            (_, _) if passed < run => (pill("dead", &ratio)),
            (_, _) => (ratio),
        }
    }
}
