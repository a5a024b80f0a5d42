//! Judging an event by the rules: which conditions hold, and the explanation why.
//! There is one evaluator; explaining only listens to it.

pub mod evaluate;
pub mod evaluation;
pub mod explanation;
pub mod extract;
pub mod find;
pub mod gate_view;
pub mod index;
pub mod listeners;
pub mod loop_view;
mod rule_files;
pub mod ruleset;
pub mod ruleset_compile;
pub mod trace;
