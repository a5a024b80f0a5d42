//! The names in scope while a rule is lowered: variables, earlier steps, names that a flow defines.
//! Results of steps are known by their type only; their values exist when the flow runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::Condition;
use crate::language::event_fields::EventFields;

/// The names in scope at one point of a rule or flow.
#[derive(Debug, Clone)]
pub struct Names {
    /// The variables; an object.
    pub vars: Arc<Value>,
    /// Variables whose value is known only when the flow runs.
    pub parameters: BTreeSet<String>,
    /// The steps before the one being lowered, whose results can be read.
    pub steps: Vec<KnownStep>,
    /// The steps that wait for an answer, in the flows around the step being lowered, whose links can be read before them.
    pub answers: Vec<String>,
    /// Those of them whose link a step reads.
    pub links_read: BTreeSet<String>,
    /// Names that the flow defines: the item of a `for_each`, the events that `debounce` collects.
    pub locals: Vec<Local>,
    /// Names of steps and items inside an earlier step, which are no longer in scope.
    pub out_of_scope: BTreeSet<String>,
    pub error_scope: ErrorScope,
    /// Whether fields are those of a list's element.
    pub element: ElementScope,
    /// Whether the steps belong to a named flow, which can read only its own steps.
    pub in_named_flow: bool,
    /// Paths that an earlier condition has tested: the author knows that they may be absent.
    pub tested_paths: BTreeSet<String>,
    /// The conditions that hold here: of the rule, and of the guards and branches before.
    pub held: Vec<Condition>,
    /// Whether a warning about a field that may be absent was left out, because a condition tests it.
    pub absence_excused: bool,
}

/// The size and state of an outer scope, to restore when the inner scope ends.
pub struct OuterScope {
    steps: usize,
    answers: usize,
    locals: usize,
    tested_paths: BTreeSet<String>,
    error_scope: ErrorScope,
    held: usize,
}

impl Names {
    /// Creates a scope with only the variables, before the first step.
    pub fn new(vars: Arc<Value>) -> Self {
        Self {
            vars,
            parameters: BTreeSet::new(),
            steps: Vec::new(),
            answers: Vec::new(),
            links_read: BTreeSet::new(),
            locals: Vec::new(),
            out_of_scope: BTreeSet::new(),
            error_scope: ErrorScope::None,
            element: ElementScope::Outside,
            in_named_flow: false,
            tested_paths: BTreeSet::new(),
            held: Vec::new(),
            absence_excused: false,
        }
    }

    /// Enters the scope inside a step. Pass the result to [`Names::leave`].
    pub fn enter(&self) -> OuterScope {
        OuterScope {
            steps: self.steps.len(),
            answers: self.answers.len(),
            locals: self.locals.len(),
            tested_paths: self.tested_paths.clone(),
            error_scope: self.error_scope,
            held: self.held.len(),
        }
    }

    /// Leaves the inner scope: its names go out of scope, and its tested paths are forgotten.
    pub fn leave(&mut self, outer: OuterScope) {
        self.answers.truncate(outer.answers);
        let steps = self.steps.drain(outer.steps.min(self.steps.len())..);
        let locals = self.locals.drain(outer.locals.min(self.locals.len())..);
        let steps = steps.map(|step| format!("steps.{}", step.name));
        self.out_of_scope
            .extend(steps.chain(locals.map(|local| local.name)));
        self.held.truncate(outer.held);
        (self.tested_paths, self.error_scope) = (outer.tested_paths, outer.error_scope);
    }
}

/// What a field without a root is a field of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElementScope {
    /// The event's body.
    Outside,
    /// The element of a list, in `any_of`, of this type.
    Within(FieldType),
}

impl ElementScope {
    /// Returns the type of the element; `None` outside of `any_of`.
    pub fn element(&self) -> Option<&FieldType> {
        match self {
            ElementScope::Outside => None,
            ElementScope::Within(element) => Some(element),
        }
    }
}

/// Which `error.…` is in scope, by what makes the steps run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorScope {
    /// An event matched: there is no error.
    None,
    /// A run died: `error.…` describes the run and the reason.
    RunDied,
    /// A receiver fails: `error.…` describes the receiver and the last failure.
    Outage,
    /// A step failed: `error.…` describes the step and the reason.
    StepFailed,
}

/// A step whose result later steps can read by its name.
#[derive(Debug, Clone)]
pub struct KnownStep {
    pub name: String,
    pub gives: StepOutput,
    pub ran: Execution,
    /// The fields of the event that it waited for; None if it waited for none.
    pub event: Option<EventFields>,
}

/// Whether a step has run when its result is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    Certain,
    /// In `catch`: the step may have failed, or may come after the failed step.
    Possible,
}

/// The form of `steps.NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutput {
    Anything,
    /// A mapping with exactly these keys; no keys if the step has no result.
    Keys(&'static [&'static str]),
    /// One result for each item of a list.
    List,
    /// The result of the last nested step.
    Inner,
}

impl StepOutput {
    /// Returns whether the result is the step's own, not composed of the results of nested steps.
    pub fn is_own(self) -> bool {
        match self {
            StepOutput::Anything | StepOutput::Keys(_) => true,
            StepOutput::List | StepOutput::Inner => false,
        }
    }
}

/// A top-level name that a flow defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub name: String,
    pub holds: LocalType,
}

/// The type of a local's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalType {
    Anything,
    Value(FieldType),
    /// Events of the rule's types; each is its body with `event` added beside its fields.
    Events,
    Event,
}

impl LocalType {
    /// Returns the type of one item of the value.
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
            event: None,
        }
    }
}
