//! The schema of `schedule --format json`.

use serde_json::{Value, json};

use super::{Keys, document, flag, list, maybe_text, maybe_time, text, time};

pub fn schema() -> Value {
    let change = Keys::new()
        .with("at", time("When it opens or closes."))
        .with("local", text("The same in its zone."))
        .with("open", flag("Whether it opens; otherwise it closes."))
        .with("reason", maybe_text(REASON))
        .object("A change.");
    let answer = Keys::of_document()
        .and(state_keys())
        .with("at", time("The time that was asked for."))
        .with(
            "changes",
            list(change, "The next changes, as many as were asked for."),
        )
        .object("The state of a schedule.");
    document(
        "A line of `flowtrigger schedule --format json`",
        &["answer", "ticks"],
        json!({ "answer": answer, "ticks": ticks() }),
    )
}

/// The next ticks of a rule.
fn ticks() -> Value {
    let tick = Keys::new()
        .with("at", time("The time of the tick."))
        .with("local", text("The same in the zone of the rule."))
        .with(
            "suppressed",
            flag("Whether the gate `during` of the rule suppresses it."),
        )
        .object("A tick.");
    Keys::of_document()
        .with("rule", text("The name of the rule."))
        .with("mode", text("The mode of the rule."))
        .with("cron", text("Its cron expression."))
        .with("zone", text("Its time zone."))
        .with(
            "missed",
            text("What becomes of missed ticks: `last`, `none` or `all`."),
        )
        .with("at", time("The time that was asked for."))
        .with(
            "ticks",
            list(tick, "The next ticks, as many as were asked for."),
        )
        .object("The next ticks of a rule with `every`, with `--ticks`.")
}

const REASON: &str =
    "The title of the day if it is a special one: that of a calendar, `holiday` or `exception`.";

/// The state of a schedule at a time.
pub fn state() -> Value {
    state_keys().object("The schedule at the time that was found.")
}

/// The state of a schedule when it was asked for.
pub fn now() -> Value {
    state_keys().object("The schedule as it is now.")
}

fn state_keys() -> Keys {
    Keys::new()
        .with("schedule", text("The name of the schedule."))
        .with("open", flag("Whether it is open."))
        .with("local", text("The time in its zone."))
        .with("zone", text("Its time zone."))
        .with("reason", maybe_text(REASON))
        .with(
            "next_change",
            maybe_time("When it opens or closes next; null if never."),
        )
        .with("next_change_local", maybe_text("The same in its zone."))
}
