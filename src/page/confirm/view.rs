//! Draws the question before a command: what would happen to which runs, what is left out, the first requests, and the
//! form.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::ConfirmPage;
use super::consequence::{CommandEffect, Consequences, RuleEffect, RunsEffect};
use super::replay_view::replay;
use super::request::{CommandRequest, CommandScope};
use crate::page::answer::day_and_time;
use crate::page::part::call;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::state::pill;
use crate::page::runs::hidden;
use crate::page::runs::query::FormField;
use crate::page::text::{short, text};
use crate::report::render::diagnostics::{grouped, number};
use crate::report::run::command::RunCommand;
use crate::report::run::next_call::NextCall;

/// Rules that are listed.
pub const MAX_RULES: usize = 50;
pub const MAX_NAME: usize = 100;

fn verb(command: RunCommand) -> &'static str {
    match command {
        RunCommand::Retry => "Retry",
        RunCommand::Replay(_) => "Replay",
        RunCommand::Cancel => "Cancel",
    }
}

/// `Retry 47 runs?`
pub fn title(consequences: &Consequences) -> String {
    let request = &consequences.request;
    let word = verb(request.command);
    match (&request.scope, &consequences.effect) {
        (_, CommandEffect::Runs(_)) if consequences.set.count == 0 => {
            format!("Nothing to {}", request.command.as_str())
        }
        (CommandScope::Runs(runs), _) if runs.len() == 1 => format!("{word} run {}?", runs[0].0),
        (CommandScope::Event { .. }, _) => format!("{word} this event?"),
        (CommandScope::Period(_), CommandEffect::Replay(replay)) => {
            format!("{word} {}?", number(replay.summary.events, "event"))
        }
        (_, _) => format!("{word} {}?", number(consequences.set.count, "run")),
    }
}

/// What the command does with each run.
fn meaning(command: RunCommand, runs: usize) -> &'static str {
    match command {
        RunCommand::Retry if runs == 1 => {
            "It continues at the step where it stopped, with the flow of its time and the same idempotency keys, at the end of its lane."
        }
        RunCommand::Cancel if runs == 1 => {
            "It ends as cancelled. An attempt in progress is stopped, and its receiver may have acted. What was sent stays sent. The next run of its lane can start, and a retry continues it later."
        }
        RunCommand::Retry => {
            "Each run continues at the step where it stopped, with the flow of its time and the same idempotency keys, at the end of its lane."
        }
        RunCommand::Replay(_) => {
            "For each event a new run starts at the first step, with the rules in force now and without gates. The idempotency keys are new: what was sent before is sent again."
        }
        RunCommand::Cancel => {
            "Each run ends as cancelled. An attempt in progress is stopped, and its receiver may have acted. What was sent stays sent. The next runs of their lanes can start, and a retry continues a cancelled run later."
        }
    }
}

pub fn page(page: &ConfirmPage) -> Markup {
    let consequences = &page.consequences;
    let request = &consequences.request;
    html! {
        (crumb(request))
        div class="head" {
            div {
                h1 { (title(consequences)) }
                @if consequences.set.count > 0 { p { (meaning(request.command, consequences.set.count)) } }
            }
        }
        @if let Some(again) = &page.again {
            div class="note" role="alert" { p { (again) } }
        }
        @match &consequences.effect {
            CommandEffect::Runs(effect) => (runs(effect, request.command)),
            CommandEffect::Replay(effect) => (replay(effect, request)),
        }
        (form(page))
    }
}

fn crumb(request: &CommandRequest) -> Markup {
    let back = request.back();
    let name = match &request.scope {
        CommandScope::Runs(runs) if runs.len() == 1 => format!("Run {}", runs[0].0),
        CommandScope::Runs(_) => return crumbs(&[("/runs", "Runs")]),
        CommandScope::Matching { .. } => "Those that match".to_owned(),
        CommandScope::Event { row, .. } => {
            return crumbs(&[("/events", "Events"), (&back, &format!("Event {}", row.0))]);
        }
        CommandScope::Period(_) => return crumbs(&[("/events", "Events")]),
    };
    crumbs(&[("/runs", "Runs"), (&back, &name)])
}

fn crumbs(links: &[(&str, &str)]) -> Markup {
    html! {
        nav class="crumb" aria-label="Breadcrumb" {
            ol { @for (path, name) in links { li { a href=(path) { (name) } } } }
        }
    }
}

/// Counts of states.
pub fn states(states: &BTreeMap<&'static str, usize>) -> Markup {
    html! {
        @for (state, count) in states {
            span class="rr" { (grouped(*count)) " " (pill(state, state)) }
        }
    }
}

fn runs(effect: &RunsEffect, command: RunCommand) -> Markup {
    html! {
        @for receiver in &effect.failing {
            div class="note bad" {
                p {
                    b { (text(&receiver.origin)) " has failed since " (day_and_time(receiver.since)) "." }
                    @if effect.selected.runs.len() == 1 {
                        " This run sends to it next, and will probably fail again."
                    } @else if receiver.rules == effect.rules.len() {
                        " These runs send to it next, and will probably fail again. Retry one first."
                    } @else {
                        " Some of these runs send to it next, and will probably fail again. Retry one first."
                    }
                    @if let Some(error) = &receiver.error { br; span class="mu" { (prose(error)) } }
                }
            }
        }
        (replayed(effect))
        @if effect.rules.is_empty() {
            div class="note plain" { p { "No run is left to " (command.as_str()) "." } }
        } @else {
            section aria-labelledby="h-w" {
                div class="bar" { h2 id="h-w" { "What would happen" } }
                div class="box" {
                    table class="hov list" {
                        caption class="vh" { "Runs by rule" }
                        thead {
                            tr {
                                th scope="col" { "Rule" }
                                th scope="col" class="r" { "Runs" }
                                th scope="col" { "Now" }
                                @if command == RunCommand::Retry {
                                    th scope="col" { "Continues at" }
                                    th scope="col" { "Next request or command" }
                                }
                            }
                        }
                        tbody { @for rule in effect.rules.iter().take(MAX_RULES) { (rule_row(rule, command)) } }
                    }
                }
                @if effect.rules.len() > MAX_RULES {
                    p class="mu more" { (number(effect.rules.len() - MAX_RULES, "further rule")) }
                }
            }
        }
        (left_out(effect))
        (next_requests(effect))
    }
}

