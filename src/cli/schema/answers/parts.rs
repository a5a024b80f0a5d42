//! The parts that several documents have: events, rules with their predicates and gates, runs, diagnostics.

use serde_json::{Value, json};

use super::{
    Keys, any, count, flag, list, maybe_count, maybe_number, maybe_text, maybe_time, number, part,
    part_or_null, schedule, text, time, words,
};
use flowtrigger_core::run::STATES;

/// The header of an event.
pub fn event() -> Value {
    Keys::new()
        .with("source", text("`event_source` in rules."))
        .with(
            "endpoint",
            text("The entry under `sources` that received it."),
        )
        .with("type", text("The event type."))
        .with("id", text("The event's id."))
        .with("key", maybe_text("What it is about: the ticket."))
        .with(
            "time",
            maybe_time("The time of the event, as its sender says."),
        )
        .may_have(
            "time_zone",
            text("The zone of the source's times without a zone."),
        )
        .object("The header of an event.")
}

/// One predicate of a condition with its value.
pub fn predicate() -> Value {
    Keys::new()
        .with("group", text("Its group in the condition: `all`, `any[1].none[0]`."))
        .with("path", text("The path that it reads."))
        .with("operator", text("The operator."))
        .with("polarity", words("`negated` under `not` or `none`.", &["positive", "negated"]))
        .with(
            "want",
            any("The operand as a rule writes it: one value, or a list of several. `{ path, value }` is another field with its value, without `value` if it has none; `{ all }`, `{ any }` or a comparison is the condition of `any_of`."),
        )
        .with("ignore_case", flag("Whether upper and lower case letters are equal."))
        .with("text", text("The operand as people read it."))
        .with("got", any("The value at the path; null if there is none."))
        .with("verdict", words("The result, with the polarity applied.", &["match", "no match", "missing", "wrong type"]))
        .with("at", text("Its place in the rule: `file:line:column`."))
        .with("hint", maybe_text("Why it failed, if the value alone does not show it."))
        .may_have("schedule", schedule::state())
        .object("One predicate of a condition.")
}

pub fn near_miss() -> Value {
    Keys::new()
        .with("path", text("The path to change."))
        .with(
            "set",
            any("A value with which the rule matches, for `--set`; null if none is known."),
        )
        .with("words", text("What must hold at the path."))
        .with("at", text("The place of the predicate."))
        .object("A single change to the event with which the rule matches.")
}

pub fn gate() -> Value {
    Keys::new()
        .with("gate", text("`loop_guard`, or the key of the gate."))
        .with("per", maybe_text("The path whose value it counts for; `event.key` of the loop guard."))
        .with("value", maybe_text("The value at `per` for which it counts; null if it counts all events of the rule together."))
        .with(
            "state",
            words(
                "`closed` if it stopped the run. The others are said by `dry-run` only.",
                &["open", "closed", "gathers", "never suppresses", "not consulted"],
            ),
        )
        .with("until", maybe_time("Until when the run counts at it; of a closed one when it opens again. Of `during`: when its schedule opens or closes next, after the time of the event."))
        .with("counts", json!({"type": ["boolean", "null"], "description": "Whether the run still counts at it; null if that is not known."}))
        .with("text", text("The gate as people read it."))
        .may_have("closed_by", maybe_count("The earlier run for which a `dedupe` is closed, the run that has the event of a `debounce`, or the run of the window of a `count`."))
        .may_have("window", number("Its time window in seconds."))
        .may_have("during", text("The schedule whose hours count in the window, or `not SCHEDULE`; of `during` the schedule that judges the event."))
        .may_have("at_most_during", text("The schedule whose hours count for `at_most`."))
        .may_have("limit", maybe_count("How many runs it lets through in the window; of a `count` the events that it needs, of a `sequence` its steps."))
        .may_have("distinct", maybe_text("The path of a `count` whose values count once."))
        .may_have("steps", list(text("The event types of a step."), "The steps of a `sequence`."))
        .may_have("have", count("How many events a `count` that is closed has, or steps a `sequence`."))
        .may_have("need", count("How many it needs."))
        .may_have("oldest_leaves", maybe_time("When the oldest event of a `count` no longer counts, or the next step of a `sequence` must have come."))
        .may_have("keep", text("Which events a `debounce` keeps."))
        .may_have("at_most", maybe_number("The longest time that a `debounce` collects, in seconds."))
        .may_have("why", text("Why it is closed, or what it collects."))
        .may_have("actor", maybe_text("Who caused the event, if it says so."))
        .may_have("ours", json!({"type": ["boolean", "null"], "description": "Whether the actor is one of our connections; null if that is not known."}))
        .may_have("depth", maybe_count("How many of our own actions led to the event."))
        .may_have("depth_limit", maybe_count("The depth from which the loop guard stops."))
        .may_have("caused_by", maybe_count("The run that caused the event."))
        .object("A gate of a rule, and what it decided.")
}

