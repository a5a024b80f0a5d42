//! The schema of a line of `run --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, flag, list, maybe_text, part, parts, text, words};
use flowtrigger_core::run::STATES;

pub fn schema() -> Value {
    let step = Keys::new()
        .with("name", text("The step's name."))
        .with("attempts", count("How many attempts it made."))
        .with("outcome", text("How it ended."))
        .with(
            "error",
            maybe_text("The message of its last failed attempt."),
        )
        .object("A step that was executed.");
    let run = Keys::new()
        .with("rule", text("The rule."))
        .with("state", words("The state of the run.", &STATES))
        .with("message", maybe_text("Why it is in this state."))
        .with(
            "steps",
            list(step, "Its steps, in the order of their execution."),
        )
        .object("A run.");
    let answer = Keys::of_document()
        .with("event", part("event"))
        .with(
            "matched",
            list(text("A rule's name."), "The rules that matched."),
        )
        .with("runs", list(run, "Their runs."))
        .with(
            "warnings",
            list(text("A warning."), "What is unusual about the event."),
        )
        .may_have(
            "redelivered",
            flag("The event was in the input before, and started no run."),
        )
        .object("What was done for one event.");
    let parts = json!({"answer": answer, "event": parts::event()});
    document(
        "A line of `flowtrigger run --format json`",
        &["answer"],
        parts,
    )
}
