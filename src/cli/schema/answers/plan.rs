//! The schema of the plan of a rule: its steps with what each would send.

use serde_json::{Value, json};

use super::{Keys, any, count, flag, list, maybe_count, number, part, text, time, words};

/// A step of a plan. Which keys it has besides the first four depends on its kind.
pub fn step() -> Value {
    Keys::new()
        .with("step", text("The step's name."))
        .with("place", text("Its path in the flow."))
        .with("kind", text("Its action."))
        .with("at", text("Its place in the rule."))
        .and(call())
        .and(control())
        .object("A step of the plan.")
}

/// The keys of a call, with secrets by name.
pub fn call() -> Keys {
    let texts = |description: &str| json!({"type": "object", "additionalProperties": {"type": "string"}, "description": description});
    Keys::new()
        .may_have("method", text("The HTTP method."))
        .may_have("url", text("The URL."))
        .may_have(
            "query",
            json!({"type": "object", "description": "The parameters of the URL."}),
        )
        .may_have(
            "headers",
            texts("The headers that the rule and the connection set."),
        )
        .may_have("json", any("The body as JSON."))
        .may_have("form", texts("The fields of a form."))
        .may_have("body", text("The body as text."))
        .may_have("auth", text("The authentication of the connection."))
        .may_have("tls", text("The TLS files of the connection."))
        .may_have("egress", text("Where the request may go."))
        .may_have(
            "argv",
            list(json!({"type": "string"}), "The command and its arguments."),
        )
        .may_have("stdin", text("The standard input."))
        .may_have("cwd", text("The folder of the command."))
        .may_have("env", texts("The environment variables that are set."))
        .may_have("confined", text("What the command may reach."))
        .may_have("program", text("The jq program."))
        .may_have("input", any("Its input."))
        .may_have("integration", text("The integration of the settings."))
        .may_have("scope", text("The scope of the settings."))
        .may_have(
            "patch",
            any("What is changed in the settings; null if they are only read."),
        )
        .may_have("timeout", number("The time limit in seconds."))
        .may_have("retry", text("The attempts and their delays."))
        .may_have(
            "on_crash",
            words(
                "What happens to the command after a crash.",
                &["hold", "rerun"],
            ),
        )
        .may_have("gives", any("The simulated result."))
}

/// The keys of steps that stay in the flow.
fn control() -> Keys {
    Keys::new()
        .may_have("verdict", words("The result of a guard.", &["match", "no match", "missing"]))
        .may_have("predicates", list(part("predicate"), "The predicates of a guard."))
        .may_have("branches", list(part("branch"), "The branches that were tested."))
        .may_have("taken", maybe_count("The branch that is taken, from 1; null for none."))
        .may_have("later", text("It reads the result of an earlier step, which `--mock` can supply."))
        .may_have("value", any("The value that is set."))
        .may_have("items", count("The number of items of a list."))
        .may_have("more", flag("The remaining items do the same."))
        .may_have("until", time("When a wait ends."))
        .may_have("awaits", list(awaited_event(), "The events that the step waits for."))
        .may_have(
            "answers",
            list(json!({"type": "string"}), "The answers that the step waits for."),
        )
        .may_have("otherwise", flag("The steps that run if nothing comes follow."))
        .may_have("flow", text("The flow that is run."))
        .may_have("caught", text("The failure that `catch` handles."))
        .may_have("message", json!({"type": ["string", "null"], "description": "The message of `succeed` or `fail`."}))
        .may_have("fails", text("Why the step fails."))
        .may_have("stops", text("Why the plan stops here."))
}

/// An event that a `wait_for` waits for.
fn awaited_event() -> Value {
    let types = list(json!({"type": "string"}), "Its types.");
    Keys::new()
        .with("number", count("Its number in the step, from 1."))
        .with("event_source", text("Its source."))
        .with("event_types", types)
        .with(
            "same",
            text("The path of the value that it shares with the event of the run."),
        )
        .with(
            "value",
            any("That value; null if the event of the run has none, so that no event matches."),
        )
        .object("An awaited event.")
}

/// A branch of `choose`.
pub fn branch() -> Value {
    Keys::new()
        .with("at", text("Its place in the rule."))
        .with(
            "verdict",
            words(
                "The result of its condition.",
                &["match", "no match", "missing"],
            ),
        )
        .with("predicates", list(part("predicate"), "Its predicates."))
        .object("A branch of `choose`.")
}
