//! The schemas of the lines of `why --format json`: an event, a rule, or neither.

use serde_json::{Value, json};

use super::runs::{recorded, successor};
use super::schedule;
use super::{
    Keys, any, count, document, exchange, flag, list, maybe_count, maybe_text, maybe_time, part,
    part_or_null, parts, text, time,
};

pub fn schema() -> Value {
    let mut parts = parts::shared();
    parts["log_entry"] = parts::log_entry().object("An entry of the run's log.");
    parts["exchange"] = exchange::exchange();
    parts["request"] = parts::request();
    parts["rejected"] = rejected();
    parts["delivery"] = Keys::new()
        .with("request", part("request"))
        .with(
            "only_counted",
            flag("Whether the request was only counted, with this one."),
        )
        .with(
            "index",
            maybe_count("The position of the event in its array."),
        )
        .object("The request that had the event.");
    parts["repeats"] = Keys::new()
        .with(
            "count",
            count("How often the same id was received without a run."),
        )
        .with("first", time("When first."))
        .with("last", time("When last."))
        .with(
            "with_another_body",
            count("How many of them had another body."),
        )
        .object("Other deliveries of an event that no rule matched.");
    parts["run_of_chain"] = parts::run().object("A run of a chain.");
    parts["run"] = parts::run()
        .with(
            "chain",
            list(
                part("run_of_chain"),
                "The runs that led to it, if the loop guard stopped it.",
            ),
        )
        .with("replayed_as", part_or_null("successor"))
        .object("A run that the event led to.");
    parts["successor"] = successor();
    parts["rule"] = parts::rule()
        .with("recorded", recorded())
        .with("runs", list(part("run"), "Its runs for the event."))
        .object("A rule that listened to the event.");
    parts["revision"] = Keys::new()
        .with("id", count("The revision."))
        .with(
            "since",
            maybe_time("When these texts came into force first; null if they were deleted."),
        )
        .with(
            "loaded",
            maybe_time("The last start or reload before the event."),
        )
        .object("The rules of that time.");
    parts["event_answer"] = event_answer();
    parts["nothing"] = nothing();
    parts["rule_answer"] = rule_answer();
    parts["suspended"] = parts::suspended();
    parts["shadow_comparison"] = shadow_comparison();
    parts["last_match"] = parts::run()
        .with("log", list(part("log_entry"), "Its log."))
        .object("The newest run of the rule that is no report on a dead one.");
    parts["rule_events"] = rule_events();
    parts["rule_near_miss"] = rule_near_miss();
    document(
        "A line of `flowtrigger why --format json`",
        &["event_answer", "nothing", "rule_answer"],
        parts,
    )
}

fn archive_behind() -> Value {
    maybe_text("Why events of the last seconds may be missing; null if none are.")
}

fn continued() -> Value {
    Keys::new()
        .with("run", count("The run."))
        .with("step", text("The path of the step that waited."))
        .object("A run that the event continued.")
}

fn awaited_by() -> Value {
    let verdict = json!({
        "enum": ["no match", "too early", "too late", "decided before"],
        "description": "Why the event does not decide the step.",
    });
    Keys::new()
        .with("run", count("The run."))
        .with("step", text("The path of the step that waits."))
        .with("verdict", verdict)
        .with(
            "failed",
            list(text("A predicate."), "The predicates that did not hold."),
        )
        .object("A run that waits for such an event.")
}

fn event_answer() -> Value {
    Keys::of_document()
        .with("event", part("event"))
        .with("received", time("When it was received."))
        .with("redelivered", count("How often it was redelivered."))
        .with("redelivered_with_another_body", count("How often the same id came with another body."))
        .with("last_came", maybe_time("When it was redelivered last."))
        .with("continued", list(continued(), "Runs that waited for the event and that it continued."))
        .with("awaited_by", list(awaited_by(), "Runs that wait for such an event, and that it did not continue."))
        .with("unmatched_repeats", part_or_null("repeats"))
        .with("delivery", part_or_null("delivery"))
        .with("rejected", part_or_null("rejected"))
        .with("revision", part("revision"))
        .with("matched", list(text("A rule's name."), "The rules that match."))
        .with("rules", list(part("rule"), "The rules that listened, or those of `--rule`."))
        .with("other_runs", list(part("run"), "Runs of rules that did not listen then: replays with later rules."))
        .with("found", count("How many events were found."))
        .with("summary", maybe_text("Why nothing happened; null if something did."))
        .with("warnings", list(text("A warning."), "What is unusual about the event."))
        .with("redacted", list(text("A path."), "The fields that were redacted."))
        .with("seconds_from_asked_time", json!({"type": ["integer", "null"], "description": "The distance to `--at`; negative for an event before it."}))
        .with("archive_behind", archive_behind())
        .with("also_rule", flag("Whether the text that was asked about is also the name of a rule."))
        .object("What happened to an event.")
}

