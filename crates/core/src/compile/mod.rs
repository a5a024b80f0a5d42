//! Compiles documents to rules: lowers rules, gates, flows and bundles, and reports all mistakes.

pub mod bundle;
pub mod cache;
pub mod compiler;
pub mod event_pattern;
pub mod flow;
pub mod gates;
pub mod rule;
pub mod rule_files;
pub mod rule_set;
pub mod rule_version;
pub mod self_trigger;
#[cfg(test)]
mod tests;
pub mod write_targets;
