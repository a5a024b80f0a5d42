//! One run: what came of it, what it would have sent, and the newer run of the same event.

pub mod command;
pub mod detail;
mod in_progress;
pub mod list;
pub mod next_call;
pub mod questions;
pub mod shadow_plan;
pub mod successor;
