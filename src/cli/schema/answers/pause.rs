//! The schema of `pause --format json` and `resume --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, list, part, part_or_null, parts, text, words};

pub fn schema() -> Value {
    let answer = Keys::of_document()
        .with(
            "kind",
            words(
                "What kind it is.",
                &["everything", "rule", "connection", "host"],
            ),
        )
        .with("name", text("Its name; empty for everything."))
        .with(
            "outcome",
            words(
                "`noted`: it was paused already, and has another note; `unchanged`: it was paused already.",
                &["paused", "noted", "unchanged", "resumed"],
            ),
        )
        .with("suspended", part_or_null("suspended"))
        .with(
            "unfinished",
            count("Unfinished runs of the rule, or all; 0 for a connection or a host."),
        )
        .with(
            "others",
            list(part("suspended"), "What else is paused or down."),
        )
        .object("What was paused or resumed.");
    let parts = json!({ "answer": answer, "suspended": parts::suspended() });
    document(
        "The output of `flowtrigger pause --format json` and `flowtrigger resume --format json`",
        &["answer"],
        parts,
    )
}
