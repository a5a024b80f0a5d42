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

use crate::compile::flow::lower_flow;
use crate::compile::flow::catch::lower_catch;
use crate::compile::flow::flow_call::{lower_document, lower_flow_name, lower_unused};
use crate::compile::flow::http::{inherit, unfit};
use crate::compile::flow::on_dead::{lower_default_on_dead, lower_on_dead};
pub use crate::flow::decide::{Decision, RunInput, StepCall, next, taken_up};
