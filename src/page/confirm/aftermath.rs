//! What became of the runs of a command: their states now, and those that are left.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::registry::CommandOutcome;
use super::result::{CommandPage, outcome_pill, verb};
use crate::page::part::state::pill;
use crate::page::session::{PageUser, Role};
use crate::report::render::diagnostics::{grouped, number};
use crate::report::run::command::RunCommand;
use flowtrigger_core::run::RunId;

impl CommandPage {
    pub(super) fn unfinished(&self) -> bool {
        self.progress.end.is_some() && self.states.values().any(|state| !state.is_final())
    }

    /// How many of its runs are in each state now.
    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for state in self.states.values() {
            *counts.entry(state.as_str()).or_default() += 1;
        }
        counts
    }

    /// The state of a command that did all it could is that of its runs.
    pub(super) fn pill(&self) -> Markup {
        let counts = self.counts();
        let end = self.progress.end.as_ref();
        let is_complete = matches!(end.map(|end| &end.outcome), Some(CommandOutcome::Complete));
        let count = |state: &str| counts.get(state).copied().unwrap_or_default();
        let again = match self.record.command {
            RunCommand::Retry => " again",
            RunCommand::Replay(_) | RunCommand::Cancel => "",
        };
        match (is_complete, count("dead"), count("held")) {
            (true, 1.., _) => pill("dead", &format!("{} dead{again}", grouped(count("dead")))),
            (true, 0, 1..) => pill("held", &format!("{} held{again}", grouped(count("held")))),
            (true, 0, 0) if self.unfinished() => pill("running", "runs in progress"),
            (_, _, _) => outcome_pill(end),
        }
    }

    /// The states of its runs, in a sentence.
    pub(super) fn now(&self) -> Markup {
        let counts = self.counts();
        html! {
            @if self.states.len() > 1 {
                p class="say" {
                    "Now: "
                    @for (index, (state, count)) in counts.iter().enumerate() {
                        @if index > 0 { ", " }
                        (grouped(*count)) " " (pill(state, state))
                    }
                    @if self.progress.changed > self.states.len() { " of the first " (grouped(self.states.len())) }
                    "."
                }
            }
        }
    }

    /// What was confirmed and not done: how many, and the way to do it.
    pub(super) fn rest(&self, user: &PageUser) -> Markup {
        let progress = &self.progress;
        let word = self.record.command.as_str();
        let (noun, count) = match self.record.command {
            RunCommand::Retry | RunCommand::Cancel => ("run", progress.left.len()),
            RunCommand::Replay(_) => ("event", progress.total.saturating_sub(progress.processed)),
        };
        let has_begun = !matches!(
            progress.end.as_ref().map(|end| &end.outcome),
            None | Some(CommandOutcome::NotStarted(_))
        );
        html! {
            @if has_begun && count > 0 {
                p class="row more" {
                    span { (number(count, noun)) @if count == 1 { " is left." } @else { " are left." } }
                    @if user.role == Role::Act {
                        a class="btn" data-ask href=(self.rest_address()) {
                            (verb(self.record.command)) " the other " (grouped(count)) "…"
                        }
                    }
                    @if user.role == Role::Read { span class="mu" { "You may not " (word) " them." } }
                }
            }
        }
    }

    /// Names the runs that are left, if an address can hold them.
    fn rest_address(&self) -> String {
        const MAX_NAMED: usize = 200;
        let left = &self.progress.left;
        if left.is_empty() || left.len() > MAX_NAMED {
            return self.record.origin.again.clone();
        }
        let mut address = format!("/confirm?command={}", self.record.command.as_str());
        for RunId(run) in left {
            address.push_str(&format!("&run={run}"));
        }
        address
    }
}
