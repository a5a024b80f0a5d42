//! Questions of runs and their answers: the links that flows send, what a link asks, and the answer that continues a run.

use tracing::info;

use super::Perform;
use super::answer_command::{AnswerCommand, AnswerError};
use super::handle::Engine;
use super::intake::ingest_error;
use super::state::EngineState;
use crate::source::{AnswerResult, AskedQuestion, IngestError, QuestionState, SentAnswer};
use crate::store::{
    AnswerOutcome, AnswerState, ClaimedRun, GivenAnswer, RunRecord, RunStatus, Store, StoreError,
};
use flowtrigger_core::config::listen::DEFAULT_ADDRESS;
use flowtrigger_core::flow::step::Flow;
use flowtrigger_core::flow::wait_for::AnswerChoices;
use flowtrigger_core::run::answer_link::{AskedStep, RunLinks};

impl<S: Store, P> EngineState<S, P> {
    /// Reads the key of the links, which is created with the first start.
    pub async fn load_link_key(&self) -> Result<(), StoreError> {
        self.link_key.read(&self.store).await.map(drop)
    }

    /// What makes the links of a run; `None` if its flow asks nothing.
    pub async fn links_of(&self, run: &ClaimedRun) -> Result<Option<RunLinks>, StoreError> {
        if !asks(run.flow()) {
            return Ok(None);
        }
        let key = self.link_key.read(&self.store).await?;
        Ok(Some(RunLinks {
            key: key.clone(),
            base: self.link_base(),
            run: run.id,
            rule: run.rule.name.clone(),
            generation: run.generation,
        }))
    }

    /// How links begin: `public_url`, or else the address of the listener.
    fn link_base(&self) -> String {
        let active = self.active.load();
        let listen = &active.rulebook.config.listen;
        if let Some(url) = &listen.public_url {
            return url.clone();
        }
        let scheme = match listen.tls {
            Some(_) => "https",
            None => "http",
        };
        match self.options.address {
            Some(address) => format!("{scheme}://{address}"),
            None => format!("{scheme}://{}", DEFAULT_ADDRESS),
        }
    }
}

/// Whether a step of the flow waits for an answer.
pub(in crate::engine) fn asks(flow: &Flow) -> bool {
    flow.all_steps().iter().any(|step| step.asks())
}

impl<S: Store, P: Perform> Engine<S, P> {
    pub(in crate::engine) fn open_link(&self, token: &str) -> Option<AskedStep> {
        self.shared.link_key.open(token)
    }

    pub(in crate::engine) async fn read_question(
        &self,
        asked: &AskedStep,
    ) -> Result<Option<AskedQuestion>, IngestError> {
        let read = self.question_of(asked).await;
        read.map_err(|error| ingest_error(&error))
    }

    async fn question_of(&self, asked: &AskedStep) -> Result<Option<AskedQuestion>, StoreError> {
        let (store, now) = (&self.shared.store, self.shared.now());
        let Some(record) = store.run(asked.run).await? else {
            return Ok(None);
        };
        let Some(choices) = choices(&record, asked) else {
            return Ok(None);
        };
        let state = store.answer_state(asked.run, &asked.step, now).await?;
        Ok(Some(question(asked, &record, choices, state)))
    }

    pub(in crate::engine) async fn take_answer(
        &self,
        sent: SentAnswer,
    ) -> Result<Option<AnswerResult>, IngestError> {
        let taken = self.try_answer(sent).await;
        taken.map_err(|error| ingest_error(&error))
    }

    async fn try_answer(&self, sent: SentAnswer) -> Result<Option<AnswerResult>, StoreError> {
        let Some(mut question) = self.question_of(&sent.asked).await? else {
            return Ok(None);
        };
        if !question.answers.contains(&sent.answer) {
            return Ok(Some(AnswerResult::NoSuchAnswer(question)));
        }
        let at = self.shared.now();
        let given = GivenAnswer {
            run: sent.asked.run,
            step: sent.asked.step,
            answer: sent.answer,
            by: sent.by.to_json(),
            at,
        };
        Ok(Some(match self.record_answer(given.clone()).await? {
            AnswerOutcome::Recorded => {
                let answer = given.answer;
                question.state = QuestionState::Answered { answer, at };
                AnswerResult::Accepted(question)
            }
            AnswerOutcome::Refused(state) => {
                question.state = question_state(state);
                AnswerResult::TooLate(question)
            }
        }))
    }

    /// Answers for a person who gives the command.
    pub(in crate::engine) async fn answer_run(
        &self,
        command: &AnswerCommand,
    ) -> Result<RunStatus, AnswerError> {
        let given = command.given(&self.shared.store).await?;
        let outcome = self.record_answer(given).await?;
        command.result(outcome, &self.shared.store).await
    }

    /// Gives an answer to the store, logs and counts it, and has the run continue.
    pub(in crate::engine) async fn record_answer(
        &self,
        given: GivenAnswer,
    ) -> Result<AnswerOutcome, StoreError> {
        let (run, step, answer) = (given.run.0, given.step.clone(), given.answer.clone());
        let outcome = self.shared.store.answer(given).await?;
        let word = word(&outcome);
        self.shared.metrics.count_answer(word);
        info!(run, step, answer, outcome = word, "answer to a question");
        self.shared.wake.notify_one();
        Ok(outcome)
    }
}

/// The name of an outcome in log and metrics.
fn word(outcome: &AnswerOutcome) -> &'static str {
    match outcome {
        AnswerOutcome::Recorded | AnswerOutcome::Refused(AnswerState::Open { .. }) => "accepted",
        AnswerOutcome::Refused(AnswerState::Answered { .. }) => "repeated",
        AnswerOutcome::Refused(AnswerState::Expired { .. }) => "expired",
        AnswerOutcome::Refused(AnswerState::Over { .. }) => "over",
    }
}

/// The possible answers of the step; `None` if this is not the run that the link was made for.
fn choices<'r>(record: &'r RunRecord, asked: &AskedStep) -> Option<&'r AnswerChoices> {
    let is_same = asked.is_of(&record.event, &record.rule.name, record.generation);
    let steps = record.flow().steps_with_paths();
    let step = steps.into_iter().find(|step| step.path == asked.step)?;
    step.step.action.wait_for()?.answer().filter(|_| is_same)
}

fn question(
    asked: &AskedStep,
    record: &RunRecord,
    choices: &AnswerChoices,
    state: AnswerState,
) -> AskedQuestion {
    let name = asked.step.rsplit('.').next().unwrap_or_default();
    AskedQuestion {
        rule: record.rule.name.clone(),
        about: record.event.key.clone(),
        step: name.to_owned(),
        text: choices.question.clone(),
        answers: choices.answers.clone(),
        state: question_state(state),
    }
}

fn question_state(state: AnswerState) -> QuestionState {
    match state {
        AnswerState::Open { until } => QuestionState::Open { until },
        AnswerState::Answered { answer, at, by: _ } => QuestionState::Answered { answer, at },
        AnswerState::Expired { at } => QuestionState::Expired { at },
        AnswerState::Over { state } => QuestionState::Over {
            state: state.as_str(),
        },
    }
}
