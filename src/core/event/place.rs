//! Where a value stands: following a dotted path into a document, and putting a value at one.
//! It refuses nothing: a path through null or a scalar leads nowhere.

use serde_json::{Map, Value};

use super::datum::Datum;

/// The value at a dotted path; the empty path is the document itself. A number picks an element.
pub fn find<'a>(document: Datum<'a>, path: &str) -> Option<Datum<'a>> {
    let mut steps = path.split('.').filter(|step| !step.is_empty());
    steps.try_fold(document, |datum, step| datum.step(step))
}

/// The first of several places that is there, with its path.
pub fn first<'a>(document: Datum<'a>, paths: &[&'static str]) -> Option<(&'static str, Datum<'a>)> {
    paths
        .iter()
        .find_map(|path| find(document, path).map(|datum| (*path, datum)))
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
        for document in [Datum::Built(&value), Datum::Taped(scanned.root())] {
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
