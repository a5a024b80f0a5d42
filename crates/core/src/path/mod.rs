//! Paths to values in an event, dotted (`ticket.via.channel`) or JSONPath.
//! They are compiled when rules are loaded. Paths that can never exist, and JSONPath that costs too much, are
//! errors.

pub(crate) mod cost;
pub(crate) mod jsonpath;
pub mod redact;
pub mod scope;
pub mod set;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use jsonpath_rust::parser::model::JpQuery;
use serde_json::Value;

use crate::document::suggest;
use crate::path::scope::Scope;

pub use crate::path::set::{SetError, set};

/// A compiled path. Hashing and `text` use the author's spelling.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub text: String,
    pub route: PathKind,
}

// A query may contain floating-point numbers, but never NaN.
impl Eq for Path {}

impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum PathKind {
    /// Refers to one location.
    Plain { root: Root, keys: Vec<PathSegment> },
    /// Selects any number of values; a predicate holds if it holds for one of them.
    Query(Box<JpQuery>),
}

/// Where a plain path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// The `ticket_event` object.
    Body,
    /// `account_id`, `subdomain`, `integration_key`, `actor_id`.
    Envelope,
    /// `event.type`, `event.id`, `event.time`, `event.source`, `event.endpoint`, `event.key`.
    Event,
    /// `$.raw…`: the body as received.
    Raw,
    Vars,
    Steps,
    /// `error.message`, `error.run`, `error.rule`, `error.attempts`: the failure of a run or step.
    Error,
    /// A local name of the flow: the item of a `for_each`, the `events` that a debounce collected.
    Local,
    /// `$` in a bundle's flow.
    Document,
}

/// One segment of a plain path. A number is an index into a list, or a key of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathSegment {
    pub name: String,
    pub index: Option<usize>,
}

impl PathSegment {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            index: name.parse().ok(),
        }
    }

    /// Returns the value of the segment in a list or an object; `None` in null or a scalar.
    pub fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match value {
            Value::Object(map) => map.get(&self.name),
            Value::Array(items) => items.get(self.index?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
}

/// The value or values at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<'a> {
    Absent,
    One(&'a Value),
    Many(Vec<Value>),
}

impl<'a> Resolved<'a> {
    /// Returns the values; empty for an absent path.
    pub fn values(&self) -> &[Value] {
        match self {
            Resolved::Absent => &[],
            Resolved::One(value) => std::slice::from_ref(*value),
            Resolved::Many(values) => values,
        }
    }

    /// Returns one JSON value; a list for a query.
    pub fn to_json(&self) -> Option<Cow<'a, Value>> {
        match self {
            Resolved::Absent => None,
            Resolved::One(value) => Some(Cow::Borrowed(value)),
            Resolved::Many(values) => Some(Cow::Owned(Value::Array(values.clone()))),
        }
    }
}

/// Why a text is not a valid path, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    pub message: String,
    pub help: Option<String>,
}

const ENVELOPE: [&str; 4] = ["account_id", "subdomain", "integration_key", "actor_id"];

/// The names below `error` in `on_dead`.
pub const OF_DEATH: [&str; 4] = ["message", "run", "rule", "attempts"];

/// The names below `error` in `catch`.
pub const OF_FAILURE: [&str; 4] = ["message", "step", "attempts", "status"];

