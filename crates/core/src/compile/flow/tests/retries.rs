//! Tests of retries from YAML to decisions: which policy a step has, and what attempts during an outage change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::compile::flow::tests::{event, lower_with, run_input};
use crate::config;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId};
use crate::flow::simulate::{Mock, Simulation, simulate};
use crate::flow::step::Flow;
use crate::run::RunState;
use crate::run::step_retry::StepRetry;

const CONFIG: &str = "
outgoing: { retry: { for: 1h } }
connections:
  chat: { base_url: 'https://chat.example', retry: { for: 2h, attempts: 50, max_delay: 1m } }
  crm: { base_url: 'https://crm.example' }
";

fn config(text: &str) -> Config {
    let mut diagnostics = Diagnostics::default();
    let config = config::parse(FileId::default(), text, &BTreeMap::new(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    config
}

fn flow(step: &str) -> Flow {
    let text = format!("flow:\n- {step}");
    let (flow, diagnostics) = lower_with(&text, &config(CONFIG));
    flow.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"))
}

fn retry(step: &str) -> StepRetry {
    flow(step).steps[0].settings.retry.clone()
}

fn simulated(step: &str, replies: Value) -> Simulation {
    let (event, vars) = (event(), json!({}));
    let replies = replies.as_array().cloned().unwrap_or_default();
    let mocks = replies.into_iter().map(Mock::Reply).collect();
    simulate(
        &flow(step),
        &run_input(&event, &vars),
        &BTreeMap::from([("page".to_owned(), mocks)]),
        Timestamp::UNIX_EPOCH,
        &mut |_| None,
    )
}

#[test]
fn a_step_has_the_policy_of_its_connection_in_an_outage() {
    for (step, described) in [
        (
            "http: { connection: chat, path: /x }",
            "50 attempts within 2h in an outage, delays ~1s 2s 4s 8s 16s 32s 1m …; otherwise 5 attempts, delays ~1s 2s 4s 8s",
        ),
        (
            "http: { connection: crm, path: /x }",
            "for 1h in an outage, otherwise 5 attempts, delays ~1s 2s 4s 8s 16s 32s … 5m",
        ),
        (
            "http: { url: 'https://other.example' }",
            "for 1h in an outage, otherwise 5 attempts, delays ~1s 2s 4s 8s 16s 32s … 5m",
        ),
    ] {
        let retry = retry(step);
        assert!(retry.waits, "{step}");
        let expected = format!("{described} (jitter; or a longer Retry-After)");
        assert_eq!(retry.describe(), expected, "{step}");
    }
    let default = Config::default().outage_retry(None);
    assert!(default.describe().starts_with("for 8h, delays ~1s 2s"));
}

#[test]
fn a_policy_of_the_step_is_for_all_failures() {
    let step = "{ http: { connection: chat, path: /x }, retry: { attempts: 3 } }";
    let described = retry(step).describe();
    assert!(described.starts_with("3 attempts, delays"), "{described}");
    for (written, described) in [
        ("for: 30m", "for 30m, delays ~1s 2s"),
        ("for: 30m, attempts: 7", "7 attempts within 30m, delays"),
        ("backoff: 2s", "5 attempts, delays ~2s 4s"),
    ] {
        let step = format!("{{ http: {{ connection: chat, path: /x }}, retry: {{ {written} }} }}");
        let found = retry(&step).describe();
        assert!(found.starts_with(described), "{written}: {found}");
    }
    let command = retry("{ exec: [page], retry: { for: 1h } }").describe();
    assert!(command.starts_with("for 1h, delays"), "{command}");
    assert_eq!(retry("exec: [page]").describe(), "1 attempt, no retry");
}

#[test]
fn a_step_with_a_catch_has_five_attempts_and_does_not_wait() {
    let step = "{ http: { connection: chat, path: /x }, catch: [succeed: told] }";
    let retry = retry(step);
    assert!(!retry.waits);
    let described = retry.describe();
    assert!(described.starts_with("5 attempts, delays"), "{described}");
}

#[test]
fn a_test_ends_soon_with_a_mock_that_always_fails_and_uses_all_replies() {
    const PAGE: &str = "{ name: page, http: { connection: crm, path: /x } }";
    let run = simulated(PAGE, json!([{"status": 503}]));
    let RunState::Dead { why } = &run.state else {
        panic!("{:?}", run.state);
    };
    assert!(
        why.starts_with("step `page` failed after 5 attempts: "),
        "{why}"
    );
    assert_eq!(run.calls.len(), 5);
    let mut replies = vec![json!({"status": 503}); 10];
    replies.push(json!({"status": 200}));
    let run = simulated(PAGE, Value::Array(replies.clone()));
    assert_eq!((run.state, run.calls.len()), (RunState::Done, 11));
    replies.pop();
    let run = simulated(PAGE, Value::Array(replies));
    assert_eq!((run.state.as_str(), run.calls.len()), ("dead", 10));
    let many = "{ name: page, http: { connection: chat, path: /x }, retry: { attempts: 12 } }";
    assert_eq!(simulated(many, json!([{"status": 503}])).calls.len(), 12);
    let time = "{ name: page, http: { connection: chat, path: /x }, retry: { for: 20h } }";
    assert_eq!(simulated(time, json!([{"status": 503}])).calls.len(), 5);
}
