//! Tests of `on_dead`: which flow runs for a dead run, and what its steps can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::compile::flow::tests::event;
use crate::compile::rule_set;
use crate::config;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, Files};
use crate::flow::call::{Call, HttpCall, RequestBody};
use crate::flow::decide::{Decision, RunInput, decide};
use crate::flow::step::{Flow, OnCrash};
use crate::rule::Rule;
use crate::run::answer_link::AnswerLinks;

const CONFIG: &str = "
vars: { desk: one }
connections: { chat: { base_url: 'outbox:chat' } }
on_dead:
  - http: { connection: chat, path: '/{{ event.id }}', json: { why: '{{ error.message }}', desk: '{{ vars.desk }}' } }
";

fn configured(text: &str) -> Config {
    let mut diagnostics = Diagnostics::default();
    let (mut files, environment) = (Files::default(), BTreeMap::new());
    let file = files.add("flowtrigger.yaml", text);
    let config = config::parse(file, text, &environment, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    config
}

/// Compiles one rule for each text, which is added beside its flow.
fn rules(config: &Config, texts: &[&str]) -> Vec<Arc<Rule>> {
    let rule = |(index, text): (usize, &&str)| {
        format!(
            "---\nname: r{index}\nevent_source: support\nevent_type: ticket.PriorityChanged\n{text}\nflow: [{{ succeed: fine }}]\n"
        )
    };
    let text: String = texts.iter().enumerate().map(rule).collect();
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("r.yaml", text);
    let set = rule_set::rule_set(&Arc::new(files), &[file], config, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    set.rules
}

fn first_move(flow: &Flow, error: &Value) -> Decision {
    let (event, vars) = (event(), json!({"desk": "one"}));
    let subject = RunInput {
        event: &event,
        vars: &vars,
        error,
        locals: &Value::Null,
        seed: "",
        links: AnswerLinks::Hidden,
    };
    decide(flow, &subject, &[], jiff::Timestamp::UNIX_EPOCH)
}

/// The body of the one request to send.
fn body(moved: Decision) -> Value {
    let tasks = match moved {
        Decision::Perform { tasks, .. } => tasks,
        other => panic!("{other:?}"),
    };
    match &tasks[0].call {
        Call::Http(HttpCall {
            body: Some(RequestBody::Json(tree)),
            ..
        }) => tree.redacted(),
        other => panic!("{other:?}"),
    }
}

fn sent(flow: &Flow, error: &Value) -> Value {
    body(first_move(flow, error))
}

fn error() -> Value {
    json!({"message": "step `page` failed", "run": 7, "rule": "r0", "attempts": 5})
}

#[test]
fn the_rules_own_on_dead_overrides_that_of_the_configuration() {
    let config = configured(CONFIG);
    let own = "on_dead: [{ http: { connection: chat, path: /x, json: { n: '{{ error.attempts }}', all: '{{ error }}' } } }]";
    let rules = rules(&config, &["", "", own, "on_dead: []"]);
    let flow = |index: usize| rules[index].on_dead.as_ref();
    let (first, second) = (flow(0).unwrap(), flow(1).unwrap());
    assert!(Arc::ptr_eq(first, second), "it is lowered once");
    assert_eq!(
        sent(first, &error()),
        json!({"why": "step `page` failed", "desk": "one"})
    );
    assert_eq!(
        sent(flow(2).unwrap(), &error()),
        json!({"n": 5, "all": error()})
    );
    assert!(flow(3).is_none());
}

#[test]
fn conditions_can_read_the_error() {
    let text = "on_dead:\n- when: { error.message: { contains: page }, error.attempts: { gte: 5 } }\n- exec: [./tell]\n  on_crash: rerun\n";
    let rules = rules(&Config::default(), &[text]);
    let flow = rules[0].on_dead.as_ref().unwrap();
    assert_eq!(flow.steps[1].settings.on_crash, OnCrash::Rerun);
    let Decision::Perform { tasks, .. } = first_move(flow, &error()) else {
        panic!("a command");
    };
    assert_eq!(tasks[0].step, "exec-2");
    let other = json!({"message": "step `page` failed", "run": 7, "rule": "r0", "attempts": 4});
    assert!(matches!(first_move(flow, &other), Decision::Skipped { .. }));
}

#[test]
fn every_rule_has_the_flow_for_outages() {
    let text = "
connections: { chat: { base_url: 'outbox:chat' } }
on_outage:
  - when: { error.failures: { gte: 5 } }
  - http: { connection: chat, path: '/{{ event.id }}', json: { who: '{{ error.receiver }}', n: '{{ error.waiting }}' } }
";
    let rules = rules(&configured(text), &["", "on_dead: []"]);
    let flow = |index: usize| rules[index].on_outage.as_ref().unwrap();
    assert!(Arc::ptr_eq(flow(0), flow(1)), "it is lowered once");
    assert_eq!(rules[0].steps().count(), 3);
    let outage =
        json!({"receiver": "connection pager", "failures": 5, "waiting": 40, "message": "refused"});
    assert_eq!(
        sent(flow(0), &outage),
        json!({"who": "connection pager", "n": 40})
    );
}

#[test]
fn elsewhere_error_is_an_ordinary_field() {
    let flow = crate::compile::flow::tests::flow(
        "flow:\n- when: { error.message: down }\n- http: { url: 'https://a.example', json: { why: '{{ error.message }}', upper: '{{ error.message | upper }}' } }\n",
    );
    let mut event = event();
    event.body["error"] = json!({"message": "down"});
    let vars = json!({});
    let subject = RunInput {
        event: &event,
        vars: &vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let moved = decide(&flow, &subject, &[], jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(body(moved), json!({"why": "down", "upper": "DOWN"}));
}
