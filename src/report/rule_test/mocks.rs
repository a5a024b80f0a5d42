//! The replies of a run's steps as the mocks of a rule test. A reply that no later step reads is left out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::report::rule_test::step_names::FlowSteps;
use flowtrigger_core::flow::simulate;
use flowtrigger_core::flow::simulate::{Mock, Mocks};
use flowtrigger_core::run::LogEntry;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};

/// Of more mocks than this, none is tried without.
const MAX_TRIED: usize = 40;

/// The replies in a run's log, by the name of the step, or by its path if steps with the same name got different replies.
pub fn of_log(log: &[LogEntry], steps: &FlowSteps<'_>) -> Mocks {
    let by_path = by_path(log, steps);
    let mut mocks = Mocks::new();
    for (path, replies) in &by_path {
        let name = simulate::name(path);
        let mut same_name = by_path
            .iter()
            .filter(|(other, _)| simulate::name(other) == name);
        let key = match same_name.all(|(_, others)| others == replies) {
            true => name,
            false => path,
        };
        mocks.insert(key.to_owned(), replies.clone());
    }
    mocks
}

fn by_path(log: &[LogEntry], steps: &FlowSteps<'_>) -> BTreeMap<String, Vec<Mock>> {
    let mut mocks: BTreeMap<String, (usize, Vec<Mock>)> = BTreeMap::new();
    let mut round = 0;
    for entry in log {
        match entry {
            LogEntry::Attempt(attempt) => {
                let mut named = steps.named(&attempt.step).into_iter();
                if !named.any(|step| step.action.sends()) {
                    continue;
                }
                let (last, replies) = mocks.entry(attempt.step.clone()).or_default();
                if *last != round {
                    replies.clear();
                    *last = round;
                }
                replies.push(mock(&attempt.outcome));
            }
            LogEntry::Arrived {
                step,
                number,
                event,
                ..
            } => {
                let (number, event) = (*number, event.clone());
                let came = Mock::Arrives { number, event };
                mocks.insert(step.clone(), (round, vec![came]));
            }
            LogEntry::Answered {
                step, answer, by, ..
            } => {
                let (answer, by) = (answer.clone(), by.clone());
                let came = Mock::Answers { answer, by };
                mocks.insert(step.clone(), (round, vec![came]));
            }
            // `runs retry` starts a new round, whose attempts count from 1 again.
            LogEntry::Revived { .. } => round += 1,
            LogEntry::Started { .. }
            | LogEntry::Waiting { .. }
            | LogEntry::Expired { .. }
            | LogEntry::Caught { .. }
            | LogEntry::Claimed { .. } => {}
        }
    }
    let mocks = mocks.into_iter();
    mocks.map(|(path, (_, replies))| (path, replies)).collect()
}

fn mock(outcome: &CallResult) -> Mock {
    match outcome {
        Ok(Reply { value }) => Mock::Reply(value.clone()),
        Err(CallFailure {
            status: Some(status),
            ..
        }) => Mock::Reply(json!({"status": status})),
        Err(CallFailure { message, .. }) => Mock::Fails(message.clone()),
    }
}

/// The mocks without those, and without headers, that make no difference.
pub fn needed(mut mocks: Mocks, is_same: impl Fn(&Mocks) -> bool) -> Mocks {
    if mocks.len() <= MAX_TRIED {
        for name in mocks.keys().cloned().collect::<Vec<_>>() {
            let mut fewer = mocks.clone();
            fewer.remove(&name);
            if is_same(&fewer) {
                mocks = fewer;
            }
        }
    }
    let mut shorter = mocks.clone();
    for reply in shorter.values_mut().flatten() {
        if let Mock::Reply(Value::Object(entries)) = reply {
            entries.shift_remove("headers");
        }
    }
    match is_same(&shorter) {
        true => shorter,
        false => mocks,
    }
}

/// The mocks as a rule test has them: one reply, or a list with one for each attempt.
pub fn to_json(mocks: &Mocks) -> Value {
    let reply = |mock: &Mock| match mock {
        Mock::Reply(reply) => reply.clone(),
        Mock::Fails(why) => json!({"fails": why}),
        Mock::Arrives { number: 1, event } => json!({"arrives": event}),
        Mock::Arrives { number, event } => json!({"arrives": event, "number": number}),
        Mock::Answers { answer, by } if by.is_object() => json!({"answer": answer, "by": by}),
        Mock::Answers { answer, .. } => json!({ "answer": answer }),
    };
    let mocks = mocks.iter().map(|(name, replies)| {
        let replies = match replies.as_slice() {
            [only] => reply(only),
            several => several.iter().map(reply).collect(),
        };
        (name.clone(), replies)
    });
    Value::Object(mocks.collect())
}
