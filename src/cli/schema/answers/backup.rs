//! The schemas of the output of `backup --format json` and `restore --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, flag, maybe_text, text};

pub fn backup() -> Value {
    let answer = content()
        .with("file", text("The file that was written."))
        .object("What was copied.");
    document(
        "The output of `flowtrigger backup --format json`",
        &["answer"],
        json!({ "answer": answer }),
    )
}

pub fn restore() -> Value {
    let restored = content()
        .with(
            "restored",
            flag("Whether the backup was restored; `--check` only verifies it."),
        )
        .with(
            "held",
            count("Unfinished runs that are held now. With `--resume`, the daemon executes them."),
        )
        .with(
            "replaced",
            maybe_text("The database that the folder had, under the name that it has now."),
        )
        .object("What was restored or verified.");
    let in_place = Keys::of_document()
        .with("held", count("Unfinished runs that are held now."))
        .with("unfinished", by_name("These runs by rule."))
        .object("What `--in-place` did.");
    document(
        "The output of `flowtrigger restore --format json`",
        &["restored", "in_place"],
        json!({ "restored": restored, "in_place": in_place }),
    )
}

fn content() -> Keys {
    Keys::of_document()
        .with("bytes", count("The size of the database."))
        .with(
            "schema_version",
            count("The version of its tables. A newer program upgrades an older version."),
        )
        .with("events", count("The number of events."))
        .with(
            "newest_event",
            maybe_text("When the newest event was received; null if there is none."),
        )
        .with("runs", by_name("The number of runs by state."))
        .with(
            "unfinished",
            by_name("The number of runs by rule that had not ended when the copy was made."),
        )
}

fn by_name(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "additionalProperties": {"type": "integer", "minimum": 0},
    })
}
