//! The samples: events and rules, drawn from a seed.
//! Nothing here is measured.

pub mod event;
pub mod event_type;
mod hard;
pub mod random;
pub mod rules;
pub mod vocabulary;
