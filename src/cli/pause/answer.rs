//! Prints what a pause or its end means: which runs wait, what continues, and the command for the way back.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use super::execute::PauseExecutor;
use super::host;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::replay::current_rules::rules_in_force;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::suspended::{
    after_pause, after_resume, continues, resume_command, sentences, shown, unfinished,
};
use crate::report::time_argument::seconds;
use crate::store::history::SuspendedTarget;
use flowtrigger_core::config::Config;
use flowtrigger_core::suspension::{PauseOutcome, SuspensionTarget};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseResult {
    Paused(PauseOutcome),
    Resumed,
}

/// What was done, and what it means.
pub struct PauseReport {
    target: SuspensionTarget,
    result: PauseResult,
    by: PauseExecutor,
    /// What is suspended at the target now.
    found: Option<SuspendedTarget>,
    /// Unfinished runs of a rule, or of all.
    unfinished: u64,
    /// What else is suspended.
    others: Vec<SuspendedTarget>,
    /// Of the daemon or of the files: it says how fast runs continue. Read only if that depends on it.
    rulebook: Option<Arc<Rulebook>>,
}

impl PauseReport {
    pub fn read(
        result: PauseResult,
        target: SuspensionTarget,
        by: PauseExecutor,
        global: &GlobalOptions,
    ) -> Result<Self, CommandError> {
        let history = global.history()?;
        let suspended = history.suspended()?;
        let (own, others): (Vec<_>, Vec<_>) = suspended
            .into_iter()
            .partition(|found| found.target == target);
        let rulebook = match target.is_receiver() || others.iter().any(continues) {
            true => rules_in_force(&*history, global),
            false => None,
        };
        Ok(Self {
            rulebook,
            unfinished: unfinished(&target, &*history)?,
            found: own.into_iter().next(),
            target,
            result,
            by,
            others,
        })
    }

    /// The same with the runs that were unfinished before the command: after it, some may have ended already.
    pub fn with_unfinished(self, unfinished: u64) -> Self {
        Self { unfinished, ..self }
    }

    pub fn write(&self, format: Format, out: &mut Output) -> Result<(), CommandError> {
        match format {
            Format::Json => writeln!(out, "{}", versioned(self.json()))?,
            Format::Text => {
                let lines = match self.result {
                    PauseResult::Paused(outcome) => self.paused(outcome),
                    PauseResult::Resumed => self.resumed(),
                };
                for (number, line) in lines.iter().enumerate() {
                    match number {
                        0 => writeln!(out, "{line}")?,
                        _ => writeln!(out, "  {line}")?,
                    }
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!({
            "kind": self.target.kind(),
            "name": self.target.name(),
            "outcome": match self.result {
                PauseResult::Paused(outcome) => json!(outcome),
                PauseResult::Resumed => json!("resumed"),
            },
            "suspended": self.found.as_ref().map(SuspendedTarget::json),
            "unfinished": self.unfinished,
            "others": self.others.iter().map(SuspendedTarget::json).collect::<Vec<_>>(),
        })
    }

    fn paused(&self, outcome: PauseOutcome) -> Vec<String> {
        let pause = self.found.as_ref();
        let pause = pause.and_then(|found| found.suspension.pause.as_ref());
        let target = shown(&self.target);
        let already = || match pause {
            Some(pause) => format!(
                "{target} was paused already, since {} by {}",
                seconds(pause.since),
                plain(&pause.by)
            ),
            None => format!("{target} was paused already"),
        };
        let mut lines = vec![match outcome {
            PauseOutcome::Paused => format!("{target} is paused"),
            PauseOutcome::Noted => format!("{}; the note is replaced", already()),
            PauseOutcome::Unchanged => format!("{}; nothing was changed", already()),
        }];
        let waiting = self.found.as_ref().map_or(0, |found| found.waiting);
        let (target, unfinished) = (&self.target, self.unfinished);
        lines.extend(after_pause(target, unfinished, waiting, self.config()));
        let rulebook = self.rulebook.iter();
        lines.extend(rulebook.flat_map(|book| host::warnings(target, book)));
        lines.extend(self.executed());
        lines
    }

    fn resumed(&self) -> Vec<String> {
        let target = shown(&self.target);
        let is_down = self.found.as_ref();
        let is_down = is_down.is_some_and(|found| found.suspension.outage.is_some());
        let mut lines = vec![match is_down {
            true => format!("{target} is no longer paused"),
            false => format!("{target} continues"),
        }];
        let found = self.found.as_ref();
        lines.extend(after_resume(
            &self.target,
            found,
            self.unfinished,
            self.config(),
        ));
        lines.extend(self.executed());
        let others = self.others.iter();
        lines.extend(others.flat_map(|other| sentences(other, self.config())));
        lines
    }

    fn config(&self) -> Option<&Config> {
        self.rulebook.as_ref().map(|book| &book.config)
    }

    fn executed(&self) -> Option<String> {
        match self.by {
            PauseExecutor::Daemon => None,
            PauseExecutor::Folder => {
                Some("no daemon uses this data folder: the next start observes it".into())
            }
            PauseExecutor::Database => {
                Some("the daemons that share the database observe it within two seconds".into())
            }
        }
    }
}

/// The commands that end the pauses in force, as help for a target that is not paused.
pub fn without_pause(global: &GlobalOptions) -> Result<String, CommandError> {
    let suspended = global.history()?.suspended()?;
    let paused = suspended
        .iter()
        .filter(|found| found.suspension.pause.is_some());
    let commands = paused.map(|found| {
        let command = resume_command(&found.target);
        format!("{} (`{command}`)", shown(&found.target))
    });
    let commands: Vec<String> = commands.collect();
    Ok(match commands.as_slice() {
        [] => "nothing is paused".to_owned(),
        commands => format!("these are paused: {}", commands.join(", ")),
    })
}
