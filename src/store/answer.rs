//! An answer that a person gives to a step that waits for one, and what becomes of it.

use std::future::Future;

use jiff::Timestamp;
use rustls::crypto::ring::default_provider;
use serde_json::Value;

use super::StoreError;
use flowtrigger_core::run::answer_link::AnswerKey;
use flowtrigger_core::run::{RunId, RunState};

/// An answer to a step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    pub run: RunId,
    /// The step's path in the flow.
    pub step: String,
    /// One of the possible answers, which the caller has checked.
    pub answer: String,
    /// Who answers, as far as it is known: an object.
    pub by: Value,
    pub at: Timestamp,
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerOutcome {
    /// It is stored, and the run continues with it.
    Recorded,
    Refused(AnswerState),
}

/// Whether a step can be answered, or what was before.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerState {
    Open {
        /// When the time for answers ends; `None` before the step begins.
        until: Option<Timestamp>,
    },
    /// An answer counts.
    Answered {
        answer: String,
        at: Timestamp,
        by: Value,
    },
    /// The time for answers ended at this time.
    Expired { at: Timestamp },
    /// The run is over.
    Over { state: RunState },
}

/// The part of a store that keeps answers of people.
pub trait AnswerStore: Send + Sync + 'static {
    /// Stores the answer to a step that waits for one, and queues the run if it waits at that step. The first answer counts;
    /// one that comes before the step begins is kept for it.
    fn answer(
        &self,
        given: GivenAnswer,
    ) -> impl Future<Output = Result<AnswerOutcome, StoreError>> + Send;

    /// Whether a step that waits for an answer can be answered now.
    fn answer_state(
        &self,
        run: RunId,
        step: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<AnswerState, StoreError>> + Send;

    /// The key that signs the links of answers. It is created once for each store.
    fn answer_key(&self) -> impl Future<Output = Result<AnswerKey, StoreError>> + Send;
}

/// A new key for the links of a store.
pub(super) fn new_key() -> [u8; 32] {
    let mut bytes = [0; 32];
    default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the operating system has random bytes");
    bytes
}
