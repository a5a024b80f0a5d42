//! Parses `--mock STEP=FILE`: the simulated reply to a step, so that the steps after it can be planned.
//! Unknown steps, steps without a reply and invalid replies are errors.

use serde_json::Value;

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use flowtrigger_core::document::json_error;
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::flow::simulate::Mock;
use flowtrigger_core::flow::simulate::Mocks;
use flowtrigger_core::flow::step::Step;

/// The keys of a reply.
const REPLY: [&str; 5] = ["status", "headers", "body", "stdout", "stderr"];
const HELP: &str = "write a reply such as {\"status\": 200, \"body\": {}}, a list of replies, one for each attempt, or {\"fails\": \"why\"}";

pub fn read(mocks: &[String], rules: &[String], book: &Rulebook) -> Result<Mocks, CommandError> {
    let read = |text: &String| {
        let Some((step, file)) = text.split_once('=') else {
            let failure = CommandError::usage(format!("`--mock {text}` has no `=`"));
            return Err(failure.help("write --mock STEP=FILE, with the reply in the file"));
        };
        check_step(step, rules, book)?;
        Ok((step.to_owned(), replies(file)?))
    };
    mocks.iter().map(read).collect()
}

fn check_step(step: &str, rules: &[String], book: &Rulebook) -> Result<(), CommandError> {
    let is_selected = |rule: &str| rules.is_empty() || rules.iter().any(|name| name == rule);
    let rules = book
        .rules
        .rules
        .iter()
        .filter(|rule| is_selected(&rule.name));
    let steps: Vec<&Step> = rules.flat_map(|rule| rule.steps()).collect();
    let has_reply = |step: &&&Step| step.action.has_reply();
    let names: Vec<&str> = steps
        .iter()
        .filter(has_reply)
        .map(|step| step.name.as_str())
        .collect();
    // By its name, or by its path in the flow.
    if names.iter().any(|name| step.ends_with(name)) {
        return Ok(());
    }
    if let Some(found) = steps.iter().find(|found| found.name == step) {
        let kind = found.action.kind();
        let failure =
            CommandError::usage(format!("the step `{step}` is a `{kind}` and gets no reply"));
        return Err(failure.help(format!("steps that get a reply are {}", names.join(", "))));
    }
    let failure = CommandError::usage(format!("no rule has a step `{step}`"));
    Err(match nearest(step, names.into_iter()) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("`dry-run --explain` shows the steps by their names"),
    })
}

fn replies(file: &str) -> Result<Vec<Mock>, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let failure = CommandError::usage(format!("failed to read `{file}`: {error}"));
        failure.help("write --mock STEP=FILE, with the reply in the file")
    })?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let reason = json_error::reason(&error);
        CommandError::usage(format!("{file}:{line}:{column}: not JSON: {reason}")).help(HELP)
    })?;
    let values = match value {
        Value::Array(values) if !values.is_empty() => values,
        other => vec![other],
    };
    values.into_iter().map(|value| reply(value, file)).collect()
}

fn reply(value: Value, file: &str) -> Result<Mock, CommandError> {
    let Value::Object(entries) = &value else {
        return Err(CommandError::usage(format!("`{file}` has no reply")).help(HELP));
    };
    if let Some(Value::String(why)) = entries.get("fails") {
        return Ok(Mock::Fails(why.clone()));
    }
    match entries.keys().find(|key| !REPLY.contains(&key.as_str())) {
        None => Ok(Mock::Reply(value)),
        Some(key) => {
            let failure = CommandError::usage(format!(
                "`{file}` has `{key}`, which is not a key of a reply"
            ));
            Err(failure.help(HELP))
        }
    }
}
