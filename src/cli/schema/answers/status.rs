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
        .with("last_revision", part_or_null("last_revision"))
        .with("runs", runs_or_null())
        .with("suspended", list(part("suspended"), "What is paused or down, with the runs that wait, as the store has it."))
        .with("queue", part_or_null("queue"))
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
        .with(
            "bytes",
            maybe_count("The size of the file; null if there is none."),
        )
        .with(
            "free_bytes",
            maybe_count("The space that is left on its disk; null if it is not known here."),
        )
        .with(
            "damaged",
            list(
                text("The file."),
                "Databases that were damaged and set aside; after each, the store began empty.",
            ),
        )
        .object("The store.");
    let parts = json!({
        "answer": answer,
        "store": store,
        "last_revision": last_revision(),
        "queue": queue(),
        "permits": permits(),
        "daemon": daemon(),
        "member": member(),
        "suspended": parts::suspended(),
        "diagnostic": parts::diagnostic(),
    });
    document(
        "The output of `flowtrigger status --format json`",
        &["answer"],
        parts,
    )
}

fn last_revision() -> Value {
    Keys::new()
        .with("revision", count("Its number."))
        .with("loaded", time("When a daemon loaded it."))
        .object("The rules and the configuration that a daemon loaded last; null if none ever did, or if the store cannot be read.")
}

fn queue() -> Value {
    let rule = Keys::new()
        .with("rule", text("Its name."))
        .with("unfinished", count("Its unfinished runs."))
        .with("runs", runs())
        .object("The unfinished runs of a rule.");
    Keys::new()
        .with(
            "rules",
            list(
                rule,
                "The rules with the most unfinished runs first, ten at most.",
            ),
        )
        .with(
            "more_rules",
            count("How many other rules have unfinished runs."),
        )
        .object("What waits or executes; null if the store cannot be read.")
}

fn permits() -> Value {
    Keys::new()
        .with("rule", text("The name of the rule."))
        .with("permits", count("How many its runs hold."))
        .with(
            "oldest_seconds",
            count("How long the oldest of them has been held."),
        )
        .object("The permits for runs that one rule holds.")
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

fn certificate() -> Value {
    Keys::new()
        .with(
            "listener",
            words("Whose certificate it is.", &["events", "page"]),
        )
        .with("certificate", text("Its file."))
        .may_have(
            "expires",
            time("The end of its validity, if it can be read."),
        )
        .may_have(
            "valid_from",
            time("The begin of its validity, if it can be read."),
        )
        .with("loaded", time("When it was loaded."))
        .may_have(
            "problem",
            text("Why the files on disk are not in use; the previous ones are."),
        )
        .object("The certificate of a listener.")
}

fn daemon() -> Value {
    let failed = Keys::new()
        .with("at", time("When it was tried."))
        .with(
            "since",
            time("When the first of the reloads was that failed since the last success."),
        )
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
        .with("uptime_seconds", count("How long ago that was."))
        .with("ready", flag("Whether it accepts events."))
        .may_have("reason", text("Why it accepts none."))
        .may_have("address", text("Where it receives events."))
        .with(
            "store",
            words("Where it keeps events and runs.", &["folder", "postgres"]),
        )
        .with("rules", count("Its rules."))
        .with(
            "mode",
            words(
                "The highest mode of any rule.",
                &["live", "shadow", "disabled"],
            ),
        )
        .may_have("pushed", pushed)
        .with("revision", count("The revision in force."))
        .with(
            "loaded",
            time("When it was loaded: at the start, or by the last reload that succeeded."),
        )
        .with(
            "watches",
            flag("Whether changed files are loaded automatically."),
        )
        .may_have("failed_reload", failed)
        .may_have(
            "certificates",
            list(certificate(), "The certificates of its listeners."),
        )
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
        .with(
            "suspended",
            list(
                part("suspended"),
                "What is paused or down, with the runs that wait.",
            ),
        )
        .with(
            "permits",
            list(
                part("permits"),
                "The permits for runs that are in use, the rules with the most first.",
            ),
        )
        .with("disk_bytes", count("The size of the database."))
        .may_have(
            "disk_free_bytes",
            count("The space that is left on its disk."),
        )
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
