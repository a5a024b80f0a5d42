//! Who gave which command to a run, when, from where, and what came of it.

use maud::{Markup, html};

use crate::page::answer::day_and_time;
use crate::page::part::link;
use crate::page::part::state::{pill, run_state};
use crate::page::text::{short, text};
use crate::report::run::detail::StoredRun;
use crate::store::{CommandKind, GivenCommand};
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::commander::CommandOrigin;

/// Commands that are listed, the newest.
const MAX_LISTED: usize = 50;
/// Characters of a reason.
const MAX_REASON: usize = 300;

pub fn given(run: &StoredRun) -> Markup {
    let commands = &run.detail.commands;
    html! {
        @if !commands.is_empty() {
            section aria-labelledby="h-given" {
                div class="bar" {
                    h2 id="h-given" { "Who gave which command" }
                    a class="link push" href="/commands" { "All commands of the page" }
                }
                div class="box" {
                    table class="list" {
                        caption class="vh" { "Commands for this run, oldest first" }
                        thead {
                            tr {
                                th scope="col" { "At" }
                                th scope="col" { "Command" }
                                th scope="col" { "By" }
                                th scope="col" { "From" }
                                th scope="col" { "Note" }
                                th scope="col" { "Result" }
                            }
                        }
                        tbody {
                            @for command in commands.iter().rev().take(MAX_LISTED).rev() { (row(command, run)) }
                        }
                    }
                }
            }
        }
    }
}

fn row(command: &GivenCommand, of: &StoredRun) -> Markup {
    let (run, state) = (of.detail.row.id, &of.detail.row.state);
    let is_newest = of.detail.commands.last() == Some(command);
    let place = match command.by.origin {
        CommandOrigin::Page => "the page",
        CommandOrigin::CommandLine => "the command line, not verified",
        CommandOrigin::Socket => "the admin socket, not verified",
    };
    html! {
        tr {
            td { (day_and_time(command.at)) }
            th scope="row" { (command.kind.as_str()) }
            td data-l="by" { (text(command.by.name.as_deref().unwrap_or("unknown"))) }
            td data-l="from" { (place) }
            td class="w" { (text(&command.by.note)) }
            td class="w" {
                @match &command.result {
                    Err(why) => { (pill("refused", "rejected")) " " (short(why, MAX_REASON)) }
                    Ok(runs) => {
                        @for other in runs.iter().filter(|other| **other != run) {
                            a class="link" href=(link::run(*other)) { "run " (other.0) } " "
                        }
                        @if runs.iter().all(|other| *other == run) {
                            (pill("none", "executed"))
                            @if is_newest && command.kind == CommandKind::Retry {
                                @match state {
                                    RunState::Dead { .. } => { " " (pill("dead", "dead again")) }
                                    state => { " now " (run_state(state)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
