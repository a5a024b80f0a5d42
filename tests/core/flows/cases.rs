//! Each kind of step in a folder under `tests/cases/flows`: a rule, the replies to its calls, and the expected
//! calls, log and end. `UPDATE_CASES=1` rewrites the expected files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use flowtrigger_core::config::Config;
use flowtrigger_core::flow::call::{Call, RequestBody};
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::simulate::Mock;
use flowtrigger_core::flow::simulate::{Simulation, simulate};
use flowtrigger_core::run::LogEntry;
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};
use flowtrigger_testing::{expected, repository, rules};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::machine;
use super::{event, sample};

/// The start of every run of a case.
const START: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn every_kind_of_step_does_what_its_case_says() {
    let cases = repository::entries(repository::path("tests/cases/flows"));
    assert!(cases.len() >= 10, "{cases:?}");
    let differences: Vec<String> = cases.iter().filter_map(|case| difference(case)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn difference(case: &Path) -> Option<String> {
    expected::difference(&case.join("expected.txt"), &simulated(case))
}

fn simulated(case: &Path) -> String {
    let text = repository::read(case.join("rule.yaml"));
    let set = rules::load(&[("rule.yaml", &text)], &Config::default());
    let own = fs::read_to_string(case.join("event.json")).ok();
    let event = own.map_or_else(
        || sample("zis/priority-changed.json"),
        |text| event(&text).expect("an event"),
    );
    let rule = &set.rules[0];
    let subject = RunInput {
        event: &event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "case",
        links: AnswerLinks::Test,
    };
    let mocks = mocks(case);
    let run = simulate(&rule.flow, &subject, &mocks, START, &mut calculated);
    describe(&run)
}

fn mocks(case: &Path) -> BTreeMap<String, Vec<Mock>> {
    let Ok(text) = fs::read_to_string(case.join("mocks.json")) else {
        return BTreeMap::new();
    };
    let given: BTreeMap<String, Vec<Value>> = serde_json::from_str(&text).expect("lists by step");
    let text = |reply: &Value, key: &str| reply.get(key).and_then(Value::as_str).map(str::to_owned);
    let mock = |reply: Value| {
        if let Some(why) = text(&reply, "fails") {
            return Mock::Fails(why);
        }
        if let Some(answer) = text(&reply, "answer") {
            return Mock::Answers {
                answer,
                by: Value::Null,
            };
        }
        match reply.get("arrives") {
            Some(event) => Mock::Arrives {
                number: 1,
                event: event.clone(),
            },
            None => Mock::Reply(reply),
        }
    };
    let of_step = |(step, replies): (String, Vec<Value>)| {
        (step, replies.into_iter().map(mock).collect::<Vec<_>>())
    };
    given.into_iter().map(of_step).collect()
}

fn calculated(call: &Call) -> Option<CallResult> {
    let Call::Jq(call) = call else { return None };
    Some(machine::calculated(&call.program, &call.input))
}

fn describe(run: &Simulation) -> String {
    let mut text = String::from("calls\n");
    for task in &run.calls {
        let _ = writeln!(text, "  {}: {}", task.step, describe_call(&task.call));
    }
    text.push_str("log\n");
    for line in &run.log {
        let _ = writeln!(text, "  {}", describe_entry(line));
    }
    let why = run
        .state
        .why()
        .map_or(String::new(), |why| format!(": {why}"));
    let _ = writeln!(text, "{}{why}", run.state.as_str());
    text
}

fn describe_call(call: &Call) -> String {
    match call {
        Call::Http(http) => {
            let body = match &http.body {
                Some(RequestBody::Json(tree)) => format!(" {}", tree.redacted()),
                Some(RequestBody::Form(_) | RequestBody::Raw(_)) | None => String::new(),
            };
            format!("{} {}{body}", http.method, http.url)
        }
        Call::Exec(exec) => {
            let argv: Vec<String> = exec.argv.iter().map(ToString::to_string).collect();
            argv.join(" ")
        }
        Call::Jq(jq) => format!("jq {}", jq.program),
        Call::Config(config) => format!("settings {}", config.scope),
    }
}

fn describe_entry(line: &LogEntry) -> String {
    let after = |at: &Timestamp| {
        let since: SignedDuration = at.duration_since(START);
        format!("{since:#}")
    };
    match line {
        LogEntry::Started { step, number, .. } => format!("{step} starts, attempt {number}"),
        LogEntry::Waiting { step, until, .. } => format!("{step} waits until {}", after(until)),
        LogEntry::Arrived { step, number, .. } => format!("{step}: event {number} came"),
        LogEntry::Answered { step, answer, .. } => format!("{step} is answered: {answer}"),
        LogEntry::Expired { step, .. } => format!("{step}: nothing came"),
        LogEntry::Caught { step, error, .. } => format!("{step} is caught: {error}"),
        LogEntry::Revived { .. } => "revived".into(),
        LogEntry::Claimed { over } => match over {
            Some(over) => format!("taken up after {}", after(over)),
            None => "taken up".into(),
        },
        LogEntry::Attempt(attempt) => {
            let (step, number) = (&attempt.step, attempt.number);
            match &attempt.outcome {
                Ok(Reply { value: result }) => format!("{step} attempt {number}: {result}"),
                Err(CallFailure { message, .. }) => {
                    format!("{step} attempt {number} failed: {message}")
                }
            }
        }
    }
}
