//! Evaluates stored events again with other rules, without effects, and compares the runs with those that ran.

pub mod archive_reader;
pub mod commit_order;
pub mod comparison;
pub mod coverage;
pub mod difference;
pub mod evaluated_event;
pub mod evaluation_pool;
pub mod event_player;
pub mod execute;
pub mod expectation;
pub mod gate_simulation;
pub mod known_events;
pub mod new_rules;
pub mod outcome;
pub mod outcome_table;
pub mod plain_gates;
pub mod redacted_fields;
pub mod report;
pub mod rule_side;
pub mod rule_ticks;
pub mod side_player;
