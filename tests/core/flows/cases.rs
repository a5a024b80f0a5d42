//! Each kind of step in a folder of its own under `tests/cases/flows`: a rule, what its calls give, and
//! what must come of it: calls, log, end. `UPDATE_CASES=1` writes what came.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use flowtrigger::core::config::Config;
use flowtrigger::core::flow::Subject;
use flowtrigger::core::flow::call::{Body, Call};
use flowtrigger::core::flow::rehearse::{Rehearsal, rehearse};
use flowtrigger::core::rule::ruletest::Mock;
use flowtrigger::core::run::{Line, Outcome};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::machine;
use super::{compile, event, read, root, sample};

/// The start of every run of a case.
const START: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn every_kind_of_step_does_what_its_case_says() {
    let folder = root().join("tests/cases/flows");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("the cases")
        .map(|entry| entry.expect("a case").path())
        .collect();
    names.sort();
    assert!(names.len() >= 10, "{names:?}");
    let old: Vec<String> = names.iter().filter_map(|case| differs(case)).collect();
    assert!(old.is_empty(), "{}", old.join("\n"));
}

fn differs(case: &Path) -> Option<String> {
    let told = rehearsed(case);
    let expected = case.join("expected.txt");
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&expected, &told).expect("a writable case");
    }
    let wanted = fs::read_to_string(&expected).unwrap_or_default();
    (told != wanted).then(|| format!("{}:\n{told}---- not\n{wanted}", case.display()))
}

fn rehearsed(case: &Path) -> String {
    let text = read(&case.join("rule.yaml"));
    let set = compile(&[("rule.yaml".into(), text)], &Config::default());
    let own = fs::read_to_string(case.join("event.json")).ok();
    let event = own.map_or_else(
        || sample("zis/priority-changed.json"),
        |text| event(&text).expect("an event"),
    );
    let rule = &set.rules[0];
    let subject = Subject {
        event: &event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "case",
    };
    let mocks = mocks(case);
    let run = rehearse(&rule.flow, &subject, &mocks, START, &mut calculated);
    told(&run)
}

fn mocks(case: &Path) -> BTreeMap<String, Vec<Mock>> {
    let Ok(text) = fs::read_to_string(case.join("mocks.json")) else {
        return BTreeMap::new();
    };
    let given: BTreeMap<String, Vec<Value>> = serde_json::from_str(&text).expect("lists by step");
    let mock = |reply: Value| match reply.get("fails").and_then(Value::as_str) {
        Some(why) => Mock::Fails(why.to_owned()),
        None => Mock::Reply(reply),
    };
    let of_step = |(step, replies): (String, Vec<Value>)| {
        (step, replies.into_iter().map(mock).collect::<Vec<_>>())
    };
    given.into_iter().map(of_step).collect()
}

fn calculated(call: &Call) -> Option<Outcome> {
    let Call::Jq(call) = call else { return None };
    Some(machine::calculated(&call.program, &call.input))
}

fn told(run: &Rehearsal) -> String {
    let mut text = String::from("calls\n");
    for task in &run.calls {
        let _ = writeln!(text, "  {}: {}", task.step, sent(&task.call));
    }
    text.push_str("log\n");
    for line in &run.log {
        let _ = writeln!(text, "  {}", line_of(line));
    }
    let why = run
        .state
        .why()
        .map_or(String::new(), |why| format!(": {why}"));
    let _ = writeln!(text, "{}{why}", run.state.word());
    text
}

fn sent(call: &Call) -> String {
    match call {
        Call::Http(http) => {
            let body = match &http.body {
                Some(Body::Json(tree)) => format!(" {}", tree.redacted()),
                Some(Body::Form(_) | Body::Raw(_)) | None => String::new(),
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

fn line_of(line: &Line) -> String {
    let after = |at: &Timestamp| {
        let since: SignedDuration = at.duration_since(START);
        format!("{since:#}")
    };
    match line {
        Line::Started { step, number, .. } => format!("{step} starts, try {number}"),
        Line::Waiting { step, until, .. } => format!("{step} waits until {}", after(until)),
        Line::Caught { step, error, .. } => format!("{step} is caught: {error}"),
        Line::Revived { .. } => "revived".into(),
        Line::Claimed { over } => match over {
            Some(over) => format!("taken up after {}", after(over)),
            None => "taken up".into(),
        },
        Line::Attempt(attempt) => {
            let (step, number) = (&attempt.step, attempt.number);
            match &attempt.outcome {
                Outcome::Succeeded { result } => format!("{step} try {number}: {result}"),
                Outcome::Failed { message, .. } => format!("{step} try {number} failed: {message}"),
            }
        }
    }
}