fn nothing() -> Value {
    let period = json!({
        "description": "The first and the last; null if there is none.",
        "oneOf": [
            {"type": "array", "items": {"type": "string", "format": "date-time"}, "minItems": 2, "maxItems": 2},
            {"type": "null"},
        ],
    });
    let entry = Keys::new()
        .with("asked", text("Its name as it was given."))
        .with("known", json!({"type": ["boolean", "null"], "description": "Whether `sources` has it; null if no configuration is stored."}))
        .with("nearest", maybe_text("A similar name, if it is not known."))
        .with("stored_at", list(text("An entry."), "The entries that received events with the id or the ticket."))
        .object("The entry of `--endpoint`.");
    let kept = Keys::new()
        .with("events", count("How many events are stored."))
        .with("matched", period.clone())
        .with("unmatched", period)
        .object("Which events are stored.");
    Keys::of_document()
        .with("event", json!({"type": "null"}))
        .with("asked", text("What was asked about."))
        .with("endpoint", json!({"oneOf": [entry, {"type": "null"}]}))
        .with(
            "nearest",
            list(
                text("An id or a ticket."),
                "Similar names of stored events.",
            ),
        )
        .with(
            "nearest_rules",
            list(text("A rule's name."), "Similar names of rules."),
        )
        .with("kept", kept)
        .with("rejected", part("rejected"))
        .with("archive_behind", archive_behind())
        .object("No event, ticket or rule of this name is stored.")
}

fn rejected() -> Value {
    Keys::new()
        .with("count", count("How many there are, with those that were only counted."))
        .with("omitted", count("How many of them were only counted."))
        .with("perhaps_outside", count("How many of those may have been received more than an hour from the time that was asked for."))
        .with("oldest", maybe_time("The oldest."))
        .with(
            "newest",
            list(
                part("request"),
                "The newest, or the nearest to the time that was asked for.",
            ),
        )
        .object("Rejected requests: one of them may have held the event.")
}

fn rule_answer() -> Value {
    let rule = Keys::new()
        .with("name", text("Its name."))
        .with("loaded", flag("Whether it is in the rules that were loaded last."))
        .with("mode", json!({"enum": ["live", "shadow", "disabled", null], "description": "Whether it acts; null if it is not loaded."}))
        .with("at", maybe_text("Its place; null if it is not loaded."))
        .with("source", maybe_text("Its `event_source`; null if it is not loaded."))
        .with("types", list(text("A type or a family."), "The event types that it listens to."))
        .object("The rule.");
    let revision = Keys::new()
        .with("id", count("The revision."))
        .with("loaded", time("The last start or reload."))
        .object("The rules that were loaded last.");
    let by_state = |description: &str| json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": description});
    let runs = Keys::new()
        .with("last_day", by_state("Runs of the last 24 hours, by state."))
        .with("last_week", by_state("Runs of the last 7 days, by state."))
        .object("How many runs it had.");
    Keys::of_document()
        .with("rule", rule)
        .with("revision", json!({"oneOf": [revision, {"type": "null"}]}))
        .with(
            "schedules",
            list(
                schedule::now(),
                "The schedules that the rule uses, as they are now.",
            ),
        )
        .with(
            "next_tick",
            maybe_time("The next tick of a rule with `every`."),
        )
        .with(
            "suspended",
            list(
                part("suspended"),
                "What is paused or down of the rule itself, its connections, or everything.",
            ),
        )
        .with("last_match", part_or_null("last_match"))
        .with("runs", runs)
        .with("events", part_or_null("rule_events"))
        .with(
            "near_misses",
            list(
                part("rule_near_miss"),
                "The predicates that alone kept events from matching, the most frequent first.",
            ),
        )
        .with("shadow_comparison", part_or_null("shadow_comparison"))
        .with(
            "summary",
            text("Whether it is loaded, and what its mode means."),
        )
        .with("archive_behind", archive_behind())
        .object("What is known of a rule.")
}

/// How a rule compares with its shadow version.
fn shadow_comparison() -> Value {
    let only = |description: &str| {
        let example = Keys::new()
            .with("run", count("The run."))
            .with("event", text("The id of its event."))
            .with("planned", time("When it was planned."))
            .object("A run that only one of the two starts.");
        Keys::new()
            .with("count", count("How many events, at most 10,000."))
            .with("examples", list(example, "The newest of their runs."))
            .object(description)
    };
    Keys::new()
        .with("rule", text("The rule that acts."))
        .with("shadow", text("Its shadow version."))
        .with("since", time("7 days before the question."))
        .with(
            "same",
            count("Events for which both start a run, at most 10,000."),
        )
        .with(
            "only_rule",
            only("Events for which only the rule starts a run."),
        )
        .with(
            "only_shadow",
            only("Events for which only the shadow version would start a run."),
        )
        .object("How a rule compares with its shadow version.")
}

fn rule_events() -> Value {
    Keys::new()
        .with("since", time("24 hours before the question."))
        .with("searched_back_to", maybe_time("The oldest of the events that were looked through; null if all since `since` were."))
        .with("listened", count("Events of its types among them."))
        .with("judged", count("How many of those were judged by the rule as it is loaded now: the newest."))
        .with("matched", count("How many of the judged ones match."))
        .with("missed_by_one", count("How many one predicate alone kept from matching."))
        .with("redacted", count("How many could not be judged because fields were redacted."))
        .object("The newest events of its types.")
}

fn rule_near_miss() -> Value {
    let example = Keys::new()
        .with("event", part("event"))
        .with("received", time("When it was received."))
        .object("The newest of them.");
    let value = Keys::new()
        .with("got", any("The value; null if there was none."))
        .with("events", maybe_count("How many events had it."))
        .object("A value at the path.");
    Keys::new()
        .with("predicate", part("predicate"))
        .with("events", count("How many events it kept from matching."))
        .with("example", example)
        .with("values", list(value, "The most frequent values."))
        .object("Events that one predicate alone kept from matching.")
}
