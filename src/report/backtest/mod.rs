//! What rules would have done with stored events: they are evaluated again in their order, with gates and schedules in
//! virtual time and without effects, and compared with what ran or with other rules.

pub mod archive_reader;
pub mod commit_order;
pub mod comparison;
pub mod coverage;
pub mod difference;
pub mod evaluated_event;
pub mod evaluation_pool;
pub mod execute;
pub mod expectation;
pub mod gate_simulation;
pub mod known_events;
pub mod outcome;
pub mod redacted_fields;
pub mod report;
pub mod rule_side;
pub mod rule_ticks;
