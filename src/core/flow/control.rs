//! What leads through a flow: choices, lists, waits, flows within flows, and where failures go.
//! Every way of writing a flow compiles to these; it holds no value of any event.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::core::diagnostic::Position;
use crate::core::flow::step::Flow;
use crate::core::rule::condition::Condition;
use crate::core::rule::path::{Key, Path};
use crate::core::rule::template::{Template, TreeTemplate};

/// Goes on with the first branch that holds; past the choice where none does.
#[derive(Debug, Clone)]
pub struct Choose {
    pub branches: Vec<Branch>,
}

#[derive(Debug, Clone)]
pub struct Branch {
    pub at: Position,
    /// None holds always.
    pub when: Option<Condition>,
    pub then: Then,
}

/// Where a choice or a failure leads.
#[derive(Debug, Clone)]
pub enum Then {
    /// Through these steps, then past the step that led there.
    Flow(Flow),
    /// To a step of the same flow.
    Goto(u32),
}

impl Then {
    /// The steps of its own that it leads to.
    pub fn flow(&self) -> Option<&Flow> {
        match self {
            Then::Flow(flow) => Some(flow),
            Then::Goto(_) => None,
        }
    }
}

/// What becomes of a failed step.
#[derive(Debug, Clone)]
pub struct Catch {
    pub then: Then,
    /// Where a bundle's flow puts the error. Nothing for steps, which read `error.…`.
    pub error: Landing,
}

/// Runs a flow for each item of a list; its result is the list of the items' results.
#[derive(Debug, Clone)]
pub struct Each {
    pub items: Path,
    /// What the item is called inside; none in a bundle's flow, whose document it is.
    pub name: Option<Arc<str>>,
    /// Items under way together.
    pub concurrency: u32,
    pub on_failure: OnFailure,
    pub flow: Flow,
}

/// What an item that fails means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The step fails; what is under way ends first, nothing more begins.
    Stop,
    /// Its result is `{error: {…}}`; the others go on.
    Continue,
}

#[derive(Debug, Clone)]
pub enum Wait {
    For(Duration),
    /// A time in the event or in a result: RFC 3339.
    Until(Path),
}

/// A flow with a name of its own, which sees neither the steps nor the items of who runs it.
#[derive(Debug, Clone)]
pub struct NamedFlow {
    pub name: Arc<str>,
    pub flow: Arc<Flow>,
    /// `vars.…` inside: the rule's with the flow's own laid over them.
    pub vars: Arc<Value>,
    /// What who runs it lays over those.
    pub given: Option<TreeTemplate>,
}

/// A jq program over a value.
#[derive(Debug, Clone)]
pub struct Jq {
    pub program: Template,
    pub input: JqInput,
}

#[derive(Debug, Clone)]
pub enum JqInput {
    /// The event's body with `event`, `vars` and `steps` beside its fields.
    Everything,
    Tree(TreeTemplate),
}

impl Jq {
    pub fn secrets(&self) -> Vec<&str> {
        match &self.input {
            JqInput::Everything => Vec::new(),
            JqInput::Tree(tree) => tree.secrets(),
        }
    }
}

/// A bundle's settings in the store: what `LoadConfig` and `PatchConfig` act on.
#[derive(Debug, Clone)]
pub struct ConfigAccess {
    pub integration: Arc<str>,
    pub scope: Template,
    /// What is laid over the settings; none where they are only read.
    pub patch: Option<TreeTemplate>,
}

/// What a bundle's state takes of the document, and where its result goes.
#[derive(Debug, Clone)]
pub struct Data {
    /// `InputPath`: what the state sees of the document.
    pub input: Option<Path>,
    /// `Parameters`: what its action or its items see instead.
    pub parameters: Option<TreeTemplate>,
    /// `ResultPath`.
    pub result: Landing,
    /// `OutputPath`: what remains of the document.
    pub output: Option<Path>,
}

/// Where in the document a value is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    Nowhere,
    /// Below these keys, which are made where they are not there; none: it is the document from then on.
    At(Vec<Key>),
}
