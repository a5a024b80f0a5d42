//! The schema of `status --format json`.

use serde_json::{Value, json};

use super::{
    Keys, any, count, document, flag, list, maybe_count, maybe_text, part, part_or_null, parts,
    text, time, words,
};

pub fn schema() -> Value {
    let answer = Keys::of_document()
        .with("ready", flag("Whether a daemon accepts events: that of the data folder, or if none runs there, another one of the store."))
        .with("store", part("store"))
        .with("store_error", maybe_text("Why the store cannot be read; null if it can."))
        .with("daemon", part_or_null("daemon"))
        .with("daemon_error", maybe_text("Why the daemon of the data folder did not answer; null if it did, or if none runs there."))
        .with("runs", runs_or_null())
        .with("daemons", list(part("member"), "The daemons that share a database, by id; none if the store is a folder."))
        .with("revisions_differ", flag("Whether the daemons differ in their rules or configuration."))
        .object("What `status` found.");
    let store = Keys::new()
        .with(
            "kind",
            words("Where events and runs are kept.", &["folder", "postgres"]),
        )
        .with(
            "place",
            text("The file, or the URL of the database without its password."),
        )
        .object("The store.");
    let parts = json!({
        "answer": answer,
        "store": store,
        "daemon": daemon(),
        "member": member(),
        "diagnostic": parts::diagnostic(),
    });
    document(
        "The output of `flowtrigger status --format json`",
        &["answer"],
        parts,
    )
}

fn runs() -> Value {
    json!({
        "type": "object",
        "description": "The number of runs by state.",
        "additionalProperties": {"type": "integer", "minimum": 0},
    })
}

fn runs_or_null() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "The number of runs by state; null if the store cannot be read.",
        "additionalProperties": {"type": "integer", "minimum": 0},
    })
}

fn daemon() -> Value {
    let failed = Keys::new()
        .with("at", time("When it was loaded."))
        .with("reason", text("Why it is not in force."))
        .with(
            "diagnostics",
            list(
                part("diagnostic"),
                "The mistakes in rules and configuration.",
            ),
        )
        .object("The last reload, if it failed.");
    let pushed = Keys::new()
        .with("digest", text("The digest of their texts."))
        .with("at", time("When they were pushed."))
        .object("The pushed rules in force.");
    Keys::new()
        .with("version", text("The version of the program."))
        .with("pid", count("Its process."))
        .with("since", time("When it started."))
        .with("ready", flag("Whether it accepts events."))
        .may_have("reason", text("Why it accepts none."))
        .may_have("address", text("Where it receives events."))
        .with(
            "store",
            words("Where it keeps events and runs.", &["folder", "postgres"]),
        )
        .with("rules", count("Its rules."))
        .may_have("pushed", pushed)
        .with("revision", count("The revision in force."))
        .with("loaded", time("When it was loaded."))
        .may_have("failed_reload", failed)
        .may_have(
            "store_error",
            text("Why the store does not answer. Its runs are not known then."),
        )
        .with("runs", runs())
        .with(
            "places",
            count("Runs that it executes at the same time, at most."),
        )
        .may_have(
            "oldest_queued_seconds",
            count("How long the oldest queued run has waited."),
        )
        .with("disk_bytes", count("The size of the database."))
        .with(
            "lost_events",
            count("Unmatched events that it could not store since its start."),
        )
        .with(
            "lost_exchanges",
            count("Exchanges that it could not store since its start."),
        )
        .object("The daemon of the data folder.")
}

fn member() -> Value {
    Keys::new()
        .with("id", count("Its id, which no other daemon gets."))
        .with("host", text("The name of its machine."))
        .with("process", count("Its process there."))
        .with("address", maybe_text("Where it receives events."))
        .with("version", text("The version of the program."))
        .with("since", time("When it joined."))
        .with("last_beat", time("When it renewed its lease last."))
        .with(
            "revision",
            maybe_count("The revision that it evaluates events with."),
        )
        .with("digest", maybe_text("The digest of that revision."))
        .with(
            "differs",
            any("Whether it uses other rules or another configuration than most: true or false."),
        )
        .with(
            "reload_failed",
            any("Whether its last reload failed, so that its previous rules stay in use: true or false."),
        )
        .with("running", count("Runs that it executes now."))
        .object("A daemon that shares the database.")
}
