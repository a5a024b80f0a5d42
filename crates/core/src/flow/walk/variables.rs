//! The variables of a flow at one step, built from the event and the log during a walk.
//! A named flow sees only what its caller passes.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::event::Event;
use crate::flow::control::ResultPath;
use crate::flow::step::{Action, Step};
use crate::language::condition::Condition;
use crate::language::template::RenderError;
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, PathSegment, Root};

/// The variables of a flow at one step.
#[derive(Clone)]
pub struct Variables<'a> {
    pub event: &'a Event,
    pub vars: Cow<'a, Value>,
    pub error: Cow<'a, Value>,
    /// An object.
    pub steps: Value,
    /// An object.
    pub locals: Value,
    /// The document of a bundle's flow. Null in any other flow.
    pub document: Value,
    /// The time of the run, for jq programs of bundles.
    pub now: Option<Timestamp>,
    /// In a plan: the parts of the document that are not known yet.
    pub unknown: Vec<Vec<PathSegment>>,
}

impl<'a> Variables<'a> {
    pub fn scope(&self) -> Scope<'_> {
        Scope {
            steps: &self.steps,
            error: &self.error,
            locals: &self.locals,
            document: &self.document,
            now: self.now,
            ..Scope::new(self.event, &self.vars)
        }
    }

    /// The same variables with another document, if there is one.
    pub fn with_document(&self, document: Option<Value>) -> Option<Self> {
        Some(Self {
            document: document?,
            event: self.event,
            vars: self.vars.clone(),
            error: self.error.clone(),
            steps: self.steps.clone(),
            locals: self.locals.clone(),
            now: self.now,
            unknown: self.unknown.clone(),
        })
    }

    /// Whether the absent value of an error may become known later.
    pub fn may_be_unknown(&self, error: &RenderError) -> bool {
        let RenderError::Absent { name } = error else {
            return false;
        };
        name.starts_with('$') && !self.unknown.is_empty()
    }

    /// Stores the result of a step for later steps.
    pub fn set_result(&mut self, step: &Step, value: Value) {
        match (&step.data, &mut self.steps) {
            (Some(data), _) => self.write_result(&data.result, state_result(&step.action, value)),
            (None, Value::Object(steps)) => {
                steps.insert(step.name.clone(), value);
            }
            (None, _) => {}
        }
    }

    /// Marks the result of a step as unknown.
    pub fn mark_unknown(&mut self, step: &Step) {
        if let Some(ResultPath::At(keys)) = step.data.as_ref().map(|data| &data.result) {
            self.unknown.push(keys.clone());
        }
    }

    pub fn write_result(&mut self, landing: &ResultPath, value: Value) {
        let ResultPath::At(keys) = landing else {
            return;
        };
        self.unknown.retain(|unknown| !unknown.starts_with(keys));
        let slot = keys.iter().fold(&mut self.document, entry);
        *slot = value;
    }

    /// Reduces the document to `OutputPath`.
    pub fn select_output(&mut self, output: Option<&Path>) {
        if let Some(path) = output {
            let output = path.resolve(&self.scope()).to_json().map(Cow::into_owned);
            self.document = output.unwrap_or_else(|| Value::Object(Map::new()));
        }
    }

    /// Sets the document of a bundle's flow that ends at a `Succeed`: the state's input, as its output.
    pub fn end_with(&mut self, step: &Step, input: Value) {
        if let Some(data) = &step.data {
            self.document = input;
            self.select_output(data.output.as_ref());
        }
    }

    /// Whether a condition reads a result that is not known yet.
    pub fn depends_on_unknown(&self, condition: &Condition) -> bool {
        let predicates = condition.predicates();
        let mut paths = predicates.iter().flat_map(|predicate| predicate.paths());
        paths.any(|path| self.depends_on_unknown_path(path))
    }

    pub fn depends_on_unknown_path(&self, path: &Path) -> bool {
        if let Some(step) = path.step() {
            return match self.steps.get(step) {
                None => true,
                Some(result) => is_only_link(result) && !path.reads_link(),
            };
        }
        match &path.route {
            PathKind::Plain {
                root: Root::Document,
                keys,
            } => self.is_unknown(keys),
            PathKind::Query(_) => !self.unknown.is_empty(),
            PathKind::Plain { .. } => false,
        }
    }

    fn is_unknown(&self, keys: &[PathSegment]) -> bool {
        let mut unknown = self.unknown.iter();
        unknown.any(|unknown| keys.starts_with(unknown) || unknown.starts_with(keys))
    }
}

/// Whether nothing is known of a step but the link by which it is answered.
fn is_only_link(result: &Value) -> bool {
    matches!(result, Value::Object(result) if result.len() == 1 && result.contains_key("url"))
}

/// The result of a bundle state: for a request the JSON body, or its text as `__httpresponse`.
fn state_result(action: &Action, mut value: Value) -> Value {
    if action.request().is_none() {
        return value;
    }
    match value.get_mut("body").map(Value::take) {
        Some(Value::String(text)) => serde_json::json!({ "__httpresponse": text }),
        Some(Value::Null) | None => Value::Object(Map::new()),
        Some(body) => body,
    }
}

/// The entry of a key, created if absent.
fn entry<'v>(value: &'v mut Value, key: &PathSegment) -> &'v mut Value {
    if let (Value::Array(items), Some(index)) = (&*value, key.index)
        && index < items.len()
    {
        return &mut value[index];
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    &mut value[key.name.as_str()]
}