impl Path {
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let route = if text.starts_with('$') {
            jsonpath::parse(text)?
        } else {
            parse_dotted(text)?
        };
        Ok(Self {
            text: text.to_owned(),
            route,
        })
    }

    /// Parses JSONPath over the document of a bundle's flow, which is `$` there.
    pub fn in_document(text: &str) -> Result<Self, PathError> {
        Ok(Self {
            text: text.to_owned(),
            route: jsonpath::parse_in_document(text)?,
        })
    }

    /// Returns a placeholder for an invalid path, so that checking can continue. It is always absent.
    pub fn unknown(text: &str) -> Self {
        let route = PathKind::Plain {
            root: Root::Raw,
            keys: vec![PathSegment::new(text)],
        };
        Self {
            text: text.to_owned(),
            route,
        }
    }

    /// Returns the same path for `on_dead` and `catch`, where `error.…` is the failure and not a field of the
    /// event.
    pub fn of_error(mut self) -> Self {
        if let PathKind::Plain { root, keys } = &mut self.route
            && *root == Root::Body
            && !self.text.starts_with('$')
            && keys.first().is_some_and(|key| key.name == "error")
        {
            *root = Root::Error;
            keys.remove(0);
        }
        self
    }

    /// Returns the same path, reading a local name if the first segment is one.
    pub fn of_local(mut self, is_local: impl Fn(&str) -> bool) -> Self {
        if let PathKind::Plain { root, keys } = &mut self.route
            && *root == Root::Body
            && !self.text.starts_with('$')
            && keys.first().is_some_and(|key| is_local(&key.name))
        {
            *root = Root::Local;
        }
        self
    }

    /// Returns the value or values at the path.
    pub fn resolve<'a>(&self, scope: &Scope<'a>) -> Resolved<'a> {
        match &self.route {
            PathKind::Plain { root, keys } => walk(root.value(scope), keys),
            PathKind::Query(query) if scope.document.is_null() => {
                jsonpath::many(query, &scope.event.document())
            }
            PathKind::Query(query) => jsonpath::many(query, scope.document),
        }
    }

    /// Returns the single location below which a query searches.
    pub fn below(&self) -> Option<Path> {
        let PathKind::Query(query) = &self.route else {
            return None;
        };
        let route = jsonpath::below(query)?;
        let names =
            |keys: &[PathSegment]| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
        match &route {
            PathKind::Plain { keys, .. } if !keys.is_empty() => Some(Path {
                text: names(keys).join("."),
                route,
            }),
            PathKind::Plain { .. } | PathKind::Query(_) => None,
        }
    }

    /// Returns the key of the body that JSONPath names, such as `ticket_event`.
    pub fn body_key(&self) -> Option<String> {
        let query = self.text.starts_with('$').then_some(&self.text)?;
        jsonpath::body_key(query)
    }

    /// Returns the name of the step whose result the path reads.
    pub fn step(&self) -> Option<&str> {
        match &self.route {
            PathKind::Plain {
                root: Root::Steps,
                keys,
            } => keys.first().map(|key| key.name.as_str()),
            PathKind::Plain { .. } | PathKind::Query(_) => None,
        }
    }

    /// Returns the local name that the path reads, and the keys below it.
    pub fn local(&self) -> Option<(&str, &[PathSegment])> {
        match &self.route {
            PathKind::Plain {
                root: Root::Local,
                keys,
            } => keys.split_first().map(|(name, below)| (&*name.name, below)),
            PathKind::Plain { .. } | PathKind::Query(_) => None,
        }
    }

    /// Whether the path reads the document of a bundle's flow.
    pub fn is_of_document(&self) -> bool {
        match &self.route {
            PathKind::Plain { root, .. } => *root == Root::Document,
            PathKind::Query(_) => false,
        }
    }

    /// Returns the value of a path into the variables, which is the same for every event.
    pub fn in_variables<'v>(&self, vars: &'v Value) -> Option<&'v Value> {
        let PathKind::Plain {
            root: Root::Vars,
            keys,
        } = &self.route
        else {
            return None;
        };
        match walk(vars, keys) {
            Resolved::One(value) => Some(value),
            Resolved::Absent | Resolved::Many(_) => None,
        }
    }

    /// Returns the most similar path that exists in this event, for an absent path.
    pub fn neighbour(&self, scope: &Scope<'_>) -> Option<String> {
        let PathKind::Plain { root, keys } = &self.route else {
            return None;
        };
        let depth = (0..keys.len())
            .rev()
            .find(|depth| walk(root.value(scope), &keys[..*depth]) != Resolved::Absent)?;
        let Resolved::One(Value::Object(map)) = walk(root.value(scope), &keys[..depth]) else {
            return None;
        };
        let near = suggest::nearest(&keys[depth].name, map.keys().map(String::as_str))?;
        let mut parts: Vec<&str> = self.text.split('.').collect();
        let skip = parts.len().checked_sub(keys.len())?;
        parts[skip + depth] = near;
        Some(parts.join("."))
    }

    /// Returns the path as the catalogue spells it: dotted from the body. `None` for queries, `$.raw` and values
    /// outside of the event.
    pub fn dotted(&self) -> Option<String> {
        let PathKind::Plain { root, keys } = &self.route else {
            return None;
        };
        let names = keys.iter().map(|key| key.name.as_str());
        match root {
            Root::Body | Root::Envelope => Some(names.collect::<Vec<_>>().join(".")),
            Root::Event => Some(
                std::iter::once("event")
                    .chain(names)
                    .collect::<Vec<_>>()
                    .join("."),
            ),
            Root::Raw | Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                None
            }
        }
    }
}