/// What every rule of an answer has.
pub fn rule() -> Keys {
    Keys::new()
        .with("name", text("Its name."))
        .with("verdict", words("The result of its condition.", &["match", "no match", "missing"]))
        .with("mode", mode())
        .with("at", text("Its place: `file:line:column`."))
        .with("predicates", list(part("predicate"), "Every predicate, in the order of the rule."))
        .with("near_misses", list(part("near_miss"), "Single changes with which it matches; empty if it matches."))
        .with("gates", list(part("gate"), "Its gates, in the order in which they are checked. Those after a closed one were not checked."))
}

pub fn mode() -> Value {
    words("Whether it acts.", &["live", "shadow", "disabled"])
}

/// A run in one line.
pub fn run() -> Keys {
    Keys::new()
        .with("id", count("The run's id."))
        .with("rule", text("Its rule."))
        .with("state", words("Its state.", &STATES))
        .with("why", maybe_text("Why it is in this state."))
        .with("gate", maybe_text("The gate that stopped it."))
        .with(
            "event",
            Keys::new()
                .with("source", text("`event_source` in rules."))
                .with(
                    "endpoint",
                    text("The entry under `sources` that received it."),
                )
                .with("type", text("The event type."))
                .with("id", text("The event's id."))
                .with("key", maybe_text("What it is about: the ticket."))
                .object("Its event."),
        )
        .with("planned", time("When it was planned."))
        .with("changed", time("When its state changed last."))
        .with("due", maybe_time("When it continues."))
        .with("attempts", count("How many attempts it made."))
        .with(
            "error",
            maybe_text("The message of the last failed attempt."),
        )
        .with(
            "reports_on",
            maybe_count("The run that it reports on: a dead one, the first of several, or the one that noticed an outage."),
        )
        .with(
            "reports_count",
            maybe_count("How many dead runs it reports, or how often runs began to wait for the receiver."),
        )
        .with("reports_receiver", maybe_text("The receiver that it reports on."))
        .with("reported_by", maybe_count("The run that reports that it is dead."))
        .with("reported_with", maybe_count("How many others that run reports."))
        .with("replay", maybe_text("The replay that planned it."))
        .with("depth", count("How many of our own actions led to it."))
        .with("caused_by", maybe_count("The run that caused its event."))
        .with("counterpart", counterpart())
}

/// The rule that the rule of a run is compared with.
fn counterpart() -> Value {
    let mut rule = Keys::new()
        .with("rule", text("Its name."))
        .with("matched", flag("Whether it matched the event too."))
        .with(
            "suppressed_by",
            maybe_text("The gate that suppressed its run, if this one passed its gates."),
        )
        .may_have("run", count("Its run for the event."))
        .may_have("state", words("The state of that run.", &STATES))
        .object("Of a rule with a shadow version: that one. Of a shadow version: the rule.");
    rule["type"] = json!(["object", "null"]);
    rule
}

/// One entry of a run's log.
pub fn log_entry() -> Keys {
    let outcomes = [
        "succeeded",
        "failed",
        "interrupted",
        "started",
        "retried",
        "waits",
        "arrived",
        "answered",
        "expired",
        "caught",
    ];
    Keys::new()
        .with("at", time("When."))
        .with("outcome", words("What happened.", &outcomes))
        .may_have("step", text("The step's path in the flow."))
        .may_have(
            "attempt",
            count("The number of the attempt, from 1; it starts again after `runs retry`."),
        )
        .may_have(
            "number",
            count("The number for `runs show --attempt`, of attempts with an exchange."),
        )
        .may_have("seconds", number("How long the attempt took."))
        .may_have("status", any("The status of the reply; null without one."))
        .may_have("error", any("Why it failed; null if it did not."))
        .may_have(
            "during_outage",
            flag("The receiver was down, so that the attempt is not counted."),
        )
        .may_have("until", time("When a waiting step continues."))
        .may_have("awaited", count("Which awaited event came, from 1."))
        .may_have("event", any("The event that came, as later steps read it."))
        .may_have("answer", text("The answer that was given."))
        .may_have("by", any("What is known of who answered."))
        .may_have("exchange", part_or_null("exchange"))
}

