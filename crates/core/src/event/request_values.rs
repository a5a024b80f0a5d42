//! What a source reads of a request beside its body: headers, values of the query, an id. The program adds it to the body
//! as `$request`, so that a stored event has everything from which its type, id, key and time were read.

use serde_json::{Map, Value};

/// The key that is added to the body. No body of a sender may have it.
pub const REQUEST_KEY: &str = "$request";
/// The names below it.
pub const HEADERS: &str = "headers";
pub const QUERY: &str = "query";
pub const ID: &str = "id";
/// The name below it of the method with which a sample is sent. A stored event has none.
pub const METHOD: &str = "method";

/// The path in the document of a header; the name is in lower case.
pub fn header_path(name: &str) -> String {
    format!("{REQUEST_KEY}.{HEADERS}.{name}")
}

/// The path in the document of a value of the query.
pub fn query_path(name: &str) -> String {
    format!("{REQUEST_KEY}.{QUERY}.{name}")
}

/// The path in the document of the id that was read from the request.
pub fn id_path() -> String {
    format!("{REQUEST_KEY}.{ID}")
}

/// What a path below `$request` is called in messages; `None` for a path in the body.
pub fn describe(path: &str) -> Option<String> {
    let below = path.strip_prefix(REQUEST_KEY)?.strip_prefix('.')?;
    Some(match below.split_once('.') {
        Some((HEADERS, name)) => format!("the header `{name}`"),
        Some((QUERY, name)) => format!("`{name}` of the query"),
        Some(_) | None => "the id of the request".to_owned(),
    })
}

/// Whether a document has the key, which only the program may add.
pub fn is_in(document: &Value) -> bool {
    document.get(REQUEST_KEY).is_some()
}

/// The text of an object with the key in front of its others. `None` if the text is not an object.
pub fn added_to_text(body: &[u8], request: &Map<String, Value>) -> Option<Vec<u8>> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let (before, object) = body.split_at(start);
    let rest = object.strip_prefix(b"{")?;
    let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let request = Value::Object(request.clone()).to_string();
    let mut text = Vec::with_capacity(body.len() + request.len() + REQUEST_KEY.len() + 4);
    text.extend_from_slice(before);
    text.extend_from_slice(format!("{{\"{REQUEST_KEY}\":{request}").as_bytes());
    if !is_empty {
        text.push(b',');
    }
    text.extend_from_slice(rest);
    Some(text)
}

/// A value with the key, if it is an object.
pub fn added_to(value: Value, request: &Map<String, Value>) -> Value {
    match value {
        Value::Object(body) => {
            let mut all = Map::with_capacity(body.len() + 1);
            all.insert(REQUEST_KEY.to_owned(), Value::Object(request.clone()));
            all.extend(body);
            Value::Object(all)
        }
        other => other,
    }
}

/// Takes the key out of a document, for a request that has the same headers and query.
pub fn taken_from(value: &mut Value) -> Option<Map<String, Value>> {
    match value.as_object_mut()?.remove(REQUEST_KEY)? {
        Value::Object(request) => Some(request),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_and_value_get_the_same_key() {
        let request = json!({"headers": {"x-kind": "made \"so\""}});
        let request = request.as_object().unwrap();
        for body in ["{}", " {\n}", "{\"a\":1}", "\n{ \"a\" : {\"b\":[]}}"] {
            let text = added_to_text(body.as_bytes(), request).unwrap();
            let value: Value = serde_json::from_slice(&text).unwrap();
            let parsed: Value = serde_json::from_str(body).unwrap();
            assert_eq!(value, added_to(parsed.clone(), request), "{body}");
            let mut value = value;
            assert_eq!(taken_from(&mut value).as_ref(), Some(request));
            assert_eq!(value, parsed);
        }
        for body in ["", " ", "[]", "1", "\"{\""] {
            assert_eq!(added_to_text(body.as_bytes(), request), None, "{body}");
        }
    }

    #[test]
    fn paths_are_described_as_people_know_them() {
        assert_eq!(
            describe(&header_path("x-kind")).as_deref(),
            Some("the header `x-kind`")
        );
        assert_eq!(
            describe(&query_path("kind")).as_deref(),
            Some("`kind` of the query")
        );
        assert_eq!(describe("kind.name"), None);
    }
}