impl Root {
    fn value<'a>(self, scope: &Scope<'a>) -> &'a Value {
        match self {
            Root::Body => &scope.event.body,
            Root::Envelope => &scope.event.envelope,
            Root::Event => &scope.event.about,
            Root::Raw => &scope.event.raw,
            Root::Vars => scope.vars,
            Root::Steps => scope.steps,
            Root::Error => scope.error,
            Root::Local => scope.locals,
            Root::Document => scope.document,
        }
    }
}

/// Follows keys from a value.
fn walk<'a>(start: &'a Value, keys: &[PathSegment]) -> Resolved<'a> {
    let mut keys = keys.iter();
    match keys.try_fold(start, |value, key| key.of(value)) {
        Some(value) => Resolved::One(value),
        None => Resolved::Absent,
    }
}

fn parse_dotted(text: &str) -> Result<PathKind, PathError> {
    check_spelling(text)?;
    let names: Vec<&str> = text.split('.').collect();
    let (root, skip) = match names[0] {
        "event" => (Root::Event, 1),
        "vars" => (Root::Vars, 1),
        "steps" => (Root::Steps, 1),
        "secret" => {
            return Err(PathError {
                message: "a condition cannot read a secret".into(),
                help: Some("secrets are for templates in steps: \"{{ secret.NAME }}\"".into()),
            });
        }
        name if ENVELOPE.contains(&name) => (Root::Envelope, 0),
        _ => (Root::Body, 0),
    };
    let keys = names[skip..]
        .iter()
        .map(|name| PathSegment::new(name))
        .collect();
    Ok(PathKind::Plain { root, keys })
}

fn check_spelling(text: &str) -> Result<(), PathError> {
    let fail = |message: String, help: Option<String>| Err(PathError { message, help });
    if text.trim().is_empty() {
        let help = "write a field, such as `ticket.id`; `flowtrigger events TYPE` lists them";
        return fail("the path is empty".into(), Some(help.into()));
    }
    if text.contains("{{") {
        let help = "a path is written bare: `ticket.id`; templates belong in steps";
        return fail(
            format!("`{text}` is a template, not a path"),
            Some(help.into()),
        );
    }
    if text.contains('[') {
        let dotted = text.replace('[', ".").replace([']', '"', '\''], "");
        let dotted = dotted.trim_matches('.');
        return fail(
            format!("`{text}` is not a dotted path"),
            Some(format!(
                "write `{dotted}`, or JSONPath: `$.input.ticket_event.{dotted}`"
            )),
        );
    }
    if text
        .split('.')
        .any(|name| name.trim() != name || name.is_empty())
    {
        let dotted: Vec<_> = text
            .split('.')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect();
        return fail(
            format!("`{text}` has an empty or spaced part"),
            Some(format!("write `{}`", dotted.join("."))),
        );
    }
    Ok(())
}
