//! Paths to values in an event, dotted (`ticket.via.channel`) or JSONPath.
//! They are compiled when rules are loaded. Paths that can never exist, and JSONPath that costs too much, are
//! errors.

pub(crate) mod cost;
pub(crate) mod dotted;
pub(crate) mod exact_literals;
pub(crate) mod header_fields;
pub(crate) mod jsonpath;
pub(crate) mod jsonpath_error;
pub(crate) mod query;
#[cfg(test)]
mod query_tests;
pub mod redact;
pub(crate) mod root;
pub mod scope;
pub mod set;
#[cfg(test)]
mod tests;
pub(crate) mod well_typed;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use jsonpath_rust::parser::model::JpQuery;
use serde_json::Value;

use crate::document::suggest;
use crate::event::request_values::{HEADERS, REQUEST_KEY};
use crate::path::scope::Scope;

pub use crate::path::root::Root;
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

    /// Returns the segment as JSONPath: `.name`, `[0]` or `['a b']`.
    pub(crate) fn in_query(&self) -> String {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        match self.index {
            Some(index) => format!("[{index}]"),
            None if self.name.chars().all(is_name) => format!(".{}", self.name),
            None => format!(
                "['{}']",
                self.name.replace('\\', "\\\\").replace('\'', "\\'")
            ),
        }
    }

    /// Returns the value of the segment in a list or an object; `None` in null or a scalar.
    pub fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
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

/// The names below `error` in `on_dead`.
pub const RUN_ERROR_FIELDS: &[&str] = &[
    "message",
    "run",
    "rule",
    "attempts",
    "count",
    "first_run",
    "last_run",
    "since",
    "until",
];

/// The names below `error` in `on_outage`.
pub const OUTAGE_ERROR_FIELDS: &[&str] = &[
    "message", "receiver", "since", "failures", "waiting", "count", "run", "rule",
];

/// The names below `error` in `catch`.
pub const STEP_ERROR_FIELDS: &[&str] = &["message", "step", "attempts", "status"];

impl Path {
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let route = if text.starts_with('$') {
            jsonpath::parse(text)?
        } else {
            dotted::parse(text)?
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
            && !dotted::names_body(&self.text)
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
            && !dotted::names_body(&self.text)
            && keys.first().is_some_and(|key| is_local(&key.name))
        {
            *root = Root::Local;
        }
        self
    }

    /// Returns the path of a list's element itself.
    pub fn element() -> Self {
        Self {
            text: "element".into(),
            route: PathKind::Plain {
                root: Root::Local,
                keys: Vec::new(),
            },
        }
    }

    /// The name of the header of its request that it reads.
    pub fn request_header(&self) -> Option<&str> {
        let PathKind::Plain { root, keys } = &self.route else {
            return None;
        };
        match (root, keys.as_slice()) {
            (Root::Raw, [request, headers, name])
                if request.name == REQUEST_KEY && headers.name == HEADERS =>
            {
                Some(&name.name)
            }
            _ => None,
        }
    }

    /// Whether the path is that of a list's element itself.
    pub fn is_element(&self) -> bool {
        self.is_local() && self.local().is_none()
    }

    /// Whether the path reads a field of the element where conditions test elements of a list.
    pub fn is_of_element(&self) -> bool {
        match &self.route {
            PathKind::Plain { root, .. } => {
                matches!(root, Root::Body | Root::Envelope | Root::Event)
                    && !dotted::names_body(&self.text)
            }
            PathKind::Query(_) => false,
        }
    }

    /// Returns the same path below the element of a list.
    pub fn in_element(mut self) -> Self {
        let keys = self.text.split('.').map(PathSegment::new).collect();
        self.route = PathKind::Plain {
            root: Root::Local,
            keys,
        };
        self
    }

    /// Whether the path reads a local name or the element of a list.
    pub fn is_local(&self) -> bool {
        matches!(
            self.route,
            PathKind::Plain {
                root: Root::Local,
                ..
            }
        )
    }

    /// Returns the value or values at the path.
    pub fn resolve<'a>(&self, scope: &Scope<'a>) -> Resolved<'a> {
        match &self.route {
            PathKind::Plain { root, keys } => walk(root.value(scope, keys), keys),
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

    /// Whether the path is `steps.NAME.url`.
    pub fn reads_link(&self) -> bool {
        let PathKind::Plain {
            root: Root::Steps,
            keys,
        } = &self.route
        else {
            return false;
        };
        matches!(&keys[..], [_, key] if key.name == "url")
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
            .find(|depth| walk(root.value(scope, keys), &keys[..*depth]) != Resolved::Absent)?;
        let Resolved::One(Value::Object(map)) = walk(root.value(scope, keys), &keys[..depth])
        else {
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

/// Follows keys from a value.
fn walk<'a>(start: &'a Value, keys: &[PathSegment]) -> Resolved<'a> {
    let mut keys = keys.iter();
    match keys.try_fold(start, |value, key| key.get(value)) {
        Some(value) => Resolved::One(value),
        None => Resolved::Absent,
    }
}
