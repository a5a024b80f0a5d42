//! flowtrigger: a rules engine for help-desk events that can say why nothing happened.
//! The modules follow the journey of an event; `ARCHITECTURE.md` has the map and who may import whom.

pub mod action;
pub mod cli;
pub mod engine;
pub mod source;
pub mod store;
