//! Lists what can be done about a run: each command with what it would do, or why it is not possible now.

use maud::{Markup, html};

use super::timeline::unfinished_command;
use crate::page::answer_question::address;
use crate::page::part::link;
use crate::page::session::{PageUser, Role};
use crate::report::run::detail::StoredRun;
use crate::report::run::next_call::NextCall;
use crate::report::run::questions::open_questions;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::run::{RunId, RunState};

/// The commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfferedCommand {
    Retry,
    Replay,
    Cancel,
}

const OFFERED: [OfferedCommand; 3] = [
    OfferedCommand::Retry,
    OfferedCommand::Replay,
    OfferedCommand::Cancel,
];

/// Whether a command is possible, and what is to be known of it.
struct Offer {
    is_possible: Result<(), ()>,
    words: Markup,
}

impl OfferedCommand {
    fn as_str(self) -> &'static str {
        match self {
            OfferedCommand::Retry => "retry",
            OfferedCommand::Replay => "replay",
            OfferedCommand::Cancel => "cancel",
        }
    }

    fn title(self) -> &'static str {
        match self {
            OfferedCommand::Retry => "Retry",
            OfferedCommand::Replay => "Replay",
            OfferedCommand::Cancel => "Cancel",
        }
    }

    fn offer(self, run: &StoredRun, next: &NextCall) -> Offer {
        match self {
            OfferedCommand::Retry => retry(run, next),
            OfferedCommand::Replay => replay(run),
            OfferedCommand::Cancel => cancel(run),
        }
    }
}

fn possible(words: Markup) -> Offer {
    Offer {
        is_possible: Ok(()),
        words,
    }
}

fn impossible(words: Markup) -> Offer {
    Offer {
        is_possible: Err(()),
        words,
    }
}

fn retry(run: &StoredRun, next: &NextCall) -> Offer {
    let state = &run.detail.row.state;
    if !state.can_revive() {
        return impossible(html! {
            "Takes dead, held and cancelled runs. This one is " (state.as_str()) "."
        });
    }
    possible(html! {
        b {
            @match next.calls().first() {
                Some(call) => { "Continues at " code { (call.step) } }
                None => "Continues where it stopped",
            }
        }
        ", with the flow of its time and the same idempotency keys, at the end of its lane. A receiver that accepted an earlier attempt can recognise the repeat."
        @if unfinished_command(&run.detail).is_some() { " The command may have done its work: look first." }
        @if let Some(newer) = &run.successor {
            " It was replayed as " a href=(link::run(newer.run)) { "run " (newer.run.0) } ": a retry sends again."
        }
    })
}

fn replay(run: &StoredRun) -> Offer {
    let detail = &run.detail;
    if let Some(RunId(dead)) = detail.row.tells_of {
        return impossible(html! {
            "This run reports on " a href=(link::run(RunId(dead))) { "run " (dead) } "; replay that one."
        });
    }
    if is_redacted(&detail.arrived.event) {
        return impossible(html! {
            "Fields of its event are no longer kept (" code { "redact" } "). Have the event sent again."
        });
    }
    possible(html! {
        b { "Starts a new run for the same event" }
        ", from its first step, with the rules in force now and without gates. The idempotency keys are new: what was sent is sent again."
    })
}

fn cancel(run: &StoredRun) -> Offer {
    let state = &run.detail.row.state;
    if !state.can_cancel() {
        return impossible(html! {
            "Takes runs that have not ended, and held ones. This one is " (state.as_str()) "."
        });
    }
    possible(html! {
        b { "Ends it as cancelled." }
        @if matches!(state, RunState::Running) {
            " The attempt in progress is stopped; its receiver may have acted."
        }
        " What was sent stays sent. The next run of its lane can start. A retry continues it later."
    })
}

/// The address of the page that asks.
pub fn confirm(command: &str, RunId(run): RunId) -> String {
    format!("/confirm?command={command}&run={run}")
}

/// All commands.
pub fn actions(run: &StoredRun, next: &NextCall, user: &PageUser) -> Markup {
    html! {
        section aria-labelledby="h-do" {
            div class="bar" { h2 id="h-do" { "What can be done" } }
            ul class="box orders" {
                @for question in open_questions(&run.detail) {
                    li {
                        @match user.role {
                            Role::Act => a class="btn go" data-ask href=(address(run.detail.row.id, &question)) { "Answer…" },
                            Role::Read => span class="mu" { "Answer" },
                        }
                        p { b { "Answers the step " code { (question.step) } } ", as its link does: " (question.answers.join(", ")) "." }
                    }
                }
                @for command in OFFERED {
                    @let offer = command.offer(run, next);
                    li {
                        @match (offer.is_possible, user.role) {
                            (Ok(()), Role::Act) => {
                                a class="btn" data-ask href=(confirm(command.as_str(), run.detail.row.id)) { (command.title()) "…" }
                            }
                            (Ok(()), Role::Read) | (Err(()), _) => span class="mu" { (command.title()) },
                        }
                        p { (offer.words) }
                    }
                }
            }
            @if user.role == Role::Read { p class="mu more" { "You may read, and not act." } }
        }
    }
}

/// The two answers to the question whether an interrupted command did its work.
fn held_actions(run: &StoredRun) -> Markup {
    let id = run.detail.row.id;
    html! {
        a class="btn" data-ask href=(confirm("cancel", id)) { "It did its work: end the run…" }
        a class="btn go" data-ask href=(confirm("retry", id)) { "It did not: run it again…" }
    }
}

/// The commands that a person looks for first, beside the title.
pub fn first_actions(run: &StoredRun, next: &NextCall, user: &PageUser) -> Markup {
    let is_possible = |command: OfferedCommand| {
        user.role == Role::Act && command.offer(run, next).is_possible.is_ok()
    };
    let main = match is_possible(OfferedCommand::Retry) {
        true => OfferedCommand::Retry,
        false => OfferedCommand::Replay,
    };
    html! {
        div class="row acts" {
            a class="btn" href=(link::event(run.detail.row.event_row)) { "Why it matched" }
            @if is_possible(OfferedCommand::Retry) && unfinished_command(&run.detail).is_some() {
                (held_actions(run))
            } @else { (usual_actions(run, main, is_possible)) }
        }
    }
}

fn usual_actions(
    run: &StoredRun,
    main: OfferedCommand,
    is_possible: impl Fn(OfferedCommand) -> bool,
) -> Markup {
    html! {
            @if is_possible(OfferedCommand::Cancel) && !is_possible(OfferedCommand::Retry) {
                a class="btn" data-ask href=(confirm("cancel", run.detail.row.id)) { "Cancel…" }
            }
            @if main == OfferedCommand::Retry && is_possible(OfferedCommand::Replay) {
                a class="btn" data-ask href=(confirm("replay", run.detail.row.id)) { "Replay…" }
            }
            @if is_possible(main) {
                a class={ "btn" @if main == OfferedCommand::Retry { " go" } } data-ask href=(confirm(main.as_str(), run.detail.row.id)) { (main.title()) "…" }
            }
    }
}
