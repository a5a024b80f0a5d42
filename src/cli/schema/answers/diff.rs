//! The schema of `diff --format json`.

use serde_json::{Value, json};

use super::{
    Keys, any, count, document, flag, list, maybe_text, part, part_or_null, parts, text, words,
};

pub fn schema() -> Value {
    let answer = Keys::of_document()
        .with("changed", count("Rules that differ."))
        .with(
            "unchanged",
            count("Rules that match the same events and do the same."),
        )
        .with(
            "configuration_changed",
            flag("Whether the texts of the configurations differ."),
        )
        .with(
            "rules",
            list(part("rule"), "Every rule of both versions, by name."),
        )
        .object("How two versions of rules differ.");
    let parts = json!({
        "answer": answer,
        "rule": rule(),
        "changed_types": changed_types(),
        "effect": effect(),
        "example": parts::example(),
    });
    document(
        "The output of `flowtrigger diff --format json`",
        &["answer"],
        parts,
    )
}

fn rule() -> Value {
    let changes = [
        "added",
        "removed",
        "equal",
        "wider",
        "narrower",
        "different",
        "cannot tell",
    ];
    Keys::new()
        .with("rule", text("The rule."))
        .with(
            "change",
            words(
                "How the events that it matches differ: `wider` matches more of them.",
                &changes,
            ),
        )
        .with(
            "before",
            maybe_text("Where it is in the old version: `file:line:column`."),
        )
        .with("after", maybe_text("Where it is in the new version."))
        .with("only_before", part_or_null("example"))
        .with("only_after", part_or_null("example"))
        .with(
            "why",
            maybe_text("Why it cannot be told; null if it is proven."),
        )
        .with("types", part_or_null("changed_types"))
        .with(
            "effects",
            list(
                part("effect"),
                "Keys of the rule with another value: gates, steps, mode.",
            ),
        )
        .object("One rule of both versions.")
}

fn changed_types() -> Value {
    Keys::new()
        .with(
            "only_before",
            list(
                text("A type."),
                "Known event types that only the old version covers.",
            ),
        )
        .with(
            "only_after",
            list(
                text("A type."),
                "Known event types that only the new version covers.",
            ),
        )
        .object("The types of the catalogue that `event_type` covers in one version alone.")
}

fn effect() -> Value {
    Keys::new()
        .with("key", text("The key; of a step `flow.NAME`."))
        .with(
            "before",
            any("Its value in the old version; null if it has none."),
        )
        .with(
            "after",
            any("Its value in the new version; null if it has none."),
        )
        .object("A key of a rule with another value.")
}
