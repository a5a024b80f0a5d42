//! The schema of `reload --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, flag, list, maybe_count, maybe_text, part, parts, text};

pub fn schema() -> Value {
    let names = |description: &str| list(text("The name of a rule."), description);
    let answer = Keys::of_document()
        .with(
            "reloaded",
            flag("Whether the new rules are in force; otherwise the previous ones stay in use."),
        )
        .with("reason", maybe_text("Why they are not; null if they are."))
        .with("rules", count("The number of rules in force."))
        .with(
            "revision",
            maybe_count("The revision in force; null if the store does not answer."),
        )
        .with(
            "added",
            names("Rules that were added, in alphabetical order."),
        )
        .with(
            "changed",
            names("Rules with another text, or with another text of a flow that they run."),
        )
        .with("removed", names("Rules that were removed."))
        .with(
            "configuration_changed",
            flag("Whether the configuration is another one."),
        )
        .with(
            "at_next_start",
            list(
                text("A key of the configuration."),
                "Keys with other values than at the start of the daemon, which take effect at the next start only.",
            ),
        )
        .with("errors", count("Errors in rules and configuration."))
        .with("warnings", count("Warnings."))
        .with(
            "diagnostics",
            list(
                part("diagnostic"),
                "The errors and warnings, as `check` prints them.",
            ),
        )
        .object("The result of a reload.");
    let parts = json!({ "answer": answer, "diagnostic": parts::diagnostic() });
    document(
        "The output of `flowtrigger reload --format json`",
        &["answer"],
        parts,
    )
}
