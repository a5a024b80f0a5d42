//! The schema of the output of `move --format json`.

use serde_json::{Value, json};

use super::{Keys, document, flag, text};

pub fn schema() -> Value {
    let rows = json!({
        "type": "object",
        "description": "The number of moved rows by kind, such as `runs` and `events`.",
        "additionalProperties": {"type": "integer", "minimum": 0},
    });
    let answer = Keys::of_document()
        .with(
            "was_complete",
            flag("Whether an earlier command had moved everything already."),
        )
        .with("rows", rows)
        .with(
            "file",
            text("The old file, under the name that it has now."),
        )
        .object("What was moved.");
    let parts = json!({ "answer": answer });
    document(
        "The output of `flowtrigger move --format json`",
        &["answer"],
        parts,
    )
}
