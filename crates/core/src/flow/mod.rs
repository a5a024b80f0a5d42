//! Flows: their steps, control flow and data.
//! `next` decides what a run does next; nothing here executes it.

pub mod call;
pub mod call_template;
pub mod confinement;
pub mod control;
pub mod decide;
pub mod jq;
pub mod limits;
pub mod plan;
pub mod render;
pub mod simulate;
pub mod step;
pub mod vocabulary;
pub mod walk;

pub use crate::flow::decide::{Decision, RunInput, StepCall, next, taken_up};
