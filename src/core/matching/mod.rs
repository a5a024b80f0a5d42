//! Matches events against rules: the index finds the matching rules, and the evaluator explains a rule.
//! `evaluation` is the only entry: it takes the verdict from the index and compares it with an explanation.

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
