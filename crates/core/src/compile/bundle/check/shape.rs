//! What is known about a value of a bundle's document: a part of the event, a written value, or anything.

use std::collections::BTreeMap;

use crate::document::{Node, Yaml};
use crate::language::template::placeholder::placeholders;
use crate::path::{Path, PathKind, PathSegment};

/// The keys of the document with which a flow starts.
pub const DOCUMENT_KEYS: [&str; 4] = ["input", "account_id", "subdomain", "integration_key"];

/// Deeper values may be anything, so that a loop of states ends.
const MAX_DEPTH: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Anything, for example the reply of a request.
    Any,
    /// The part of the event's document at these keys.
    Event(Vec<String>),
    /// A text, number, boolean or null.
    Scalar,
    List(Vec<Shape>),
    Object(ObjectShape),
}

/// An object with written keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectShape {
    pub keys: BTreeMap<String, Shape>,
    /// The value into which the keys were written, for its other keys.
    base: Option<Box<Shape>>,
}

/// Whether a path exists in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Present(Shape),
    /// The value around it may be anything.
    Possible,
    Absent,
}

impl Shape {
    /// The document with which a flow starts.
    pub fn event() -> Self {
        Shape::Event(Vec::new())
    }

    /// An object with these keys and no others.
    pub fn object(keys: impl IntoIterator<Item = (String, Shape)>) -> Self {
        Shape::Object(ObjectShape {
            keys: keys.into_iter().collect(),
            base: None,
        })
    }

    /// The value of a constant.
    pub fn constant(node: &Node) -> Self {
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => Shape::Scalar,
            Yaml::List(items) => Shape::List(items.iter().map(Shape::constant).collect()),
            Yaml::Map(entries) => {
                let keys = entries.iter();
                Shape::object(keys.map(|e| (e.key.clone(), Shape::constant(&e.value))))
            }
        }
    }

    /// The value that `Parameters` make of an input.
    pub fn rendered(node: &Node, input: &Shape) -> Self {
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => Shape::Scalar,
            Yaml::Text(text) => match placeholders(text).as_slice() {
                [only] if only.whole == (0..text.len()) => input.found(&text[only.path.clone()]),
                _ => Shape::Scalar,
            },
            Yaml::List(items) => Shape::List(
                items
                    .iter()
                    .map(|item| Shape::rendered(item, input))
                    .collect(),
            ),
            Yaml::Map(entries) => {
                Shape::object(
                    entries
                        .iter()
                        .map(|entry| match entry.key.strip_suffix(".$") {
                            Some(key) => (key.to_owned(), referenced(&entry.value, input)),
                            None => (entry.key.clone(), Shape::rendered(&entry.value, input)),
                        }),
                )
            }
        }
    }

    /// The value at a path; anything if it is not certain.
    fn found(&self, path: &str) -> Self {
        match self.at_path(path) {
            Presence::Present(shape) => shape,
            Presence::Possible | Presence::Absent => Shape::Any,
        }
    }

    /// The value at a path as written. Queries may find anything.
    pub fn at_path(&self, path: &str) -> Presence {
        match Path::in_document(path.trim()).map(|path| path.route) {
            Ok(PathKind::Plain { keys, .. }) => self.at(&keys),
            Ok(PathKind::Query(_)) | Err(_) => Presence::Possible,
        }
    }

    pub fn at(&self, keys: &[PathSegment]) -> Presence {
        let mut shape = self.clone();
        for (depth, key) in keys.iter().enumerate() {
            match shape.child(key) {
                // Below a written key, anything counts as present.
                Presence::Possible if depth > 0 => return Presence::Present(Shape::Any),
                Presence::Present(child) => shape = child,
                missing @ (Presence::Possible | Presence::Absent) => return missing,
            }
        }
        Presence::Present(shape)
    }

    fn child(&self, key: &PathSegment) -> Presence {
        match self {
            Shape::Any => Presence::Possible,
            Shape::Event(route) if route.is_empty() => {
                match DOCUMENT_KEYS.contains(&key.name.as_str()) {
                    true => Presence::Present(Shape::Event(vec![key.name.clone()])),
                    false => Presence::Absent,
                }
            }
            Shape::Event(route) => {
                let route = route.iter().cloned().chain([key.name.clone()]);
                Presence::Present(Shape::Event(route.collect()))
            }
            Shape::Scalar => Presence::Absent,
            Shape::List(items) => match key.index.map(|index| items.get(index)) {
                Some(Some(item)) => Presence::Present(item.clone()),
                Some(None) | None => Presence::Absent,
            },
            Shape::Object(object) => match (object.keys.get(&key.name), &object.base) {
                (Some(child), _) => Presence::Present(child.clone()),
                (None, Some(base)) => base.child(key),
                (None, None) => Presence::Absent,
            },
        }
    }

    /// The value after a result was written at these keys.
    pub fn with_result(self, keys: &[PathSegment], result: Shape) -> Self {
        let Some((first, rest)) = keys.split_first() else {
            return result;
        };
        let inner = match self.child(first) {
            Presence::Present(inner) => inner,
            Presence::Possible => Shape::Any,
            Presence::Absent => Shape::object([]),
        };
        let mut object = match self {
            Shape::Object(object) => object,
            Shape::Scalar | Shape::List(_) => ObjectShape::default(),
            base @ (Shape::Any | Shape::Event(_)) => ObjectShape {
                keys: BTreeMap::new(),
                base: Some(Box::new(base)),
            },
        };
        let inner = inner.with_result(rest, result);
        object.keys.insert(first.name.clone(), inner);
        Shape::Object(object).limited(MAX_DEPTH)
    }

    fn limited(self, depth: usize) -> Self {
        match (self, depth) {
            (Shape::List(_) | Shape::Object(_), 0) => Shape::Any,
            (Shape::List(items), _) => Shape::List(
                items
                    .into_iter()
                    .map(|item| item.limited(depth - 1))
                    .collect(),
            ),
            (Shape::Object(object), _) => {
                let keys = object.keys.into_iter();
                Shape::Object(ObjectShape {
                    keys: keys
                        .map(|(key, value)| (key, value.limited(depth - 1)))
                        .collect(),
                    base: object.base,
                })
            }
            (other @ (Shape::Any | Shape::Event(_) | Shape::Scalar), _) => other,
        }
    }
}

