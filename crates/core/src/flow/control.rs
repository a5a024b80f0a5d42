//! Parts of a compiled flow beside requests and commands: choices, loops, waits, flows, jq, settings, catches.
//! Steps of rules and states of bundles both compile to these.

use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::Span;
use crate::flow::step::Flow;
use crate::language::condition::Condition;
use crate::language::template::json::JsonTemplate;
use crate::path::{Path, PathSegment};
use crate::schedule::ScheduledDuration;

/// Runs the first branch whose condition is true. Without one, the flow continues after the choice.
#[derive(Debug, Clone)]
pub struct Choose {
    pub branches: Vec<Branch>,
}

#[derive(Debug, Clone)]
pub struct Branch {
    pub at: Span,
    /// `None` is always true.
    pub when: Option<Condition>,
    pub then: BranchTarget,
}

/// Where a choice or a failure continues.
#[derive(Debug, Clone)]
pub enum BranchTarget {
    /// Runs these steps, then continues after the step.
    Flow(Flow),
    /// Continues at a step of the same flow.
    Goto(u32),
}

impl BranchTarget {
    /// The nested steps. `None` for a `Goto`.
    pub fn flow(&self) -> Option<&Flow> {
        match self {
            BranchTarget::Flow(flow) => Some(flow),
            BranchTarget::Goto(_) => None,
        }
    }
}

/// Handles the failure of a step.
#[derive(Debug, Clone)]
pub struct Catch {
    pub then: BranchTarget,
    /// Where a bundle's flow puts the error. `Nowhere` for steps, which read `error.…`.
    pub error: ResultPath,
}

/// Runs a flow for each item of a list. Its result is the list of the items' results.
#[derive(Debug, Clone)]
pub struct ForEach {
    pub items: Path,
    /// The local name of the item. `None` in a bundle's flow, where the item is the document.
    pub name: Option<Arc<str>>,
    /// The maximum number of items in progress at the same time.
    pub concurrency: u32,
    pub on_failure: OnFailure,
    pub flow: Flow,
}

/// What the failure of an item means for the other items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The step fails. Items in progress end first; no more items start.
    Stop,
    /// The result of the item is `{error: {…}}`; the other items continue.
    Continue,
}

#[derive(Debug, Clone)]
pub enum Wait {
    For(ScheduledDuration),
    /// A time in the event or in a result: RFC 3339.
    Until(Path),
}

/// A call of a named flow. The flow sees neither the steps nor the locals of its caller.
#[derive(Debug, Clone)]
pub struct FlowCall {
    pub name: Arc<str>,
    pub flow: Arc<Flow>,
    /// `vars.…` of the flow: the rule's, overridden by the flow's own.
    pub vars: Arc<Value>,
    /// The variables that the caller passes, which override `vars`.
    pub given: Option<JsonTemplate>,
}

/// The paths of a bundle's state, as in the States Language.
#[derive(Debug, Clone)]
pub struct StatePaths {
    /// `InputPath`: the part of the document that the state sees.
    pub input: Option<Path>,
    /// `Parameters`: what its action or its items see instead.
    pub parameters: Option<JsonTemplate>,
    /// `ResultPath`.
    pub result: ResultPath,
    /// `OutputPath`: the part of the document that the next state gets.
    pub output: Option<Path>,
}

/// Where a value is written in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultPath {
    Nowhere,
    /// At these keys, which are created if absent. Without keys the value replaces the document.
    At(Vec<PathSegment>),
}
