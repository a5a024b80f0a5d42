//! Random input for property tests: conditions, rules, events and values.

pub mod conditions;
mod events;
mod rules;
mod values;

pub use events::{Parts, body, parts};
pub use rules::{SCHEDULES, rules, tests};
pub use values::value;
