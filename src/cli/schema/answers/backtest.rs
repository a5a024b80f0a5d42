//! The schema of `backtest --format json`.

use serde_json::{Value, json};

use super::{
    Keys, any, count, document, flag, list, maybe_text, maybe_time, part, text, time, words,
};
use crate::report::backtest::outcome::GATES;

pub fn schema() -> Value {
    let answer = Keys::of_document()
        .with("since", time("The begin of the time."))
        .with("until", time("Its end, which is not part of it."))
        .with(
            "against",
            text("What the rules are compared with, such as `what ran`."),
        )
        .with(
            "changed",
            flag("Whether a rule has new or gone runs: then the exit code is 1, unless `--expect` decides it."),
        )
        .with(
            "rules",
            list(part("rule"), "Rules with runs before or after, by name."),
        )
        .with(
            "without_runs",
            count("Enabled rules that are not listed: they have no runs, before and after."),
        )
        .with(
            "new_without_runs",
            list(text("Its name."), "Those of them that the other side does not have."),
        )
        .with("coverage", part("coverage"))
        .with(
            "in_force",
            list(
                part("revision"),
                "The revisions that evaluated the events when they were received, the earliest first.",
            ),
        )
        .with(
            "gates_since",
            time("From when on gates counted: earlier than `since`, so that they know what was before."),
        )
        .with(
            "stopped",
            json!({
                "enum": ["cancelled", "limit", null],
                "description": "Why it ended before the last event; null if it did not.",
            }),
        )
        .with(
            "notes",
            list(text("A sentence."), "What a reader has to know of the numbers."),
        )
        .with(
            "unmet",
            json!({
                "type": ["array", "null"],
                "items": part("unmet"),
                "description": "The expectations of `--expect` that do not hold; null without them.",
            }),
        )
        .object("The result of a backtest.");
    document(
        "The output of `flowtrigger backtest --format json`",
        &["answer"],
        json!({
            "answer": answer,
            "rule": rule(),
            "sample": sample(),
            "difference": difference(),
            "coverage": coverage(),
            "revision": revision(),
            "unmet": unmet(),
        }),
    )
}

fn rule() -> Value {
    let samples = Keys::new()
        .with("new", list(part("sample"), "New runs, the newest first."))
        .with("gone", list(part("sample"), "Gone runs, the newest first."))
        .object("As many runs as `--samples` says.");
    Keys::new()
        .with("rule", text("The name of the rule."))
        .with("before", count("Runs that there were."))
        .with("after", count("Runs with the rules of the backtest."))
        .with("new", count("Runs that there were not before."))
        .with("gone", count("Runs that there are no more."))
        .with("same", count("Runs on both sides."))
        .with("kept_back", kept_back("Matches that gates stop, by gate."))
        .with(
            "kept_back_before",
            kept_back("Matches that gates stopped before, by gate."),
        )
        .with(
            "redacted",
            count("Events that are not evaluated: the rule reads a redacted field of them."),
        )
        .with(
            "runs_deleted",
            count("Events that are not evaluated: retention deleted their runs."),
        )
        .with("samples", samples)
        .object("The runs of a rule.")
}

fn kept_back(description: &str) -> Value {
    let gates = GATES.into_iter().chain(["gate"]);
    let gates: serde_json::Map<String, Value> = gates
        .map(|gate| (gate.to_owned(), json!({"type": "integer", "minimum": 1})))
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": gates,
        "description": description,
    })
}

fn sample() -> Value {
    let outcomes = ["no_match", "run", "shadow", "kept_back"];
    Keys::new()
        .with("received", time("When the event was received."))
        .with(
            "event",
            maybe_text("The id of the event; null for a tick that the daemon did not make."),
        )
        .with("endpoint", maybe_text("The entry that received it."))
        .with("type", maybe_text("The type of the event."))
        .with("key", maybe_text("What it is about: the ticket."))
        .with("before", words("What became of it.", &outcomes))
        .with(
            "after",
            words(
                "What becomes of it with the rules of the backtest.",
                &outcomes,
            ),
        )
        .with(
            "differences",
            list(
                part("difference"),
                "What prevents a run on one of the sides.",
            ),
        )
        .with("why", maybe_text("The command that explains the event."))
        .with(
            "test",
            maybe_text("A test of the rule that passes with the rules of the backtest, as YAML."),
        )
        .object("An event with a new or a gone run.")
}

fn difference() -> Value {
    let causes = [
        "predicate",
        "gate",
        "no_rule",
        "disabled",
        "shadow",
        "other_type",
        "no_tick",
        "unknown",
    ];
    Keys::new()
        .with(
            "side",
            words("On which side it prevents the run.", &["before", "after"]),
        )
        .with("cause", words("What prevents it.", &causes))
        .may_have("path", text("The path of a predicate that does not hold."))
        .may_have("test", text("Its operator and what it wants."))
        .may_have("got", any("The value at the path; null if there is none."))
        .may_have("verdict", text("Its verdict."))
        .may_have("location", text("Its place: `file:line:column`."))
        .may_have("gate", text("The gate."))
        .object("What prevents a run.")
}

fn coverage() -> Value {
    Keys::new()
        .with("events", count("Stored events of the time."))
        .with(
            "evaluated",
            count("Events whose outcome is known at every rule."),
        )
        .with(
            "lost",
            count(
                "Accepted events that were not archived, because too many came at the same time.",
            ),
        )
        .with(
            "lost_known_since",
            maybe_time("From when on these are counted; null if that is the whole time."),
        )
        .with(
            "redacted",
            count("Events of which a rule reads a redacted field."),
        )
        .with(
            "runs_deleted",
            count("Events that were deleted meanwhile, or whose runs were deleted."),
        )
        .with("unreadable", count("Events that this version cannot read."))
        .with(
            "kept_since",
            maybe_time("Events before it may be deleted; null if the time begins later."),
        )
        .with(
            "archive_is_off",
            flag("Whether events that match no rule are not archived."),
        )
        .object("How much was evaluated. Nothing is claimed of the rest.")
}

fn revision() -> Value {
    Keys::new()
        .with("revision", count("The number of the revision."))
        .with("events", count("Events that it evaluated."))
        .with("first", time("When the first of them was received."))
        .with("last", time("When the last of them was received."))
        .object("Rules and configuration of a time.")
}

fn unmet() -> Value {
    Keys::new()
        .with("rule", text("The name of the rule."))
        .with(
            "counted",
            words(
                "What is counted.",
                &["runs", "new", "gone", "same", "kept_back"],
            ),
        )
        .with(
            "expected",
            text("The expected number, such as `at least 3`."),
        )
        .with("found", count("The number that was found."))
        .with(
            "location",
            maybe_text(
                "Its place: `file:line:column`; null for a rule that the file does not name.",
            ),
        )
        .object("An expectation that does not hold.")
}