pub fn diagnostic() -> Value {
    Keys::new()
        .with("code", text("The kind of the problem."))
        .with(
            "severity",
            words("Errors prevent loading.", &["error", "warning"]),
        )
        .with("file", text("The file."))
        .with("line", count("The line, from 1."))
        .with("column", count("The column, from 1."))
        .with("message", text("What is wrong."))
        .with("help", maybe_text("What to write."))
        .object("One problem with its place.")
}

/// An event that proves a statement.
pub fn example() -> Value {
    let value = Keys::new()
        .with("path", text("The field."))
        .may_have("value", any("Its value."))
        .may_have(
            "absent",
            flag("`true` if the event does not have the field."),
        )
        .object("One field of the event that the rules read.");
    Keys::new()
        .with("source", text("`event_source` in rules."))
        .with("type", text("The event type."))
        .with("values", list(value, "The fields that the rules read."))
        .with("payload", any("A payload that decodes to the event; null if no documented format has such an event."))
        .object("An event that proves it; the evaluation confirmed it.")
}

/// What `check --prove` found.
pub fn proofs() -> Value {
    let place = || {
        Keys::new()
            .with("file", text("The file."))
            .with("line", count("The line, from 1."))
            .with("column", count("The column, from 1."))
            .object("A place.")
    };
    let finding = Keys::new()
        .with(
            "code",
            text("The kind of the finding, as in `diagnostics`."),
        )
        .with("rule", text("The rule."))
        .with(
            "others",
            list(text("A rule."), "The other rules that it is about."),
        )
        .with("at", place())
        .with("related", list(place(), "The other places that prove it."))
        .with("message", text("What was found."))
        .with("help", text("What to write."))
        .with("events", list(part("example"), "Events that prove it."))
        .object("A proven statement.");
    let undecided = Keys::new()
        .with("rule", text("The rule."))
        .with("question", text("What is not decided."))
        .with("why", text("Why."))
        .object("A rule about which not everything is decided.");
    Keys::new()
        .with("rules", count("Rules that were analysed."))
        .with("findings", list(finding, "The findings, by file and line."))
        .with("undecided", list(undecided, "What is not decided."))
        .with(
            "not_compared",
            count("Pairs of rules that were too many to compare."),
        )
        .object("What `--prove` found.")
}

/// A request, as `deliveries` prints it.
pub fn request() -> Value {
    let mut schema = crate::report::deliveries::json::request_schema();
    schema["title"] = "A request of a sender.".into();
    schema
}

/// The parts that a rule refers to, with the header of an event.
pub fn shared() -> Value {
    json!({
        "event": event(),
        "predicate": predicate(),
        "near_miss": near_miss(),
        "gate": gate(),
    })
}

/// What is paused or down.
pub fn suspended() -> Value {
    let pause = Keys::new()
        .with("since", time("When it was paused."))
        .with("by", text("Who paused it, and from where."))
        .with("note", text("Why; empty if nothing was said."))
        .object("The pause; null if nobody paused it.");
    let outage = Keys::new()
        .with("since", time("The first of the failures in a row."))
        .with(
            "failures",
            count("The failures in a row, with those of probes."),
        )
        .with("error", text("The last failure."))
        .with(
            "next_probe",
            time("When it is tested again at the earliest."),
        )
        .with(
            "probing_run",
            maybe_count("The run that tests it now; null if none does."),
        )
        .object("The outage; null if the receiver is not down.");
    let or_null = |schema: Value| json!({"oneOf": [schema, {"type": "null"}]});
    Keys::new()
        .with(
            "kind",
            words(
                "What kind it is.",
                &["everything", "rule", "connection", "host"],
            ),
        )
        .with("name", text("Its name; empty for everything."))
        .with("pause", or_null(pause))
        .with("outage", or_null(outage))
        .with(
            "releasing_since",
            maybe_time("Since when the runs that waited continue; null if they do not."),
        )
        .with("waiting", count("The runs that wait for it."))
        .with(
            "waiting_since",
            maybe_time("Since when the one waits that has waited longest."),
        )
        .object("What is paused, or a receiver that is down.")
}
