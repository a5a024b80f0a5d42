//! Runs the tests of rules and finds out what they exercise.

mod check_names;
pub mod coverage;
mod duration_text;
pub mod entry_text;
pub mod expectation;
pub mod mocks;
pub mod mutants;
mod not_reached;
pub mod of_rules;
pub mod result;
pub mod run_test;
pub mod sent_call;
pub mod sent_calls;
pub mod step_names;
pub mod suite;
mod test_event;
mod timeline;
mod timeline_event;
pub mod written_events;
