//! The pure part: events, rules, matching and flows as functions of their input.
//! It refuses clocks, files, sockets, tasks and randomness; `tests/repository/layering/` holds it to that.

pub mod bundle;
pub mod config;
pub mod convert;
pub mod diagnostic;
pub mod egress;
pub mod event;
pub mod flow;
pub mod gate;
pub mod loop_guard;
pub mod matching;
pub mod rule;
pub mod run;
pub mod scope;
pub mod secret;
