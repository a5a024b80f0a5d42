//! The table of runs, with a box that selects each.

use maud::{Markup, html};

use crate::page::answer::time;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::state::run_state;
use crate::page::session::{PageUser, Role};
use crate::page::text::{short, text};
use crate::report::render::diagnostics::number;
use crate::report::run::successor::Successors;
use crate::store::history::RunRow;
use flowtrigger_core::run::{RunId, RunState};

/// Characters of a reason, a rule and a key.
const MAX_REASON: usize = 300;
const MAX_NAME: usize = 80;

pub fn table(runs: &[RunRow], successors: &Successors, user: &PageUser) -> Markup {
    html! {
        div class="box" {
            table class="hov list" {
                caption class="vh" { "Runs, newest first" }
                thead {
                    tr {
                        @if user.role == Role::Act {
                            th scope="col" class="ck" {
                                input type="checkbox" class="js-only" data-all aria-label="All runs on this page";
                                span class="vh" { "Selected" }
                            }
                        }
                        th scope="col" { "Run" }
                        th scope="col" { "State" }
                        th scope="col" { "Rule" }
                        th scope="col" { "Ticket" }
                        th scope="col" class="wide" { "Planned" }
                        th scope="col" class="r" { "Attempts" }
                        th scope="col" { "Next, or since" }
                        th scope="col" { "Reason" }
                    }
                }
                tbody { @for run in runs { (row(run, successors, user)) } }
            }
        }
    }
}

fn row(run: &RunRow, successors: &Successors, user: &PageUser) -> Markup {
    let RunId(id) = run.id;
    html! {
        tr {
            @if user.role == Role::Act {
                td class="ck" { input type="checkbox" name="run" value=(id) aria-label={ "Run " (id) }; }
            }
            th scope="row" { a class="id" href=(link::run(run.id)) { (id) } }
            td { (run_state(&run.state)) }
            td class="cap" { a href=(link::rule(&run.rule)) { (short(&run.rule, MAX_NAME)) } }
            td class="cap" { a href=(link::event(run.event_row)) { (subject(run)) } }
            td class="wide" { (time(run.planned)) }
            td class="r" data-l="attempts" { (run.attempts) }
            td class="nw" data-l="since" {
                @match run.state.due() {
                    Some(due) => { "next at " (time(due)) }
                    None => (time(run.changed)),
                }
            }
            td class="w" {
                span class="err" {
                    @if let Some(newer) = successors.get(run.id) {
                        "replayed as " a class="link" href=(link::run(newer.run)) { "run " (newer.run.0) } ", " (newer.state) "; "
                    }
                    @match (run.tells_of, &run.reports.receiver) {
                        (Some(_), Some(receiver)) => { "reports that " (text(receiver)) " fails " }
                        (Some(dead), None) => {
                            "reports that " a class="link" href=(link::run(dead)) { "run " (dead.0) }
                            @if run.reports.count > 1 {
                                " and " (number(run.reports.count as usize - 1, "other")) " are dead "
                            } @else { " is dead " }
                        }
                        (None, _) => {}
                    }
                    (prose(&cut(&reason(run))))
                }
            }
        }
    }
}

/// Why it is in its state, as it is stored.
fn reason(run: &RunRow) -> String {
    match &run.state {
        RunState::Retrying { .. } => run.error.clone().unwrap_or_default(),
        RunState::Suppressed { gate, why } => format!("{gate}: {why}"),
        RunState::Limited { why, .. }
        | RunState::Parked { why, .. }
        | RunState::Skipped { why }
        | RunState::Dead { why }
        | RunState::Held { why } => why.clone(),
        RunState::Queued
        | RunState::Debouncing { .. }
        | RunState::Running
        | RunState::Waiting { .. }
        | RunState::Awaiting { .. }
        | RunState::Done
        | RunState::Shadow
        | RunState::Cancelled => String::new(),
    }
}

fn cut(reason: &str) -> String {
    match reason.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}

/// The ticket, or the type of an event that is about none.
pub fn subject(run: &RunRow) -> Markup {
    match &run.key {
        Some(key) => html! { "#" (short(key, MAX_NAME)) },
        None => short(&run.event_type, MAX_NAME),
    }
}
