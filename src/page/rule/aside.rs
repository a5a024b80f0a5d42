//! The side of the page of a rule: its runs by day and by state, what it listens to, its gates and where it sends.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::near_misses::predicate;
use super::{FAILED, RulePage};
use crate::page::answer::day_and_time;
use crate::page::part::link;
use crate::page::part::state::pill;
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::render::plan::describe_lane;
use crate::report::why::rule::report::{describe_schedule, describe_tick, types};
use crate::store::history::RuleActivity;
use flowtrigger_core::gate::series::SeriesKind;
use flowtrigger_core::gate::{Gate, GateKind, describe_time};
use flowtrigger_core::loop_guard::GATE;
use flowtrigger_core::rule::Rule;

/// The height of the highest bar, and where the bars stand.
const HIGHEST: f64 = 47.0;
const BASE: f64 = 60.0;
/// Types that are listed.
const MAX_TYPES: usize = 20;

pub fn aside(page: &RulePage) -> Markup {
    html! {
        aside class="aside" aria-label="About this rule" {
            section {
                h2 { "Runs of the last 7 days" }
                (days(&page.activity))
                (states(page))
            }
            @if let Some(rule) = page.rule() { (about(rule, page)) }
            (alone(page))
        }
    }
}

/// One bar a day, dead and held runs in red, and the same numbers as a table.
fn days(activity: &RuleActivity) -> Markup {
    let top = activity.days.iter().map(|day| day.total()).max();
    let top = top.unwrap_or_default().max(1) as f64;
    let bars: Vec<DayBar> = activity
        .days
        .iter()
        .map(|day| DayBar {
            name: day.start.to_zoned(TimeZone::UTC).strftime("%a").to_string(),
            date: day
                .start
                .to_zoned(TimeZone::UTC)
                .strftime("%Y-%m-%d")
                .to_string(),
            runs: day.total(),
            failed: FAILED.iter().filter_map(|state| day.runs.get(*state)).sum(),
        })
        .collect();
    html! {
        svg class="days" viewBox="0 0 280 72" role="img" aria-label=(describe_days(&bars)) {
            @for (bar, number) in bars.iter().zip(0..) {
                @let x = f64::from(number) * 40.0 + 4.0;
                (rectangle("f0", x, bar.runs, top))
                (rectangle("f3", x, bar.failed, top))
                text x=(x + 14.0) y="71" { (bar.name) }
                text x=(x + 14.0) y=(format!("{:.1}", BASE - height(bar.runs, top) - 4.0)) { (grouped(bar.runs)) }
            }
        }
        details class="xs mu" {
            summary { "Table" }
            table class="plain" {
                caption class="vh" { "Runs by day" }
                thead { tr { th scope="col" { "Day (UTC)" } th scope="col" class="r" { "Runs" } th scope="col" class="r" { "Dead or held" } } }
                tbody {
                    @for bar in &bars {
                        tr { th scope="row" { (bar.date) } td class="r" { (grouped(bar.runs)) } td class="r" { (grouped(bar.failed)) } }
                    }
                }
            }
        }
    }
}

struct DayBar {
    name: String,
    date: String,
    runs: u64,
    failed: u64,
}

fn describe_days(bars: &[DayBar]) -> String {
    let runs: Vec<String> = bars.iter().map(|bar| grouped(bar.runs)).collect();
    let failed: u64 = bars.iter().map(|bar| bar.failed).sum();
    format!(
        "Runs a day: {}; {} dead or held",
        runs.join(", "),
        grouped(failed)
    )
}

fn height(runs: u64, top: f64) -> f64 {
    match runs {
        0 => 0.0,
        runs => (HIGHEST * runs as f64 / top).max(1.0),
    }
}

fn rectangle(class: &str, x: f64, runs: u64, top: f64) -> Markup {
    let height = height(runs, top);
    html! {
        @if runs > 0 {
            rect class=(class) x=(x) y=(format!("{:.1}", BASE - height)) width="28" height=(format!("{height:.1}")) rx="2" {}
        }
    }
}

/// How many runs of the last days are in each state.
fn states(page: &RulePage) -> Markup {
    let name = page.found.name.as_str();
    html! {
        @if !page.found.last_week.is_empty() {
            ul class="row more" {
                @for (state, count) in &page.found.last_week {
                    li {
                        a href=(link::query("/runs", &[("rule", name), ("state", state)])) {
                            (pill(state, &format!("{} {state}", grouped(*count))))
                        }
                    }
                }
            }
        }
    }
}

