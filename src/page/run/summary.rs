//! Says in sentences why a run is in its state, what was done and what happens next.

use maud::{Markup, html};

use super::timeline::{TimelineRow, done_steps, unfinished_command};
use crate::page::answer::day_and_time;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::text::{capital, short, text};
use crate::report::daemon_state::DaemonState;
use crate::report::render::diagnostics::number;
use crate::report::render::{mode_cap, next_step, waiters};
use crate::report::run::detail::{StoredRun, contradiction};
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::run::{RunId, RunState};

/// Characters of a reason.
const MAX_REASON: usize = 1_000;
/// Characters of a headline, and of a word in it.
const MAX_HEADLINE: usize = 240;
const MAX_WORD: usize = 60;
/// Steps that are named.
const MAX_STEPS: usize = 12;

/// What happened.
pub fn summary(run: &StoredRun, rows: &[TimelineRow<'_>], daemon: &DaemonState) -> Markup {
    html! {
        section aria-labelledby="h-say" {
            h2 id="h-say" class="vh" { "What happened" }
            p class="say" { (state(run, rows)) }
            (whole_reason(run))
            (done(run, rows))
            p class="say" { "Next: " (next(run, daemon)) }
            (notes(run, daemon))
        }
    }
}

fn state(run: &StoredRun, rows: &[TimelineRow<'_>]) -> Markup {
    let row = &run.detail.row;
    let reason = |why: &str| prose(&headline(why));
    match &row.state {
        RunState::Queued => html! { b { "Waits to start." } },
        RunState::Debouncing { until } => html! {
            b { "Collects events" } " until " (day_and_time(*until)) ", or later if another event arrives."
        },
        RunState::Running => html! {
            b { "Runs now." } " An attempt may be in progress; it is listed when it ends."
        },
        RunState::Retrying { until } => html! {
            b { (last_step(rows, "The last attempt failed", "failed")) ":" } " "
            (reason(row.error.as_deref().unwrap_or("without a message")))
            "; again at " (day_and_time(*until)) "."
        },
        RunState::Limited { until, why } => html! {
            b { "Waits for a limit:" } " " (reason(why)) " until " (day_and_time(*until)) "."
        },
        RunState::Parked { why, .. } => html! { b { "Waits:" } " " (reason(why)) "." },
        RunState::Waiting { until } => html! { b { "Waits" } " until " (day_and_time(*until)) "." },
        RunState::Awaiting { step, until } => html! {
            b { "Waits" } " in " code { (step) } " until " (day_and_time(*until)) " at the latest."
        },
        RunState::Done => html! {
            b { "Done" } " at " (day_and_time(row.changed)) "."
        },
        RunState::Skipped { why } => html! { b { "Ended by a guard:" } " " (reason(why)) },
        RunState::Shadow => html! {
            b { "Recorded only:" } " its rule is in shadow mode, so nothing was sent."
        },
        RunState::Dead { why } => html! {
            @match (why.starts_with("step `"), row.error.as_deref()) {
                // The step and its attempts stand before it.
                (true, Some(error)) => { b { (last_step(rows, "Dead", "dead")) ":" } " " (reason(error)) }
                (_, _) => { b { "Dead:" } " " (reason(why)) }
            }
        },
        RunState::Held { why } => html! { b { "Held, until a person decides:" } " " (reason(why)) },
        RunState::Suppressed { gate, why } => html! {
            b { "Stopped by " code { (text(gate)) } " before it started:" } " " (reason(why))
        },
        RunState::Cancelled => html! { b { "Cancelled" } " at " (day_and_time(row.changed)) "." },
    }
}

/// The beginning of a reason for a headline: long words, such as addresses, are cut, and so is the rest.
fn headline(why: &str) -> String {
    let mut cut = String::new();
    for word in why.split_inclusive(char::is_whitespace) {
        match word.char_indices().nth(MAX_WORD) {
            Some((end, _)) => {
                cut.push_str(&word[..end]);
                cut.push('…');
                cut.extend(word.chars().last().filter(|last| last.is_whitespace()));
            }
            None => cut.push_str(word),
        }
        if cut.chars().count() > MAX_HEADLINE {
            let end = cut
                .char_indices()
                .nth(MAX_HEADLINE)
                .map_or(cut.len(), |(end, _)| end);
            cut.truncate(end);
            cut.push('…');
            return cut;
        }
    }
    cut
}

/// The whole reason in small, if the headline has cut it.
fn whole_reason(run: &StoredRun) -> Markup {
    let row = &run.detail.row;
    let why = match &row.state {
        RunState::Retrying { .. } => row.error.as_deref(),
        RunState::Dead { why } => match why.starts_with("step `") {
            true => row.error.as_deref().or(Some(why)),
            false => Some(why.as_str()),
        },
        RunState::Limited { why, .. }
        | RunState::Parked { why, .. }
        | RunState::Skipped { why }
        | RunState::Held { why }
        | RunState::Suppressed { why, .. } => Some(why.as_str()),
        RunState::Queued
        | RunState::Debouncing { .. }
        | RunState::Running
        | RunState::Waiting { .. }
        | RunState::Awaiting { .. }
        | RunState::Done
        | RunState::Shadow
        | RunState::Cancelled => None,
    };
    let whole = why.filter(|why| headline(why) != **why);
    html! { @if let Some(whole) = whole { p class="mu whole" { (short(whole, MAX_REASON)) } } }
}

/// `Dead at step page after 10 attempts`, if a step is to blame.
fn last_step(rows: &[TimelineRow<'_>], without: &str, state: &str) -> Markup {
    let last = rows.iter().rev().find_map(|row| match row {
        TimelineRow::Step(step) => Some(step),
        TimelineRow::Planned(_)
        | TimelineRow::Debounce(..)
        | TimelineRow::Queued(_)
        | TimelineRow::Wait(..)
        | TimelineRow::Decided(..)
        | TimelineRow::Caught(..)
        | TimelineRow::Retried(_)
        | TimelineRow::Started(..)
        | TimelineRow::Interrupted(..)
        | TimelineRow::OnDead(..)
        | TimelineRow::Next(_)
        | TimelineRow::Omitted(_) => None,
    });
    match (last, state) {
        (Some(step), "dead") => html! {
            "Dead at step " code { (short(step.step, 100)) } " after " (number(step.attempts(), "attempt"))
        },
        (Some(step), _) => html! {
            "Step " code { (short(step.step, 100)) } " failed, " (number(step.attempts(), "attempt")) " so far"
        },
        (None, _) => html! { (without) },
    }
}

/// The steps that are done, which a retry does not repeat.
fn done(run: &StoredRun, rows: &[TimelineRow<'_>]) -> Markup {
    let steps = done_steps(rows);
    let state = &run.detail.row.state;
    let nothing = steps.is_empty() && state.can_revive();
    html! {
        @if let (true, Some(step)) = (nothing, unfinished_command(&run.detail)) {
            p class="say" { "No other step was done. Whether " code { (short(step, 100)) } " did its work is not known: look first." }
        } @else if nothing {
            p class="say" { "No step was done." }
        } @else if !steps.is_empty() && !matches!(state, RunState::Done) {
            p class="say" {
                "Done: "
                @for (index, step) in steps.iter().take(MAX_STEPS).enumerate() {
                    @if index > 0 { ", " }
                    code { (short(step, 100)) }
                }
                @if steps.len() > MAX_STEPS { " and " (steps.len() - MAX_STEPS) " more" }
                @if state.can_revive() { ". A retry does not repeat what is done" }
                "."
            }
        }
    }
}

/// What happens if no command is given.
fn next(run: &StoredRun, daemon: &DaemonState) -> Markup {
    let detail = &run.detail;
    if let Some(successor) = &run.successor {
        return html! {
            "nothing. It was replayed as " a href=(link::run(successor.run)) { "run " (successor.run.0) }
            ", which is " (successor.state) "."
        };
    }
    let is_shadow = matches!(detail.row.state, RunState::Shadow);
    let config = is_shadow.then(|| detail.rule.version.config());
    match config.and_then(|config| mode_cap::describe(config)) {
        Some(cap) => html! {
            "nothing: " (prose(&cap)) " keeps every rule in shadow mode. A replay acts once that is removed."
        },
        None => {
            html! {
                (prose(&next_step::outlook(&detail.row, detail.behind, daemon)))
                @if matches!(detail.row.state, RunState::Dead { .. }) { ", until you retry or replay it" }
                "."
            }
        }
    }
}

/// What else is worth knowing: contradictions, crashes, events with redacted fields.
fn notes(run: &StoredRun, daemon: &DaemonState) -> Markup {
    let detail = &run.detail;
    let contradiction = detail.rule.rule.as_ref().ok().and_then(|rule| {
        let explained = explain_stored(rule, &detail.rule.files, &detail.arrived.event).ok()?;
        contradiction(detail, &explained)
    });
    let obstacle = next_step::obstacle(daemon).filter(|_| !detail.row.state.is_final());
    html! {
        @if let Some(obstacle) = obstacle {
            div class="note bad" { p { "Runs cannot continue now: " (prose(obstacle)) } }
        }
        @if let Some(contradiction) = contradiction { div class="note" { p { (prose(&contradiction)) } } }
        @if detail.rule.rule.is_err() {
            div class="note" { p { "The stored rule is not valid for this version of the program, so this run cannot be explained or continued." } }
        }
        @if let Some(comparison) = run.comparison() { p class="say" { (prose(&capital(&comparison))) "." } }
        @for wait in waiters::sentences(detail) {
            p class="say" { (prose(&wait)) "." }
        }
        @if detail.suspect {
            div class="note" { p { "It was running when the daemon ended without shutdown." } }
        }
        @if detail.crashes > 0 {
            div class="note" {
                p {
                    "Its daemon ended without shutdown while it was running, counted "
                    (number(detail.crashes as usize, "time")) "; it is held after 3."
                }
            }
        }
        @if let (Some(RunId(run)), reports) = (detail.row.tells_of, &detail.row.reports) {
            p class="say" {
                @match (&reports.receiver, reports.count) {
                    (Some(receiver), _) => {
                        "It reports that " (text(receiver)) " fails, which "
                        a href=(link::run(RunId(run))) { "run " (run) } " noticed."
                    }
                    (None, 0 | 1) => { "It reports that " a href=(link::run(RunId(run))) { "run " (run) } " is dead." }
                    (None, count) => {
                        "It reports that " a href=(link::run(RunId(run))) { "run " (run) } " and "
                        (number(count as usize - 1, "other run")) " of the same cause are dead."
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_is_short() {
        let address = format!("https://pager.example/{}", "a".repeat(200));
        let error = format!("POST {address} answered 503 Service Unavailable");
        let cut = headline(&error);
        assert!(
            cut.starts_with("POST https://pager.example/aaa")
                && cut.ends_with("a… answered 503 Service Unavailable"),
            "{cut}"
        );
        let long = headline(&"<td> ".repeat(300));
        assert_eq!(long.chars().count(), MAX_HEADLINE + 1);
        assert_eq!(headline("answered 503\n"), "answered 503\n");
    }
}
