//! The schema of `check --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, list, maybe_text, part, parts};

pub fn schema() -> Value {
    let answer = Keys::of_document()
        .with("rules", count("Rules without errors."))
        .with("files", count("Rule files."))
        .with("errors", count("Errors."))
        .with("warnings", count("Warnings."))
        .with("mode_limit", maybe_text("The setting that keeps every rule in shadow mode, or disables it; null if none does."))
        .with("unread_config", maybe_text("A configuration above the rules that was not read, and how it is; null if there is none."))
        .with(
            "diagnostics",
            list(part("diagnostic"), "Every problem, by file and line."),
        )
        .may_have("proofs", part("proofs"))
        .object("What `check` found.");
    let parts = json!({
        "answer": answer,
        "diagnostic": parts::diagnostic(),
        "proofs": parts::proofs(),
        "example": parts::example(),
    });
    document(
        "The output of `flowtrigger check --format json`",
        &["answer"],
        parts,
    )
}