fn about(rule: &Rule, page: &RulePage) -> Markup {
    let types = types(rule);
    let receivers = receivers(rule);
    let gates = gates(rule);
    let on_dead = rule.on_dead.iter().flat_map(|flow| &flow.steps);
    let on_dead: Vec<&str> = on_dead.map(|step| step.name.as_str()).collect();
    html! {
        section {
            h2 { "Rule" }
            dl class="kv" {
                dt { "Listens to" }
                dd class="m xs" {
                    @for name in types.iter().take(MAX_TYPES) { (text(name)) " " }
                    @if types.len() > MAX_TYPES { "and " (types.len() - MAX_TYPES) " more" }
                }
                dt { "Source" } dd { (text(&rule.event_source)) }
                @if let Some((next, every)) = page.found.next_tick() {
                    dt { "Every" }
                    dd { span class="m xs" { (text(&every.text())) } br; (describe_tick(next, every)) }
                }
                @for state in page.found.schedules() {
                    dt { "Schedule" } dd { (text(&describe_schedule(&state))) }
                }
                dt { "Lane" } dd { (text(&describe_lane(rule))) }
                dt { "Gates" } dd { @if gates.is_empty() { "none" } @else { (text(&gates.join("; "))) } }
                @if !receivers.is_empty() {
                    dt { "Sends to" }
                    dd { @for (number, receiver) in receivers.iter().enumerate() { @if number > 0 { ", " } (text(receiver)) } }
                }
                @if !on_dead.is_empty() { dt { "When dead" } dd { (short(&on_dead.join(", "), 200)) } }
                @if let Some(in_force) = page.found.in_force {
                    dt { "In force" } dd { "revision " (in_force.id.0) ", " (day_and_time(in_force.at)) }
                }
            }
        }
    }
}

/// The connections that requests of a rule use.
fn receivers(rule: &Rule) -> BTreeSet<&str> {
    let steps = rule.flow.all_steps().into_iter();
    let requests = steps.filter_map(|step| step.action.request());
    requests
        .filter_map(|request| request.connection.as_deref())
        .collect()
}

fn gates(rule: &Rule) -> Vec<String> {
    let own = rule.gates.iter().map(describe_gate);
    let guard = rule.guard.iter().map(|_| GATE.to_owned());
    own.chain(guard).collect()
}

/// `dedupe, 15m for each ticket.id`
fn describe_gate(gate: &Gate) -> String {
    let (kind, window) = (gate.kind.as_str(), describe_time(&gate.window));
    let per = gate.per.as_ref();
    let per = per.map_or(String::new(), |per| format!(" for each {}", per.text));
    match &gate.kind {
        GateKind::During(during) => format!("{kind} {}", during.text()),
        GateKind::Dedupe => format!("{kind}, one run in {window}{per}"),
        GateKind::Throttle { limit } => format!("{kind}, {limit} runs in {window}{per}"),
        GateKind::Debounce { keep, .. } => {
            format!("{kind}, quiet {window}{per}, keeps {}", keep.as_str())
        }
        GateKind::Series(gate) => match gate.kind {
            SeriesKind::Count(_) => {
                let distinct = gate.distinct.as_ref();
                let of = distinct.map_or("events", |path| path.text.as_str());
                format!("{kind}, {} {of} in {window}{per}", gate.needs())
            }
            SeriesKind::Sequence(_) => {
                format!("{kind}, {} in {window}{per}", gate.steps.join(", then "))
            }
        },
    }
}

/// How often each predicate alone stood in the way.
fn alone(page: &RulePage) -> Markup {
    let groups = page
        .found
        .events
        .iter()
        .flat_map(|sample| &sample.near_misses);
    let groups: Vec<_> = groups.take(10).collect();
    html! {
        @if !groups.is_empty() {
            section {
                h2 { "Where it failed, alone" }
                table class="plain" {
                    caption class="vh" { "Predicates that alone stood in the way in 24 hours" }
                    tbody {
                        @for group in groups {
                            tr { th scope="row" { (predicate(&group.predicate)) } td class="r" { (grouped(group.events as u64)) } }
                        }
                    }
                }
            }
        }
    }
}
