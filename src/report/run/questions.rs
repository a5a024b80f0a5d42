//! The questions of a run that nothing has answered: their answers, until when, and the command that answers them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::render::escape::plain;
use crate::report::render::suggested_command;
use crate::report::time_argument::seconds;
use crate::store::history::RunDetail;
use flowtrigger_core::run::{LogEntry, RunId};

/// A step of a run that waits for an answer, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// The step's path in the flow.
    pub step: String,
    /// What the author of the rule asks.
    pub text: Option<String>,
    pub answers: Vec<String>,
    /// The end of the wait; `None` if the step has not begun.
    pub until: Option<Timestamp>,
}

/// The questions of a run that nothing has decided; none if the run is over.
pub fn open_questions(detail: &RunDetail) -> Vec<OpenQuestion> {
    let Some(flow) = detail.flow().filter(|_| !detail.row.state.is_final()) else {
        return Vec::new();
    };
    let steps = flow.steps_with_paths().into_iter();
    let open = steps.filter_map(|step| {
        let choices = step.step.action.wait_for()?.answer()?;
        let path = step.path;
        (!is_decided(&detail.log, &path)).then(|| OpenQuestion {
            text: choices.question.clone(),
            answers: choices.answers.clone(),
            until: until(&detail.log, &path),
            step: path,
        })
    });
    open.collect()
}

fn is_decided(log: &[LogEntry], path: &str) -> bool {
    log.iter().any(|entry| {
        matches!(
            entry,
            LogEntry::Answered { step, .. } | LogEntry::Expired { step, .. } if step == path
        )
    })
}

fn until(log: &[LogEntry], path: &str) -> Option<Timestamp> {
    log.iter().find_map(|entry| match entry {
        LogEntry::Waiting { step, until, .. } if step == path => Some(*until),
        _ => None,
    })
}

impl OpenQuestion {
    /// `approval waits for an answer (approve, reject) until …; flowtrigger runs answer 7 approval approve`.
    pub fn sentence(&self, RunId(run): RunId) -> String {
        let (step, answers) = (plain(&self.step), self.answers.join(", "));
        let answers = plain(&answers);
        let first = self
            .answers
            .first()
            .map(|answer| suggested_command::argument(answer));
        let command = format!(
            "`flowtrigger runs answer {run} {} {}` answers it",
            suggested_command::argument(&self.step),
            first.unwrap_or_default()
        );
        match self.until {
            Some(until) => format!(
                "{step} waits for an answer ({answers}) until {}; {command}",
                seconds(until)
            ),
            None => format!("{step} will wait for an answer ({answers}); {command}"),
        }
    }

    pub fn json(&self) -> Value {
        json!({
            "step": self.step,
            "question": self.text,
            "answers": self.answers,
            "until": self.until.map(|until| until.to_string()),
        })
    }
}
