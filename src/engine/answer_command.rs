//! The command that answers a question of a run, for people who need no link: on the page, on the command line, over the
//! admin socket.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::store::{
    AnswerOutcome, AnswerState, GivenAnswer, RunRecord, RunStatus, Store, StoreError,
};
use flowtrigger_core::flow::wait_for::WaitFor;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::Commander;

/// An answer to a step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerCommand {
    pub run: RunId,
    /// The step's name, or its path in the flow.
    pub step: String,
    pub answer: String,
    pub by: Commander,
    pub at: Timestamp,
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The step or the answer does not exist, or the question is decided.
    #[error("{0}")]
    Refused(String),
}

/// Who answered, as it is stored: `steps.NAME.by`.
fn stored_commander(by: &Commander) -> Value {
    let mut stored = Map::new();
    stored.insert("via".to_owned(), by.origin.as_str().into());
    if let Some(name) = &by.name {
        stored.insert("user".to_owned(), name.as_str().into());
    }
    Value::Object(stored)
}

impl AnswerCommand {
    /// What the store gets, if the step asks and this is one of its answers.
    pub async fn given<S: Store>(&self, store: &S) -> Result<GivenAnswer, AnswerError> {
        let record = store.run(self.run).await?;
        let record = record.ok_or(StoreError::UnknownRun(self.run.0))?;
        let step = self.step_of(&record).map_err(AnswerError::Refused)?;
        Ok(GivenAnswer {
            run: self.run,
            step,
            answer: self.answer.clone(),
            by: stored_commander(&self.by),
            at: self.at,
        })
    }

    /// The path of the step; otherwise what is wrong.
    fn step_of(&self, record: &RunRecord) -> Result<String, String> {
        let run = self.run.0;
        let steps = record.flow().steps_with_paths();
        let mut asking = steps.iter().filter(|step| step.step.asks());
        let is_named = |path: &str, name: &str| path == self.step || name == self.step;
        let found = asking
            .clone()
            .find(|step| step.path == self.step)
            .or_else(|| asking.find(|step| is_named(&step.path, &step.step.name)));
        let Some(found) = found else {
            let asking = steps.iter().filter(|step| step.step.asks());
            let paths: Vec<String> = asking.map(|step| format!("`{}`", step.path)).collect();
            return Err(match paths.is_empty() {
                true => format!("run {run} asks nothing: its flow has no `wait_for` with `answer`"),
                false => format!(
                    "no step `{}` of run {run} waits for an answer; name one of {}",
                    self.step,
                    paths.join(", ")
                ),
            });
        };
        let choices = found.step.action.wait_for().and_then(WaitFor::answer);
        let answers = choices.map_or(&[][..], |choices| &choices.answers);
        if answers.contains(&self.answer) {
            return Ok(found.path.clone());
        }
        let answers: Vec<String> = answers.iter().map(|answer| format!("`{answer}`")).collect();
        Err(format!(
            "`{}` is no answer to `{}`; write one of {}",
            self.answer,
            found.path,
            answers.join(", ")
        ))
    }

    /// The run after the answer; otherwise why it does not count.
    pub async fn result<S: Store>(
        &self,
        outcome: AnswerOutcome,
        store: &S,
    ) -> Result<RunStatus, AnswerError> {
        let AnswerOutcome::Refused(state) = outcome else {
            let record = store.run(self.run).await?;
            let record = record.ok_or(StoreError::UnknownRun(self.run.0))?;
            return Ok(RunStatus {
                id: self.run,
                rule: record.rule.name.as_str().into(),
                state: record.state,
            });
        };
        let run = self.run.0;
        Err(AnswerError::Refused(match state {
            AnswerState::Open { .. } => format!("run {run} was not answered; repeat the command"),
            AnswerState::Answered { answer, at, by: _ } => format!(
                "step `{}` of run {run} was answered with `{answer}` at {at:.0}; only the first answer counts",
                self.step
            ),
            AnswerState::Expired { at } => format!(
                "the time for answers to step `{}` of run {run} ended at {at:.0}",
                self.step
            ),
            AnswerState::Over { state } => {
                format!("run {run} is {}, and waits for no answer", state.as_str())
            }
        }))
    }

    /// Answers in a store that no daemon of this process uses.
    pub async fn execute<S: Store>(&self, store: &S) -> Result<RunStatus, AnswerError> {
        let given = self.given(store).await?;
        let outcome = store.answer(given).await?;
        self.result(outcome, store).await
    }
}
