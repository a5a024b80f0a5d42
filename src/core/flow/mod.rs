//! Flows: their steps, control flow and data.
//! `next` decides what a run does next; nothing here executes it.

pub mod bounds;
pub mod call;
pub mod call_template;
pub mod confinement;
pub mod control;
pub mod jq;
pub mod named;
pub mod plan;
pub mod rehearse;
pub mod step;
pub mod vocabulary;

mod lower;
mod next;
mod render;
#[cfg(test)]
mod tests;
mod walk;

pub use lower::{
    inherit, lower_catch, lower_default_on_dead, lower_document, lower_flow, lower_flow_name,
    lower_on_dead, lower_unused, unfit,
};
pub use next::{Move, Subject, Task, next, taken_up};
