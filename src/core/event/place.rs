//! Where a value stands: following a dotted path into a document, and putting a value at one.
//! It refuses nothing: a path through null or a scalar leads nowhere.

use serde_json::{Map, Value};

/// The value at a dotted path; the empty path is the document itself. A number picks an element.
pub fn find<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = document;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        value = match value {
            Value::Object(object) => object.get(step)?,
            Value::Array(elements) => elements.get(step.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(value)
}

/// The first of several places that is there, with its path.
pub fn first<'a>(document: &'a Value, paths: &[&'static str]) -> Option<(&'static str, &'a Value)> {
    paths
        .iter()
        .find_map(|path| find(document, path).map(|value| (*path, value)))
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

/// What a value is, for a message: "a list", "null".
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_follows_objects_and_lists() {
        let document = json!({"a": {"b": [null, {"c": 1}]}, "d": "text"});
        assert_eq!(find(&document, "a.b.1.c"), Some(&json!(1)));
        assert_eq!(find(&document, ""), Some(&document));
        for absent in ["a.x", "a.b.2", "a.b.x", "a.b.0.c", "d.e"] {
            assert_eq!(find(&document, absent), None, "{absent}");
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