/// The value of a key that ends in `.$`.
fn referenced(node: &Node, input: &Shape) -> Shape {
    match node.as_text() {
        Some(text) if text.starts_with('$') => input.found(text),
        Some(_) | None => Shape::rendered(node, input),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(path: &str) -> Vec<PathSegment> {
        path.split('.').map(PathSegment::new).collect()
    }

    fn at(shape: &Shape, path: &str) -> Presence {
        shape.at(&keys(path))
    }

    #[test]
    fn a_result_is_written_into_the_event() {
        let document = Shape::event().with_result(&keys("a.b"), Shape::Scalar);
        assert_eq!(at(&document, "a.b"), Presence::Present(Shape::Scalar));
        assert_eq!(at(&document, "a.c"), Presence::Absent);
        assert_eq!(at(&document, "a.b.c"), Presence::Absent);
        let input = Shape::Event(vec!["input".into(), "x".into()]);
        assert_eq!(at(&document, "input.x"), Presence::Present(input));
        assert_eq!(at(&document, "raw"), Presence::Absent);
        assert_eq!(at(&Shape::Any, "a"), Presence::Possible);
    }

    #[test]
    fn a_loop_of_writes_ends() {
        let mut document = Shape::event();
        for _ in 0..100 {
            let inner = document.clone();
            document = Shape::object([]).with_result(&keys("a"), inner);
        }
        let deeper = Shape::object([]).with_result(&keys("a"), document.clone());
        assert_eq!(deeper, document);
    }
}
