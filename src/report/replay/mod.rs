//! Which events a replay takes, and what it would do with each.

pub mod assess;
pub mod current_rules;
pub mod execution;
pub mod lock;
pub mod rate;
pub mod report;
pub mod scope;
pub mod state_file;
pub mod summary;
pub mod targets;
