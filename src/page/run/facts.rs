//! The facts of a run beside its time line: state, times, lane, causes, receivers, gates; and the results that steps kept.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::timeline::unfinished_command;
use crate::page::answer::day_and_time;
use crate::page::icon::Icon;
use crate::page::part::json_tree::{JsonMarks, json_tree};
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::state::run_state;
use crate::page::text::{short, text};
use crate::report::render::attempts::RunLogLine;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::gate_line::gate_lines;
use crate::report::run::detail::StoredRun;
use crate::report::run::next_call::StepKey;
use flowtrigger_core::run::{LogEntry, RunId};

/// Characters of a value.
const MAX_VALUE: usize = 120;
/// Receivers and keys that are listed.
const MAX_LISTED: usize = 8;

pub fn facts(run: &StoredRun, lines: &[RunLogLine<'_>], keys: &[StepKey]) -> Markup {
    html! {
        aside class="aside" aria-label="About this run" {
            (about(run, lines))
            (gates(run))
            (receivers(run))
            (idempotency(keys))
        }
    }
}

fn run_link(id: RunId) -> Markup {
    html! { a class="link" href=(link::run(id)) { "run " (id.0) } }
}

fn about(run: &StoredRun, lines: &[RunLogLine<'_>]) -> Markup {
    let detail = &run.detail;
    let row = &detail.row;
    let attempts = lines.iter().filter(|line| match line {
        RunLogLine::Attempt { .. } | RunLogLine::Interrupted { .. } => true,
        RunLogLine::Other(_) => false,
    });
    let attempts = attempts.count();
    let unfinished = unfinished_command(detail).is_some();
    let started = lines.iter().find_map(|line| match line {
        RunLogLine::Attempt { attempt, .. } => Some(attempt.started),
        RunLogLine::Interrupted { exchange, .. } => Some(exchange.started),
        RunLogLine::Other(_) => None,
    });
    html! {
        section {
            h2 { "Run" }
            dl class="kv" {
                dt { "State" }
                dd { (run_state(&row.state)) " since " (day_and_time(row.changed)) }
                dt { "Planned" }
                dd { (day_and_time(row.planned)) }
                @if let Some(started) = started { dt { "Started" } dd { (day_and_time(started)) } }
                dt { "Attempts" }
                dd {
                    (grouped(attempts + usize::from(unfinished)))
                    @if unfinished { ", the last interrupted" }
                }
                dt { "Lane" }
                dd {
                    @match &detail.lane {
                        Some(lane) => {
                            code { (short(lane, MAX_VALUE)) }
                            @if let Some(behind) = detail.behind { ", behind " (run_link(behind)) }
                        }
                        None => "waits for no other run",
                    }
                }
                dt { "Depth" }
                dd {
                    (row.lineage.depth)
                    @match (row.lineage.depth, row.lineage.cause) {
                        (0, None) => ", not caused by a run",
                        (0, Some(cause)) => { ", may be caused by " (run_link(cause)) }
                        (_, Some(cause)) => { ", caused by " (run_link(cause)) }
                        (_, None) => ", caused by us, the run is unknown",
                    }
                }
                dt { "Rules" }
                dd { a class="link" href=(link::rule_at(&row.rule, detail.arrived.head.revision)) { "revision " (detail.arrived.head.revision.0) } }
                @if detail.generation > 0 {
                    dt { "Replay" }
                    dd {
                        "generation " (detail.generation)
                        @if let Some(replay) = row.replay {
                            ", of " a class="link" href=(link::query("/runs", &[("replay", &replay.to_string())])) { (replay) }
                        }
                    }
                }
                @if let Some(told) = detail.told_by {
                    dt { "Told by" }
                    dd { (run_link(told.run)) @if told.others > 0 { ", with " (number(told.others as usize, "other run")) } }
                }
                @if let Some(dead) = row.tells_of {
                    dt { "Reports on" }
                    dd {
                        @if let Some(receiver) = &row.reports.receiver { (text(receiver)) ", noticed by " }
                        (run_link(dead))
                        @if row.reports.count > 1 && row.reports.receiver.is_none() {
                            " and " (number(row.reports.count as usize - 1, "other run"))
                        }
                    }
                }
                @if let Some(newer) = &run.successor {
                    dt { "Replayed" }
                    dd { "as " (run_link(newer.run)) ", " (newer.state) }
                }
                dt { "Source" }
                dd { (text(&row.source)) @if row.endpoint != row.source { ", entry " (text(&row.endpoint)) } }
            }
        }
    }
}

fn gates(run: &StoredRun) -> Markup {
    let lines = gate_lines(&run.detail);
    html! {
        @if !lines.is_empty() {
            section {
                h2 { "Gates" }
                ul { @for line in &lines { li { (prose(&line.to_string())) } } }
            }
        }
        @if !run.detail.chain.is_empty() {
            section {
                h2 { "Chain that the loop guard found" }
                ul {
                    @for cause in &run.detail.chain {
                        li {
                            (run_link(cause.id)) " " (run_state(&cause.state)) " " (text(&cause.rule))
                            " for " a href=(link::event(cause.event_row)) { (text(&cause.event_type)) }
                        }
                    }
                }
            }
        }
    }
}

/// Where it sent to, with the other runs that sent there.
fn receivers(run: &StoredRun) -> Markup {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for target in run.exchanges.iter().filter_map(|one| one.target.as_ref()) {
        let rest = target.url.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        if !host.is_empty() {
            *counts.entry(host.to_owned()).or_default() += 1;
        }
    }
    html! {
        @if !counts.is_empty() {
            section {
                h2 { "Sent to" }
                ul {
                    @for (host, count) in counts.iter().take(MAX_LISTED) {
                        li {
                            a class="link" href=(link::query("/runs", &[("sent_to", host)])) { (short(host, MAX_VALUE)) }
                            ", " (grouped(*count)) @if *count == 1 { " request" } @else { " requests" }
                        }
                    }
                    @if counts.len() > MAX_LISTED { li class="mu" { (counts.len() - MAX_LISTED) " more" } }
                }
            }
        }
    }
}

fn idempotency(keys: &[StepKey]) -> Markup {
    html! {
        @for step in keys.iter().take(MAX_LISTED) {
            section {
                h2 { "Idempotency key of " code { (short(&step.step, MAX_VALUE)) } }
                div class="cmd" {
                    pre { (step.key) }
                    button type="button" class="s js-only" data-copy=(step.key) { (Icon::Copy.render()) "Copy" }
                }
            }
        }
    }
}

/// The last result of each step that succeeded.
pub fn results(run: &StoredRun) -> Markup {
    let mut results = Map::new();
    for attempt in run.detail.log.iter().filter_map(LogEntry::attempt) {
        if let (Ok(reply), false) = (&attempt.outcome, attempt.ends_an_item()) {
            results.insert(attempt.step.clone(), reply.value.clone());
        }
    }
    html! {
        @if !results.is_empty() {
            section aria-labelledby="h-kept" {
                div class="bar" { h2 id="h-kept" { "Results that steps kept" } }
                div class="box json" tabindex="0" role="region" aria-label="Results of steps" {
                    (json_tree(&Value::Object(results), &JsonMarks::default()))
                }
            }
        }
    }
}
