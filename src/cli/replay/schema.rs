//! The JSON Schema of the lines that `replay` and `runs replay --all` print with `--format json`.

use serde_json::{Value, json};

/// The JSON Schema of one line.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of `flowtrigger replay --format json`",
        "oneOf": [summary(), run(), left_out(), rejected(), result()],
    })
}

fn object(kind: &str, description: &str, properties: Value) -> Value {
    let mut all = json!({
        "kind": {"const": kind},
        "replay": text("The id of the replay; `--resume` takes it."),
    });
    if let (Some(all), Value::Object(properties)) = (all.as_object_mut(), properties) {
        all.extend(properties);
    }
    let required: Vec<&String> = all
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .collect();
    json!({
        "title": description,
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": all,
    })
}

fn summary() -> Value {
    let names = |description: &str| json!({"type": "object", "additionalProperties": {"type": "integer"}, "description": description});
    let rule = json!({
        "type": "object",
        "required": ["rule", "mode", "runs", "has_gates", "earlier"],
        "properties": {
            "rule": text("The rule."),
            "mode": text("`live`, or `shadow`: recorded and not executed."),
            "runs": count("Runs that would start."),
            "has_gates": {"type": "boolean", "description": "Whether the rule has gates, which a replay does not apply."},
            "earlier": names("The runs by the state of the earlier run; `none`: there is none."),
        },
    });
    let left_out = json!({
        "type": "object",
        "required": ["reason", "count", "rules", "first_events"],
        "properties": {
            "reason": {"enum": ["done", "started", "no_match", "disabled", "unfinished", "other_state", "runs_deleted", "redacted", "event_deleted", "unreadable", "reports_on_dead_run"]},
            "count": count("Events, or runs if rules are named."),
            "rules": names("The runs by rule."),
            "first_events": {"type": "array", "items": {"type": "string"}, "description": "Ids of the first events."},
        },
    });
    let first = json!({
        "type": "object",
        "required": ["event", "event_type", "key", "rule", "plan", "redacted_later"],
        "properties": {
            "event": text("The id of the event."),
            "event_type": text("Its type."),
            "key": maybe("string", "What it is about, usually the ticket."),
            "rule": text("The rule."),
            "plan": {"type": "array", "description": "What would be sent, as in `dry-run --format json`."},
            "redacted_later": {"type": "array", "items": {"type": "string"}, "description": "The fields that `redact` removes from the event when its runs have ended."},
        },
    });
    object(
        "summary",
        "What the replay would do",
        json!({
            "version": version(),
            "continued": {"type": "boolean", "description": "Whether an interrupted replay continues."},
            "selection": {"type": "object", "description": "Which events: the options with their times, or the number of selected runs."},
            "events": count("Events that are left to read."),
            "first_received": maybe("string", "When the first one was received."),
            "last_received": maybe("string", "When the last one was received."),
            "event_types": names("Events by type."),
            "other_event_types": count("Events of further types."),
            "unknown_entries": names("Events by the entry that received them, if it is no longer configured."),
            "runs": count("Runs that would start."),
            "rules": {"type": "array", "items": rule},
            "earlier": names("The runs by the state of the earlier run of the same event and rule."),
            "left_out": {"type": "array", "items": left_out},
            "gates": {"const": "not_applied"},
            "executed_by": {"enum": ["daemon", "next_daemon"]},
            "rate": text("Runs in a time; a replay without a daemon has no rate."),
            "first": {"type": "array", "items": first},
        }),
    )
}

fn run() -> Value {
    object(
        "run",
        "A run of the replay",
        json!({
            "id": count("The run."),
            "rule": text("Its rule."),
            "state": text("Its state."),
            "event": maybe("string", "The id of its event."),
            "of": maybe("integer", "The run that was selected, for `runs replay`."),
            "repeated": {"type": "boolean", "description": "Whether the replay had started it before an interruption."},
        }),
    )
}

fn left_out() -> Value {
    object(
        "left_out",
        "A run of another command, in place of one of the replay: it was started or continued meanwhile",
        json!({
            "id": count("The run."),
            "rule": text("Its rule."),
            "state": text("Its state."),
            "event": maybe("string", "The id of its event."),
            "of": maybe("integer", "The run that was selected, for `runs replay`."),
        }),
    )
}

fn rejected() -> Value {
    object(
        "rejected",
        "An event that was not replayed",
        json!({
            "event": maybe("string", "The id of the event."),
            "of": maybe("integer", "The run that was selected, for `runs replay`."),
            "error": text("The reason."),
        }),
    )
}

fn result() -> Value {
    object(
        "result",
        "The end of the replay",
        json!({
            "version": version(),
            "outcome": {"enum": ["complete", "stopped", "declined", "nothing"]},
            "events": count("Events that were read."),
            "runs": count("Runs that were started."),
            "repeated": count("Runs that the replay had started before an interruption."),
            "left_out": count("Runs that were left out because another command had started or continued one meanwhile."),
            "rejected": count("Events that were rejected."),
        }),
    )
}

fn version() -> Value {
    json!({"const": 1, "description": "The version of this shape."})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn maybe(kind: &str, description: &str) -> Value {
    json!({"type": [kind, "null"], "description": description})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}
