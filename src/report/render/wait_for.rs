//! Formats what a `wait_for` waits for, and what decided it, as lines and as JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::flow::wait_for::{AwaitedEvent, AwaitedOutcome, WaitFor};
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::language::condition::Polarity;

/// The heading of the steps that run if nothing comes.
pub const OTHERWISE: &str = "if nothing comes until then:";

/// Until when it waits.
pub fn until(until: Timestamp) -> String {
    format!("until {until:.0} at the latest; no other run waits for it")
}

/// What decided it.
pub fn decided(outcome: &AwaitedOutcome) -> String {
    match outcome {
        AwaitedOutcome::Arrived(number) => format!("event {number} came"),
        AwaitedOutcome::Answered(answer) => format!("the answer is {answer}"),
        AwaitedOutcome::Expired => "nothing came".to_owned(),
    }
}

pub fn decided_json(outcome: &AwaitedOutcome) -> Value {
    match outcome {
        AwaitedOutcome::Arrived(number) => json!({"arrived": number}),
        AwaitedOutcome::Answered(answer) => json!({"answered": answer}),
        AwaitedOutcome::Expired => json!({"expired": true}),
    }
}

/// What the step waits for, a line for each event; `same` has the value of each in the event of the run.
pub fn lines(step: &Step, same: &[Option<Value>]) -> Vec<String> {
    let Some(wait) = step.action.wait_for() else {
        return Vec::new();
    };
    if let Some(choices) = wait.answer() {
        return vec![format!("an answer: {}", choices.answers.join(" | "))];
    }
    let events = wait.events().iter().zip(same).zip(1..);
    let lines = events.map(|((awaited, value), number)| {
        let types = types(awaited).join(" | ");
        let path = &awaited.same.this.text;
        let with = match value {
            Some(value) if !value.is_null() => format!("with {path} {value}"),
            Some(_) | None => format!(
                "never: the event of the run has no {}",
                awaited.same.run.text
            ),
        };
        let when = describe_condition(&awaited.when);
        let when = match when.is_empty() {
            true => String::new(),
            false => format!(", when {when}"),
        };
        format!("{number} {types} {with}{when}")
    });
    lines.collect()
}

pub fn json(step: &Step, until: Timestamp, same: &[Option<Value>]) -> Value {
    let wait = step.action.wait_for();
    let events = wait.map(WaitFor::events).unwrap_or_default();
    let awaits = events.iter().zip(same).zip(1..);
    let awaits: Vec<Value> = awaits
        .map(|((awaited, value), number)| {
            json!({
                "number": number,
                "event_source": awaited.event_source,
                "event_types": types(awaited),
                "same": awaited.same.this.text,
                "value": value,
            })
        })
        .collect();
    let answers = wait.and_then(WaitFor::answer);
    let mut details = json!({"until": until.to_string()});
    match answers {
        Some(choices) => details["answers"] = json!(choices.answers),
        None => details["awaits"] = json!(awaits),
    }
    details
}

/// The types of an awaited event, as a rule writes them.
pub fn types(awaited: &AwaitedEvent) -> Vec<String> {
    let types = awaited.event_types.iter();
    let types = types.map(|pattern| match pattern {
        TypePattern::Name(name) => name.clone(),
        TypePattern::Family(prefix) => format!("{prefix}*"),
    });
    types.collect()
}

/// The condition in one line, without values of an event.
fn describe_condition(condition: &Condition) -> String {
    match condition {
        Condition::All(parts) => join(parts, " and "),
        Condition::Any(parts) => match parts.len() {
            0 | 1 => join(parts, " or "),
            _ => format!("({})", join(parts, " or ")),
        },
        Condition::Predicate(predicate) => {
            let not = match predicate.polarity {
                Polarity::Positive => "",
                Polarity::Negated => "not ",
            };
            let scope = flowtrigger_core::path::scope::Scope::new(
                &flowtrigger_core::event::EMPTY_EVENT,
                &Value::Null,
            );
            let (operator, want) = (predicate.operator.name(), predicate.operator.want(&scope));
            format!("{} {not}{operator} {want}", predicate.path.text)
        }
    }
}

fn join(parts: &[Condition], between: &str) -> String {
    let parts: Vec<String> = parts.iter().map(describe_condition).collect();
    parts.join(between)
}
