//! What a rule runs: steps in order, with guards and data from step to step.
//! `next` alone decides what follows; nothing here performs anything.

pub mod call;
pub mod confinement;
pub mod control;
pub mod jq;
pub mod plan;
pub mod rehearse;
pub mod step;
pub mod vocabulary;

mod lower;
mod next;
mod render;
#[cfg(test)]
mod tests;

pub use lower::{lower_flow, lower_on_dead};
pub use next::{Move, Subject, next, results};
pub use render::render_call;
