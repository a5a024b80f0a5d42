//! The pure core of flowtrigger: events, rules, matching and flows as functions of their input.
//! It uses no clock, file, socket, task or random number; `tests/repository/layering/` checks this.
//!
//! # Stability
//! The names listed here are the documented API for programs that embed the engine: see [`api`] for an
//! example. The modules that are hidden in this documentation serve the `flowtrigger` program. They are
//! unstable: they can change in any release.

#![warn(missing_docs)]

#[doc(hidden)]
pub mod analysis;
pub mod api;
#[doc(hidden)]
pub mod bundle;
#[doc(hidden)]
pub mod compile;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod convert;
#[doc(hidden)]
pub mod diagnostic;
#[doc(hidden)]
pub mod document;
#[doc(hidden)]
pub mod egress;
#[doc(hidden)]
pub mod event;
#[doc(hidden)]
pub mod fingerprint;
#[doc(hidden)]
pub mod flow;
#[doc(hidden)]
pub mod gate;
#[doc(hidden)]
pub mod language;
#[doc(hidden)]
pub mod lookalike;
#[doc(hidden)]
pub mod loop_guard;
#[doc(hidden)]
pub mod matching;
#[doc(hidden)]
pub mod mutation;
#[doc(hidden)]
pub mod number;
#[doc(hidden)]
pub mod path;
#[doc(hidden)]
pub mod rule;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod schedule;
#[doc(hidden)]
pub mod secret;
#[doc(hidden)]
pub mod suspension;

pub use crate::api::{LoadError, Timestamp, load, load_config, load_with_warnings};
pub use crate::config::Config;
pub use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Severity, Span};
pub use crate::event::Event;
pub use crate::event::catalogue::Catalogue;
pub use crate::flow::decide::StepCall;
pub use crate::flow::plan::{PlanStep, PlanStepKind};
pub use crate::language::condition::evaluate::Truth;
pub use crate::language::condition::trace::{Trace, TraceLine};
pub use crate::language::operator::Verdict;
pub use crate::matching::evaluation::explain::Disagreement;
pub use crate::matching::evaluation::{Evaluation, EventInput, InputError, ReadBy};
pub use crate::matching::explain::{Explanation, NearMiss};
pub use crate::matching::find::MatchScratch;
pub use crate::matching::rule_set::RuleSet;
pub use crate::rule::Rule;
pub use crate::run::call_result::{CallFailure, CallResult, Reply};
