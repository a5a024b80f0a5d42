//! The pure core of flowtrigger: events, rules, matching and flows as functions of their input.
//! It uses no clock, file, socket, task or random number; `tests/repository/layering/` checks this.

pub mod api;
pub mod bundle;
pub mod compile;
pub mod config;
pub mod convert;
pub mod diagnostic;
pub mod document;
pub mod egress;
pub mod event;
pub mod fingerprint;
pub mod flow;
pub mod gate;
pub mod language;
pub mod loop_guard;
pub mod matching;
pub mod path;
pub mod rule;
pub mod run;
pub mod secret;

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
