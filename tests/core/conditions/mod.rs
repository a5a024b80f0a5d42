//! Conditions on bodies: the cases in `tests/cases/conditions/`, and random ones compared with the reference
//! evaluator.

mod cases;
mod reference;

use std::sync::Arc;

use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Code, Diagnostics, Files};
use flowtrigger_core::document;
use flowtrigger_core::document::Node;
use flowtrigger_core::event::Event;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::language::condition::evaluate::{Truth, evaluate};
use flowtrigger_core::language::condition::trace::{NoTrace, Trace};
use flowtrigger_core::language::event_fields::EventFields;
use flowtrigger_core::path::scope::Scope;
use serde_json::{Value, json};

/// The variables that the cases read.
fn vars() -> Value {
    json!({"two": ["vip", "new"], "limit": 200, "nothing": null})
}

/// The documents of a YAML text; panics with its diagnostics.
fn documents(name: &str, text: &str) -> Vec<Node> {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add(name, text);
    let nodes = document::read(file, text, &mut diagnostics);
    expect_no_diagnostics(&files, &diagnostics);
    nodes
}

fn expect_no_diagnostics(files: &Files, diagnostics: &Diagnostics) {
    let said: Vec<String> = diagnostics
        .iter()
        .map(|d| format!("{}: {}", files.location(d.at), d.message))
        .collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// Lowers a condition on fields of unknown types.
fn lower(node: &Node) -> Condition {
    let (config, mut diagnostics) = (Config::default(), Diagnostics::default());
    let mut names = config.name_resolver(EventFields::Open, &mut diagnostics);
    names.in_scope.vars = vars().into();
    let condition = Condition::lower(node, &mut names);
    // A contradiction can be evaluated too, and random conditions contain some.
    let about_truth = |code| matches!(code, Code::NeverHolds | Code::AlwaysHolds);
    let mut others = Diagnostics::default();
    let reported = diagnostics.iter().filter(|found| !about_truth(found.code));
    reported.for_each(|found| others.push(found.clone()));
    let diagnostics = others;
    let files = Arc::new(Files::default());
    expect_no_diagnostics(&files, &diagnostics);
    condition.expect("a condition")
}

fn event(body: Value) -> Event {
    let time = "2026-03-08T12:00:00Z".parse().ok();
    let about = json!({
        "source": "support", "endpoint": "support", "type": "ticket.Anything", "id": "e1", "key": "1",
        "time": time.map(|time: jiff::Timestamp| time.to_string()),
    });
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.Anything".into(),
        id: "e1".into(),
        key: Some("1".into()),
        time,
        envelope: json!({}),
        raw: body.clone().into(),
        body,
        about,
        format: "test",
        warnings: Vec::new(),
        trace: None,
    }
}

/// Evaluates with and without a trace, which must agree; returns the trace too.
fn judge(condition: &Condition, body: &Value) -> (Truth, Trace) {
    let (event, vars, steps) = (event(body.clone()), vars(), Value::Null);
    let scope = Scope {
        steps: &steps,
        ..Scope::new(&event, &vars)
    };
    let mut trace = Trace::default();
    let explained = evaluate(condition, &scope, &mut trace);
    let evaluated = evaluate(condition, &scope, &mut NoTrace);
    assert_eq!(
        explained, evaluated,
        "explained and evaluated differ for {body}"
    );
    assert_eq!(
        trace.lines.len(),
        condition.predicates().len(),
        "explained in part for {body}"
    );
    (explained, trace)
}
