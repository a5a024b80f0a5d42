//! Flows: their steps, control flow and data.
//! `decide` computes what a run does next; the engine executes it.

pub mod bundle_document;
pub mod call;
pub mod confinement;
pub mod control;
pub mod decide;
pub mod jq;
pub(crate) mod limits;
pub mod plan;
pub mod simulate;
pub mod step;
pub mod url_template;
pub mod vocabulary;
pub mod wait_for;
pub mod waiters;
pub(crate) mod walk;

pub use crate::flow::decide::{Decision, RunInput, StepCall, claimed_entry, decide};
