//! The schemas of the lines of `runs --format json`: a run of a list, a run in full, and the result of a command.

use serde_json::{Value, json};

use super::{
    Keys, count, document, exchange, flag, list, maybe_count, maybe_text, maybe_time, part,
    part_or_null, parts, plan, text, time, words,
};
use crate::store::CommandKind;
use flowtrigger_core::run::STATES;
use flowtrigger_core::run::commander::CommandOrigin;

pub fn schema() -> Value {
    let mut parts = parts::shared();
    parts["run"] = parts::run().object("A run of a chain.");
    parts["log_entry"] = parts::log_entry().object("An entry of the run's log.");
    parts["exchange"] = exchange::exchange();
    parts["plan_step"] = plan::step();
    parts["branch"] = plan::branch();
    parts["attempt"] = Keys::of_document()
        .with("run", count("The run."))
        .and(parts::log_entry())
        .object("An attempt of `runs show --attempt`.");
    parts["diagnostic"] = parts::diagnostic();
    parts["gathered"] = gathered();
    parts["rule"] = parts::rule()
        .with("recorded", recorded())
        .object("The rule that it was planned with, evaluated again.");
    parts["invalid_rule"] = Keys::new()
        .with(
            "errors",
            list(
                part("diagnostic"),
                "What this version of the program finds.",
            ),
        )
        .object("The rule that it was planned with is invalid for this version of the program.");
    parts["successor"] = successor();
    parts["listed"] = Keys::of_document()
        .and(parts::run())
        .may_have("obstacle", obstacle())
        .may_have("replayed_as", part_or_null("successor"))
        .object("A run of `runs list`.");
    parts["call_in_progress"] = Keys::new()
        .with("step", text("The step's path in the flow."))
        .with("attempt", count("The number of the attempt, from 1."))
        .with("since", time("When it began."))
        .with("call", json!({"oneOf": [plan::call().object("What it sends."), {"type": "null"}], "description": "As in a plan; null if it depends on events that a debounce collected."}))
        .object("An attempt that has not ended.");
    parts["shown"] = shown();
    parts["changed"] = Keys::of_document()
        .with("id", count("The run; of a replay the new one."))
        .with("rule", text("Its rule."))
        .with("state", words("Its new state.", &STATES))
        .with("of", count("The run that the command was for."))
        .object("A run after `runs retry`, `replay` or `cancel`.");
    parts["rejected"] = Keys::of_document()
        .with("id", count("The run."))
        .with("error", text("Why the command was rejected."))
        .object("A run for which a command was rejected.");
    document(
        "A line of `flowtrigger runs --format json`",
        &["listed", "shown", "attempt", "changed", "rejected"],
        parts,
    )
}

/// What the data folder shows of the outcome at that time.
pub fn recorded() -> Value {
    json!({"enum": ["match", "no match", null], "description": "The outcome that the data folder shows; null if it shows none."})
}

/// The run that has replaced an earlier one.
pub fn successor() -> Value {
    Keys::new()
        .with("run", count("The newer run."))
        .with("state", words("Its state.", &STATES))
        .object("The newest run of the same event and rule.")
}

/// Why no run can continue now.
fn obstacle() -> Value {
    maybe_text("Why an unfinished run cannot continue now; null if the daemon can work.")
}

