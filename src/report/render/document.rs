//! The version of the JSON documents that commands print. `schema` describes each document.

use serde_json::{Map, Value};

/// Rises when a key is removed or changes its meaning; a new key does not change it.
pub const JSON_VERSION: u64 = 1;

/// The document with its version as the first key.
pub fn versioned(document: Value) -> Value {
    let mut entries = Map::new();
    entries.insert("version".into(), JSON_VERSION.into());
    if let Value::Object(rest) = document {
        entries.extend(rest);
    }
    Value::Object(entries)
}
