//! The schema of a line of `send --format json`.

use serde_json::{Value, json};

use super::{Keys, any, count, document, text};

pub fn schema() -> Value {
    let answer = Keys::of_document()
        .with("place", text("The file, and the place of the event in it."))
        .with(
            "source",
            text("The entry under `sources` that it was sent to."),
        )
        .with("url", text("The address, without a password."))
        .with("status", count("The HTTP status of the answer."))
        .with("answer", any("The body of the answer."))
        .object("The answer of the daemon to one event.");
    let parts = json!({ "answer": answer });
    document(
        "A line of `flowtrigger send --format json`",
        &["answer"],
        parts,
    )
}