fn replayed(effect: &RunsEffect) -> Markup {
    let replayed = &effect.selected.replayed;
    html! {
        @if let Some(first) = replayed.first() {
            div class="note" {
                p {
                    a class="link" href=(link::run(*first)) { "Run " (first.0) }
                    @if replayed.len() > 1 { " and " (replayed.len() - 1) " more" }
                    " was replayed, and the newer run did the work or still does: a retry sends again."
                }
            }
        }
    }
}

fn rule_row(rule: &RuleEffect, command: RunCommand) -> Markup {
    let count: usize = rule.states.values().sum();
    html! {
        tr {
            th scope="row" { a class="id" href=(link::rule(&rule.rule)) { (short(&rule.rule, MAX_NAME)) } }
            td class="r" data-l="runs" { (grouped(count)) }
            td { (states(&rule.states)) }
            @if command == RunCommand::Retry {
                @match rule.sample.as_ref().map(|sample| &sample.next) {
                    Some(NextCall::Calls(calls)) => {
                        td { @for call in calls.iter().take(3) { code { (short(&call.step, MAX_NAME)) } " " } }
                        td class="w" { @for call in calls.iter().take(3) { (call::line(&call.call)) " " } }
                    }
                    Some(NextCall::Waits(until)) => { td {} td { "waits until " (day_and_time(*until)) } }
                    Some(NextCall::Ends(how)) => { td {} td class="w" { "ends: " (prose(how)) } }
                    Some(NextCall::Unknown) | None => { td {} td { "where it stopped" } }
                }
            }
        }
    }
}

fn left_out(effect: &RunsEffect) -> Markup {
    html! {
        @if !effect.selected.left_out.is_empty() {
            section aria-labelledby="h-left" {
                div class="bar" { h2 id="h-left" { "Left out" } }
                ul {
                    @for left in &effect.selected.left_out {
                        li {
                            (number(usize::try_from(left.count).unwrap_or(usize::MAX), "run")) ": " (prose(&left.why)) "."
                        }
                    }
                }
            }
        }
    }
}

/// The whole request of the first run of the first rules.
fn next_requests(effect: &RunsEffect) -> Markup {
    const SHOWN: usize = 3;
    let samples = effect.rules.iter().filter_map(|rule| rule.sample.as_ref());
    let samples: Vec<_> = samples
        .filter(|sample| !sample.next.calls().is_empty())
        .take(SHOWN)
        .collect();
    html! {
        @if !samples.is_empty() {
            section aria-labelledby="h-next" {
                div class="bar" {
                    h2 id="h-next" { "What comes next" }
                    @if effect.selected.runs.len() > 1 { p { "for the first run of each rule" } }
                }
                div class="stack" {
                    @for sample in samples {
                        @if let Some(first) = sample.next.calls().first() {
                            div {
                                h3 { "Run " (sample.run) ", step " code { (short(&first.step, MAX_NAME)) } }
                                @if sample.is_repeated {
                                    p { "It runs the command of " code { (short(&first.step, MAX_NAME)) } " a second time." }
                                }
                                (call::call(&first.call, sample.key.as_deref()))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn form(page: &ConfirmPage) -> Markup {
    let consequences = &page.consequences;
    let request = &consequences.request;
    let count = consequences.set.count;
    let held = consequences.held();
    let go = match request.command {
        RunCommand::Cancel => "no",
        RunCommand::Retry | RunCommand::Replay(_) => "go",
    };
    let label = match (count, &request.scope) {
        (1, CommandScope::Runs(runs)) if runs.len() == 1 => {
            format!("{} run {}", verb(request.command), runs[0].0)
        }
        (count, _) => format!("{} {}", verb(request.command), number(count, "run")),
    };
    html! {
        section {
            form method="post" action="/confirm" class="stack" {
                (hidden(&request.fields()))
                (hidden(&[
                    FormField::new("set", &consequences.set),
                    FormField::new("form", &page.form),
                ]))
                @if count > 0 {
                    div {
                        label class="lbl" for="note" { "Note, kept with the command" }
                        input id="note" name="note" value=(page.note) maxlength="500" placeholder="why, or a link to the incident";
                    }
                    @if held > 0 {
                        label class="row" {
                            input type="checkbox" name="looked" value="yes" required;
                            span { "I have looked whether " (number(held, "held run")) " did the work already" }
                        }
                    }
                }
                div class="row" {
                    @if count > 0 {
                        button class=(go) name="go" value="all" { (label) }
                        @if count > 1 && request.command == RunCommand::Retry {
                            button name="go" value="first" { "Retry 1 of them first" }
                        }
                    }
                    a class="btn" data-close href=(request.back()) {
                        @match (request.command, count) {
                            (RunCommand::Cancel, 1) => "Keep it",
                            (RunCommand::Cancel, 2..) => "Keep them",
                            (RunCommand::Cancel | RunCommand::Retry | RunCommand::Replay(_), _) => "Back",
                        }
                    }
                }
            }
        }
    }
}
