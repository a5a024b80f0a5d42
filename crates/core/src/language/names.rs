//! The names in scope while a rule is lowered: variables, earlier steps and what their results hold, and
//! names that a flow defines. The values of steps are not known here: a step has them when it runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::event::catalogue::field_type::FieldType;

/// The names in scope at one place of a rule or flow.
#[derive(Debug, Clone)]
pub struct Names {
    /// The variables; an object.
    pub vars: Arc<Value>,
    /// Variables whose value is known only when the flow runs.
    pub parameters: BTreeSet<String>,
    /// The steps before the one being lowered, whose results can be read.
    pub steps: Vec<KnownStep>,
    /// Names that the flow defines: the item of a list, the events that a gate collects.
    pub locals: Vec<Local>,
    /// Names of steps and items inside an earlier step, which are no longer in scope.
    pub out_of_scope: BTreeSet<String>,
    pub error_scope: ErrorScope,
    /// Whether the steps belong to a named flow, which reads its own steps only.
    pub in_named_flow: bool,
    /// Paths that an earlier condition has tested: the author knows that they may be absent.
    pub tested_paths: BTreeSet<String>,
    /// Whether an earlier test excused a field that may be absent.
    pub absence_excused: bool,
}

/// The size and state of an outer scope, to restore when the inner scope ends.
pub struct OuterScope {
    steps: usize,
    locals: usize,
    tested_paths: BTreeSet<String>,
    error_scope: ErrorScope,
}

impl Names {
    /// The variables alone, before any step.
    pub fn new(vars: Arc<Value>) -> Self {
        Self {
            vars,
            parameters: BTreeSet::new(),
            steps: Vec::new(),
            locals: Vec::new(),
            out_of_scope: BTreeSet::new(),
            error_scope: ErrorScope::None,
            in_named_flow: false,
            tested_paths: BTreeSet::new(),
            absence_excused: false,
        }
    }

    /// Enters the scope inside a step, which adds to the names in scope.
    pub fn enter(&self) -> OuterScope {
        OuterScope {
            steps: self.steps.len(),
            locals: self.locals.len(),
            tested_paths: self.tested_paths.clone(),
            error_scope: self.error_scope,
        }
    }

    /// Leaves it again: its names go out of scope, and its tests no longer count.
    pub fn leave(&mut self, outer: OuterScope) {
        let steps = self.steps.drain(outer.steps.min(self.steps.len())..);
        let locals = self.locals.drain(outer.locals.min(self.locals.len())..);
        let steps = steps.map(|step| format!("steps.{}", step.name));
        self.out_of_scope
            .extend(steps.chain(locals.map(|local| local.name)));
        (self.tested_paths, self.error_scope) = (outer.tested_paths, outer.error_scope);
    }
}

/// Which `error.…` is in scope, by what makes the steps run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorScope {
    /// An event matched.
    None,
    /// A run gave up: `error.…` says which and why.
    RunDied,
    /// A step failed: `error.…` says which and why.
    StepFailed,
}

/// A step that later ones may read by its name.
#[derive(Debug, Clone)]
pub struct KnownStep {
    pub name: String,
    pub gives: StepOutput,
    pub ran: Execution,
}

/// Whether it has run by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    Certain,
    /// It may be the one that failed, or stand behind that one.
    Possible,
}

/// What stands under `steps.NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutput {
    Anything,
    /// These keys alone; none where the step has no result.
    Keys(&'static [&'static str]),
    /// One result for each item of a list.
    List,
    /// What the last step within it gave.
    Inner,
}

impl StepOutput {
    /// Whether the result is the step's own, and not made of those of the steps within it.
    pub fn is_own(self) -> bool {
        match self {
            StepOutput::Anything | StepOutput::Keys(_) => true,
            StepOutput::List | StepOutput::Inner => false,
        }
    }
}

/// A name of the top that a flow gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub name: String,
    pub holds: LocalType,
}

/// What stands under the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalType {
    Anything,
    Value(FieldType),
    /// Events of the rule's types, each its body with `event` beside its fields.
    Events,
    Event,
}

impl LocalType {
    /// What an item of it holds.
    pub fn item(&self) -> Self {
        match self {
            LocalType::Events => LocalType::Event,
            LocalType::Value(FieldType::List(element)) => {
                LocalType::Value(FieldType::clone(element))
            }
            LocalType::Anything | LocalType::Value(_) | LocalType::Event => LocalType::Anything,
        }
    }
}

impl From<&str> for KnownStep {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            gives: StepOutput::Anything,
            ran: Execution::Certain,
        }
    }
}
