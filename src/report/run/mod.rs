//! One run: what came of it, what it would have sent, and the newer run of the same event.

mod awaited_target;
pub mod command;
pub mod counterpart;
pub mod detail;
mod in_progress;
pub mod list;
pub mod next_call;
pub mod questions;
pub mod shadow_plan;
pub mod successor;
