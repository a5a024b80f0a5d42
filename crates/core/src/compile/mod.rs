//! Compiles documents to rules: lowers rules, gates, flows and bundles, and reports all mistakes.

pub mod bundle;
pub(crate) mod cache;
pub(crate) mod compiler;
pub(crate) mod event_pattern;
mod every;
pub mod flow;
pub(crate) mod gates;
pub(crate) mod guarded_request;
pub(crate) mod rule;
pub mod rule_files;
pub mod rule_names;
pub mod rule_set;
pub mod rule_version;
pub(crate) mod self_trigger;
pub(crate) mod sequence;
pub(crate) mod steps_to_run;
#[cfg(test)]
mod tests;
pub(crate) mod unlisted_type;
mod unpaired_shadow;
pub(crate) mod write_targets;
