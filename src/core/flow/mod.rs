//! What a rule runs: steps in order, with guards and data from step to step.
//! `next` alone decides what follows; nothing here performs anything.

pub mod bounds;
pub mod call;
pub mod confinement;
pub mod control;
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

pub use lower::{METHODS, inherit, lower_flow, lower_on_dead, unfit};
pub use next::{Move, Subject, Task, next, taken_up};
pub use render::render_call;