fn shown() -> Value {
    Keys::of_document()
        .and(parts::run())
        .with("obstacle", obstacle())
        .with("replayed_as", part_or_null("successor"))
        .with("plan", json!({"oneOf": [list(part("plan_step"), "What a shadow run would have sent."), {"type": "null"}]}))
        .with("event", part("event"))
        .with("received", time("When its event was received."))
        .with("redelivered", count("How often the event was redelivered."))
        .with("judged", json!({"oneOf": [part("rule"), part("invalid_rule")]}))
        .with("gates", list(part("gate"), "Its gates when it was planned."))
        .with("gathered", part_or_null("gathered"))
        .with("chain", list(part("run"), "The runs that led to it, if the loop guard stopped it."))
        .with("log", list(part("log_entry"), "Its log."))
        .with("in_progress", list(part("call_in_progress"), "The attempts in progress of a running run."))
        .with("lane", maybe_text("The value for which runs of the rule execute one at a time; null if it waits for none."))
        .with("generation", count("How often the event was replayed before it."))
        .with("blocked_by", maybe_count("The run that it waits for in its lane."))
        .with("waits", list(waiter(), "The events that it waits for or has waited for."))
        .with("questions", list(question(), "The questions that nobody has answered."))
        .with("commands", list(command(), "The commands that were given to it, the oldest first."))
        .with("crashes", count("How many ends of its daemon without shutdown count against it: with a data folder, those while only this run was running; with Postgres, all while it was running. It is held after three."))
        .with("guard", json!({"oneOf": [list(part("predicate"), "The predicates of the guard that ended it."), {"type": "null"}]}))
        .with("next", text("What happens next, and which commands are possible."))
        .object("A run of `runs show`.")
}

fn question() -> Value {
    Keys::new()
        .with("step", text("The step's path in the flow."))
        .with("question", maybe_text("What the rule asks."))
        .with("answers", list(text("An answer."), "The possible answers."))
        .with(
            "until",
            maybe_time("The end of the wait; null if the step has not begun."),
        )
        .object("A question of the run.")
}

fn command() -> Value {
    let kinds = CommandKind::OF_RUNS.map(CommandKind::as_str);
    let origins = CommandOrigin::ALL.map(CommandOrigin::as_str);
    Keys::new()
        .with(
            "command",
            json!({"enum": kinds, "description": "The command."}),
        )
        .with("at", time("When it was given."))
        .with(
            "by",
            maybe_text("The name of the user; null if it is unknown."),
        )
        .with(
            "from",
            json!({"enum": origins, "description": "Where it was given."}),
        )
        .with(
            "verified",
            flag("Whether the name is that of a signed-in user. The command line only claims it."),
        )
        .with(
            "note",
            text("Why it was given, in the words of that person; empty if nothing was said."),
        )
        .with(
            "runs",
            list(count("A run."), "The runs that it queued or changed."),
        )
        .with(
            "rejected",
            maybe_text("Why it was rejected; null if it was executed."),
        )
        .object("A command that was given to a run.")
}

fn waiter() -> Value {
    let failed = Keys::new()
        .with("path", text("The path."))
        .with("operator", text("The operator."))
        .with("want", text("The expected value."))
        .object("A predicate that the event failed.");
    Keys::new()
        .with("step", text("The step's path in the flow."))
        .with("number", count("Which of the events of the step it is, from 1."))
        .with("event_source", text("The source of the event."))
        .with("event_types", list(text("A type or a family."), "The types of the event."))
        .with("same", text("The path in the event whose value is compared."))
        .with("until", maybe_time("The end of the wait; null if the step has not begun."))
        .with("open", flag("Whether an event may still decide the step."))
        .with("decided", json!({"enum": ["arrived", "answered", "expired", null], "description": "What decided the step; null if nothing did."}))
        .with("came", count("How many events came that did not match."))
        .with("failed", list(failed, "The predicates that the last of them failed."))
        .with("late", count("How many events matched after the end of the wait."))
        .with("late_at", maybe_time("When the last of them came; null if none did."))
        .object("An event that a run waits for.")
}

fn gathered() -> Value {
    let event = Keys::new()
        .with("id", text("The event's id."))
        .with("received", time("When it was received."))
        .object("A collected event.");
    Keys::new()
        .with("run", count("The run that acts on the events."))
        .with("since", time("When the first was received."))
        .with("open", flag("Whether it still collects."))
        .with("count", count("How many there are."))
        .with("events", list(event, "Those that are still stored."))
        .object("The events that a `debounce` collected.")
}
