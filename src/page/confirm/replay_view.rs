//! Draws what a replay would do: the new runs by rule, what is left out and why, and the first calls.

use maud::{Markup, html};

use super::replay_effect::{FirstCalls, ReplayEffect};
use super::request::{CommandRequest, EarlierResults};
use super::view::{MAX_NAME, MAX_RULES, states};
use crate::page::answer::day_and_time;
use crate::page::part::call;
use crate::page::part::link;
use crate::page::text::short;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::replay::assess::LeftOutReason;
use crate::report::replay::rate::ReplayRate;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::format_duration;

/// A replay, before its form.
pub fn replay(effect: &ReplayEffect, request: &CommandRequest) -> Markup {
    let summary = &effect.summary;
    let rate = ReplayRate::default();
    let gated: Vec<&str> = summary.gated().into_iter().collect();
    html! {
        @if summary.runs == 0 {
            div class="note plain" { p { "No run would start." } }
        } @else {
            section aria-labelledby="h-w" {
                div class="bar" {
                    h2 id="h-w" { (number(summary.runs, "run")) " would start" }
                    p {
                        "for " (number(summary.events, "event"))
                        @if let Some((first, last)) = summary.received {
                            ", received " (day_and_time(first))
                            @if first != last { " to " (day_and_time(last)) }
                        }
                    }
                }
                div class="box" {
                    table class="hov list" {
                        caption class="vh" { "New runs by rule, with the states of the earlier runs" }
                        thead {
                            tr {
                                th scope="col" { "Rule" }
                                th scope="col" class="r" { "Runs" }
                                th scope="col" { "Mode" }
                                th scope="col" { "Earlier runs" }
                            }
                        }
                        tbody {
                            @for (name, rule) in summary.by_rule.iter().take(MAX_RULES) {
                                tr {
                                    th scope="row" { a class="id" href=(link::rule(name)) { (short(name, MAX_NAME)) } }
                                    td class="r" data-l="runs" { (grouped(rule.runs)) }
                                    td {
                                        @match rule.rule.mode {
                                            Mode::Live => "live",
                                            Mode::Shadow => "shadow: recorded, nothing is sent",
                                            Mode::Disabled => "disabled",
                                        }
                                    }
                                    td { (states(&rule.earlier)) }
                                }
                            }
                        }
                    }
                }
                p class="mu more" {
                    @if gated.is_empty() {
                        "Gates are not applied; these rules have none."
                    } @else {
                        "Gates are not applied, so that every event starts its run: "
                        @for (index, name) in gated.iter().take(MAX_RULES).enumerate() {
                            @if index > 0 { ", " }
                            (short(name, MAX_NAME))
                        }
                        @if gated.len() == 1 { " has gates." } @else { " have gates." }
                    }
                    @if summary.runs > 1 {
                        " At " (rate) " this takes about " (format_duration(rate.time_for(summary.runs))) "."
                    }
                }
            }
        }
        (replay_left_out(effect, request))
        @if !effect.first.is_empty() {
            section aria-labelledby="h-next" {
                div class="bar" {
                    h2 id="h-next" {
                        @if effect.first.iter().all(|first| mode(effect, first) == Some(Mode::Shadow)) { "What would be sent if live" }
                        @else { "What is sent first" }
                    }
                    @if effect.summary.runs > effect.first.len() {
                        p { "the first " (effect.first.len()) " of " (number(effect.summary.runs, "run")) }
                    }
                }
                div class="stack" { @for first in &effect.first { (first_calls(first, mode(effect, first))) } }
            }
        }
    }
}

/// The mode of its rule.
fn mode(effect: &ReplayEffect, first: &FirstCalls) -> Option<Mode> {
    let rule = effect.summary.by_rule.get(&first.rule)?;
    Some(rule.rule.mode)
}

fn first_calls(first: &FirstCalls, mode: Option<Mode>) -> Markup {
    html! {
        div {
            h3 {
                (short(&first.rule, MAX_NAME)) " for " a class="link" href=(link::event(first.event)) { (short(&first.subject, MAX_NAME)) }
            }
            @if mode == Some(Mode::Shadow) { p { "Its rule is in shadow mode: nothing is sent." } }
            @for planned in &first.calls {
                p class="mu" { "step " code { (short(&planned.step, MAX_NAME)) } }
                (call::call(&planned.call, None))
            }
            @if first.others > 0 {
                p class="mu" { (number(first.others, "further step")) " without a call, or with one that depends on earlier results." }
            }
        }
    }
}

fn replay_left_out(effect: &ReplayEffect, request: &CommandRequest) -> Markup {
    let left_out = &effect.summary.left_out;
    let has_done = left_out.keys().any(|reason| match reason {
        LeftOutReason::Done | LeftOutReason::RunsDeleted | LeftOutReason::Unfinished => true,
        LeftOutReason::Started
        | LeftOutReason::NoMatch
        | LeftOutReason::Disabled
        | LeftOutReason::OtherState
        | LeftOutReason::Redacted
        | LeftOutReason::EventDeleted
        | LeftOutReason::Unreadable
        | LeftOutReason::ReportsOnDead => false,
    });
    let with_done = CommandRequest {
        results: EarlierResults::Include,
        ..request.clone()
    };
    html! {
        @if !left_out.is_empty() {
            section aria-labelledby="h-left" {
                div class="bar" { h2 id="h-left" { "Left out" } }
                ul {
                    @for (reason, count) in left_out {
                        li {
                            @if count.rules.is_empty() { (number(count.count, "event")) } @else { (number(count.count, "run")) }
                            ": " (reason.without_options())
                            @if !count.rules.is_empty() {
                                "; "
                                @for (index, (rule, runs)) in count.rules.names.iter().take(MAX_RULES).enumerate() {
                                    @if index > 0 { ", " }
                                    (grouped(*runs)) " " (short(rule, MAX_NAME))
                                }
                            }
                            "."
                        }
                    }
                }
                @if has_done && request.results == EarlierResults::LeaveOut {
                    p class="more" { a class="link" href=(with_done.address()) { "Include what is done already" } }
                }
            }
        }
    }
}
