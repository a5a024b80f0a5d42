//! Where a value stands: following a dotted path into a document, and putting a value at one.
//! It refuses nothing: a path through null or a scalar leads nowhere.

use serde_json::{Map, Value};

use super::datum::Datum;
use super::tape::hash;

/// A dotted path in a decoder's table, taken apart when the program is built. The empty one is the
/// document itself.
#[derive(Debug)]
pub struct At {
    pub text: &'static str,
    steps: [Step; MOST],
    count: usize,
}

/// Steps that a path of a table may have.
const MOST: usize = 6;

#[derive(Debug, Clone, Copy)]
struct Step {
    start: usize,
    end: usize,
    hash: u32,
}

/// The places of a table, by their paths.
macro_rules! at {
    ($($path:literal),+ $(,)?) => {
        &[$(At::new($path)),+]
    };
}
pub(super) use at;

impl At {
    pub const fn new(text: &'static str) -> Self {
        let none = Step {
            start: 0,
            end: 0,
            hash: 0,
        };
        let (mut steps, mut count, mut start, mut end) = ([none; MOST], 0, 0, 0);
        while end < text.len() {
            end += 1;
            if end == text.len() || text.as_bytes()[end] == b'.' {
                let hash = hash(text.as_bytes(), start, end);
                steps[count] = Step { start, end, hash };
                (count, start) = (count + 1, end + 1);
            }
        }
        Self { text, steps, count }
    }

    pub fn find<'a>(&self, document: Datum<'a>) -> Option<Datum<'a>> {
        let mut steps = self.steps[..self.count].iter();
        steps.try_fold(document, |datum, step| {
            let name = &self.text[step.start..step.end];
            datum.step_by(name, step.hash)
        })
    }
}

/// The value at a dotted path; the empty path is the document itself. A number picks an element.
pub fn find<'a>(document: Datum<'a>, path: &str) -> Option<Datum<'a>> {
    let mut steps = path.split('.').filter(|step| !step.is_empty());
    steps.try_fold(document, |datum, step| datum.step(step))
}

/// The first of several places that is there, with its path.
pub fn first<'a>(document: Datum<'a>, places: &[At]) -> Option<(&'static str, Datum<'a>)> {
    places
        .iter()
        .find_map(|at| at.find(document).map(|datum| (at.text, datum)))
}

/// Puts a value at a dotted path and makes the objects on the way; what stands in the way of one
/// gives way. The empty path replaces the whole.
pub fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    if path.is_empty() {
        if let Value::Object(whole) = value {
            *object = whole;
        }
        return;
    }
    let Some((step, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let below = object.entry(step).or_insert(Value::Null);
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Value::Object(below) = below {
        put(below, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tape::Tape;
    use super::*;

    #[test]
    fn a_path_follows_objects_and_lists() {
        let value = json!({"a": {"b": [null, {"c": 1}]}, "d": "text"});
        let text = value.to_string();
        let mut tape = Tape::default();
        let scanned = tape.scan(text.as_bytes()).unwrap();
        let paths: &[At] = at!["a.b.1.c", "", "a.x", "a.b.2", "a.b.x", "a.b.0.c", "d.e"];
        for document in [Datum::Built(&value), Datum::Taped(scanned.root())] {
            for at in paths {
                let found = at.find(document).map(|found| found.value().into_owned());
                let read = find(document, at.text).map(|found| found.value().into_owned());
                assert_eq!(found, read, "{}", at.text);
            }
            let found = |path| find(document, path).map(|found| found.value().into_owned());
            assert_eq!(found("a.b.1.c"), Some(json!(1)));
            assert_eq!(found(""), Some(value.clone()));
            for absent in ["a.x", "a.b.2", "a.b.x", "a.b.0.c", "d.e"] {
                assert_eq!(found(absent), None, "{absent}");
            }
        }
    }

    #[test]
    fn putting_makes_the_way() {
        let mut object = Map::new();
        put(&mut object, "a.b", json!(1));
        put(&mut object, "a.c", json!(2));
        put(&mut object, "a.b.d", json!(3));
        assert_eq!(Value::Object(object), json!({"a": {"b": {"d": 3}, "c": 2}}));
    }
}
