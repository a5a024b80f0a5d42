//! Generates sample events and rules from a seed.

pub mod event;
pub mod event_type;
mod hard;
pub mod random;
pub mod rules;
pub mod vocabulary;
