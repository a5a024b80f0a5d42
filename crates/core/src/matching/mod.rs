//! Matches events against rules: the index finds the matching rules, and the evaluator explains a rule.
//! `evaluation` is the only entry: it takes the verdict from the index and compares it with an explanation.

pub mod evaluation;
pub mod explain;
pub(crate) mod extract;
pub mod find;
pub mod gate_status;
pub mod index;
pub mod loop_guard_status;
pub mod rule_set;
pub(crate) mod subscriptions;
