//! The pure part: events, rules, matching and flows as functions of their input.
//! It refuses clocks, files, sockets, tasks and randomness; `tests/repository/layering/` holds it to that.

pub mod api;
pub mod bundle;
pub mod config;
pub mod convert;
pub mod diagnostic;
pub mod egress;
pub mod event;
pub mod fingerprint;
pub mod flow;
pub mod gate;
pub mod loop_guard;
pub mod matching;
pub mod rule;
pub mod run;
pub mod scope;
pub mod secret;

pub use api::{
    CallFailure, CallResult, Catalogue, Code, Config, Diagnostic, Diagnostics, Disagreement,
    Evaluation, Event, EventInput, Explanation, FileId, Files, InputError, LoadError, MatchScratch,
    NearMiss, Planned, Position, ReadBy, Reply, Rule, RuleSet, Severity, Task, Timestamp, Trace,
    TraceLine, Truth, Verdict, What, load, load_config, load_with_warnings,
};
