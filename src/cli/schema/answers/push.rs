//! The schema of a line of `push --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, flag, maybe_count, maybe_text, text, time};

pub fn schema() -> Value {
    let pushed = Keys::of_document()
        .with("digest", text("The digest of their texts."))
        .with("rules", count("How many rules they are."))
        .with(
            "tests",
            maybe_count("How many tests passed before; null with `--rollback`."),
        )
        .with(
            "was_in_force",
            flag("Whether they were in force already, so that nothing was pushed."),
        )
        .with("daemons", count("How many daemons share the database."))
        .with(
            "daemons_with_pushed_rules",
            count("How many of them use pushed rules."),
        )
        .object("The rules that a command has pushed.");
    let listed = Keys::of_document()
        .with("digest", text("The digest of their texts."))
        .with("pushed", time("When they were pushed."))
        .with("rules", count("How many rules they are."))
        .with("by", maybe_text("Who pushed them, if that is known."))
        .with("note", text("Why; empty without a note."))
        .with(
            "in_force",
            flag("Whether they are in force: the newest ones."),
        )
        .object("What was pushed, with `--list`.");
    let parts = json!({ "pushed": pushed, "listed": listed });
    document(
        "A line of `flowtrigger push --format json`",
        &["pushed", "listed"],
        parts,
    )
}
