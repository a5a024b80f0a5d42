//! The schema of a line of `dry-run --format json`.

use serde_json::Value;

use super::{Keys, document, list, maybe_text, part, parts, plan, text, words};

pub fn schema() -> Value {
    let rule = parts::rule()
        .with(
            "plan",
            list(
                part("plan_step"),
                "What would be done, step by step; empty if it does not match.",
            ),
        )
        .with(
            "on_dead",
            list(
                Keys::new()
                    .with("step", text("The step's name."))
                    .with("kind", text("Its action."))
                    .with("at", text("Its place."))
                    .object("A step under `on_dead`."),
                "The steps that run if a run of the rule dies.",
            ),
        );
    let answer = Keys::of_document()
        .with("event", part("event"))
        .with(
            "matched",
            list(text("A rule's name."), "The rules that match."),
        )
        .with(
            "rules",
            list(
                part("rule"),
                "The rules that match; with `--explain` all that listen to the type.",
            ),
        )
        .with(
            "warnings",
            list(text("A warning."), "What is unusual about the event."),
        )
        .with(
            "mode_limit",
            maybe_text("The setting that keeps every rule in shadow mode, or disables it; null if none does."),
        )
        .with(
            "read",
            words(
                "What the rule index read: the bytes as received, or the decoded event.",
                &["tape", "tree"],
            ),
        );
    let mut parts = parts::shared();
    parts["rule"] = rule.object("A rule, why it matches or not, and what it would do.");
    parts["plan_step"] = plan::step();
    parts["branch"] = plan::branch();
    parts["answer"] = answer.object("The answer for one event.");
    document(
        "A line of `flowtrigger dry-run --format json`",
        &["answer"],
        parts,
    )
}
