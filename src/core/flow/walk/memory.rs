//! What a flow knows at one of its steps: made of the event and the log, and gone after each look.
//! It refuses to reach beyond the flow that it belongs to, but for what that flow was given.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::core::flow::control::Landing;
use crate::core::flow::step::{Action, Step};
use crate::core::rule::condition::Condition;
use crate::core::rule::path::{Key, Path, Root, Route};
use crate::core::rule::template::RenderError;
use crate::core::scope::Scope;

#[derive(Clone)]
pub struct Memory<'a> {
    pub event: &'a Event,
    pub vars: Cow<'a, Value>,
    pub error: Cow<'a, Value>,
    /// An object.
    pub steps: Value,
    /// An object.
    pub locals: Value,
    /// Null among steps.
    pub document: Value,
    /// Places in the document that nobody knows yet, in a plan.
    pub unknown: Vec<Vec<Key>>,
}

impl<'a> Memory<'a> {
    pub fn scope(&self) -> Scope<'_> {
        Scope {
            steps: &self.steps,
            error: &self.error,
            locals: &self.locals,
            document: &self.document,
            ..Scope::new(self.event, &self.vars)
        }
    }

    /// The same, where a state sees something else than the whole document.
    pub fn seeing(&self, document: Option<Value>) -> Option<Self> {
        Some(Self {
            document: document?,
            event: self.event,
            vars: self.vars.clone(),
            error: self.error.clone(),
            steps: self.steps.clone(),
            locals: self.locals.clone(),
            unknown: self.unknown.clone(),
        })
    }

    /// Whether what could not be rendered may be known later.
    pub fn may_hold(&self, error: &RenderError) -> bool {
        match error {
            RenderError::Absent { name } => name.starts_with('$') && !self.unknown.is_empty(),
            RenderError::TooMuch { .. }
            | RenderError::EmptyInPath { .. }
            | RenderError::Climbing { .. }
            | RenderError::Failed { .. } => false,
        }
    }

    /// Puts what a step gave where later ones find it.
    pub fn keep(&mut self, step: &Step, value: Value) {
        match (&step.data, &mut self.steps) {
            (Some(data), _) => self.land(&data.result, given(&step.action, value)),
            (None, Value::Object(steps)) => {
                steps.insert(step.name.clone(), value);
            }
            (None, _) => {}
        }
    }

    /// A step whose result is not known before it has run.
    pub fn leave_open(&mut self, step: &Step) {
        if let Some(Landing::At(keys)) = step.data.as_ref().map(|data| &data.result) {
            self.unknown.push(keys.clone());
        }
    }

    pub fn land(&mut self, landing: &Landing, value: Value) {
        let Landing::At(keys) = landing else { return };
        self.unknown.retain(|unknown| !unknown.starts_with(keys));
        let place = keys.iter().fold(&mut self.document, below);
        *place = value;
    }

    /// What `OutputPath` leaves of the document.
    pub fn cut(&mut self, output: Option<&Path>) {
        if let Some(path) = output {
            let left = path.resolve(&self.scope()).to_json().map(Cow::into_owned);
            self.document = left.unwrap_or_else(|| Value::Object(Map::new()));
        }
    }

    /// Whether a condition reads what no step has given yet.
    pub fn awaits(&self, condition: &Condition) -> bool {
        let predicates = condition.predicates();
        let mut paths = predicates.iter().flat_map(|predicate| predicate.paths());
        paths.any(|path| self.awaits_path(path))
    }

    pub fn awaits_path(&self, path: &Path) -> bool {
        if let Some(step) = path.step() {
            return self.steps.get(step).is_none();
        }
        match &path.route {
            Route::Plain {
                root: Root::Document,
                keys,
            } => self.is_unknown(keys),
            Route::Query(_) => !self.unknown.is_empty(),
            Route::Plain { .. } => false,
        }
    }

    fn is_unknown(&self, keys: &[Key]) -> bool {
        let mut unknown = self.unknown.iter();
        unknown.any(|open| keys.starts_with(open) || open.starts_with(keys))
    }
}

/// What a request of a bundle gives: the reply as JSON, or its text under a name of its own.
fn given(action: &Action, mut value: Value) -> Value {
    if action.request().is_none() {
        return value;
    }
    match value.get_mut("body").map(Value::take) {
        Some(Value::String(text)) => serde_json::json!({ "__httpresponse": text }),
        Some(Value::Null) | None => Value::Object(Map::new()),
        Some(body) => body,
    }
}

fn below<'v>(value: &'v mut Value, key: &Key) -> &'v mut Value {
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
