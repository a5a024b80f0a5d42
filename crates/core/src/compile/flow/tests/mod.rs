//! Tests of flows from YAML to the rendered request or command, with secrets as names.

pub mod addresses;
pub mod control_flow;
pub mod crashes;
pub mod decisions;
pub mod language;
pub mod mistakes;
pub mod on_dead;
pub mod retries;
pub mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::compile::compiler::Compiler;
use crate::compile::flow::lower_flow;
use crate::config::Config;
use crate::config::connection::Connection;
use crate::diagnostic::{Diagnostics, FileId, Span};
use crate::document;
use crate::event::Event;
use crate::flow::RunInput;
use crate::flow::call::{Auth, AuthTemplate, Call, HttpCall, KeepOutput, RequestBody};
use crate::flow::step::Flow;
use crate::language::event_fields::EventFields;
use crate::language::rendered_text::{SecretEncoding, TextPart};
use crate::language::template::Template;
use crate::path::scope::Scope;
use crate::run::answer_link::AnswerLinks;

fn event() -> Event {
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.PriorityChanged".into(),
        id: "e1".into(),
        key: Some("35436".into()),
        time: None,
        envelope: json!({"account_id": 7}),
        body: json!({"current": "urgent", "previous": null, "ticket": {"id": 35436, "subject": "a\nb & c"}}),
        raw: Value::Null.into(),
        about: json!({"type": "ticket.PriorityChanged", "id": "e1"}),
        format: "zis",
        warnings: vec![],
        trace: None,
    }
}

/// The input of a run for this event.
fn run_input<'a>(event: &'a Event, vars: &'a Value) -> RunInput<'a> {
    RunInput {
        event,
        vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "seed",
        links: AnswerLinks::Hidden,
    }
}

fn config() -> Config {
    let connection = Connection {
        name: "zendesk".into(),
        at: Span::default(),
        base_url: "https://acme.example/".into(),
        auth: Some(Arc::new(AuthTemplate::Header {
            name: "Authorization".into(),
            value: Template::literal("fixed"),
        })),
        headers: vec![
            ("Accept".into(), Template::literal("application/json")),
            ("X-Team".into(), Template::literal("base")),
        ],
        timeout: Some(Duration::from_secs(3)),
        actor_id: None,
        rate_limit: None,
        tls: None,
        tls_at: Span::default(),
        retry: None,
        breaker: None,
    };
    Config {
        connections: BTreeMap::from([("zendesk".into(), connection)]),
        ..Config::default()
    }
}

fn lower(yaml: &str) -> (Option<Flow>, Diagnostics) {
    lower_with(yaml, &config())
}

fn lower_with(yaml: &str, config: &Config) -> (Option<Flow>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let nodes = document::read(FileId(0), yaml, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{yaml}: {diagnostics:?}");
    let mut cx = Compiler {
        folder: "rules".into(),
        ..Compiler::new(config, EventFields::Open, &mut diagnostics)
    };
    cx.names.in_scope.vars = json!({"base": "https://pager.example"}).into();
    let flow = nodes[0]
        .get("flow")
        .and_then(|node| lower_flow(node, &mut cx));
    (flow, diagnostics)
}

fn flow(yaml: &str) -> Flow {
    let (flow, diagnostics) = lower(yaml);
    flow.unwrap_or_else(|| panic!("{yaml}: {diagnostics:?}"))
}

fn call(yaml: &str) -> Call {
    let (event, vars, steps) = (event(), json!({}), json!({}));
    let scope = Scope {
        steps: &steps,
        ..Scope::new(&event, &vars)
    };
    let rendered = flow(yaml).steps[0].render(&scope);
    rendered.expect("rendered").expect("a call")
}

fn http(yaml: &str) -> HttpCall {
    match call(yaml) {
        Call::Http(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_rendered_completely() {
    let call = http(
        "flow:\n- http:\n    url: \"{{ vars.base }}/t/{{ ticket.id }}?a=b#top\"\n    \
         query: { s: \"{{ ticket.subject }}\", key: \"{{ secret.K }}\", n: [1, 2] }\n    \
         headers: { X-Subject: \"{{ ticket.subject }}\" }\n    json: { id: \"{{ ticket.id }}\" }\n  \
         keep: status\n  timeout: 5s\n",
    );
    assert_eq!(call.method, "POST");
    assert_eq!(
        call.url.to_string(),
        "https://pager.example/t/35436?a=b&s=a%0Ab%20%26%20c&key=[secret K]&n=1&n=2"
    );
    assert!(matches!(
        &call.url.0[1],
        TextPart::Secret {
            encoding: SecretEncoding::Percent,
            ..
        }
    ));
    assert_eq!(call.headers[0].1.to_string(), "a b & c");
    assert!(
        matches!(call.body, Some(RequestBody::Json(tree)) if tree.redacted() == json!({"id": 35436}))
    );
    assert_eq!(
        (call.keep, call.timeout),
        (KeepOutput::Status, Duration::from_secs(5))
    );
}

#[test]
fn a_connection_gives_address_credentials_headers_and_timeout() {
    let call = http(
        "flow:\n- http: { connection: zendesk, path: \"/api/{{ ticket.id }}.json\", headers: { x-team: own }, expect: [200, 3xx, \"404-410\"] }\n",
    );
    assert_eq!(call.url.to_string(), "https://acme.example/api/35436.json");
    assert_eq!(call.method, "GET");
    assert_eq!(call.connection.as_deref(), Some("zendesk"));
    assert!(matches!(call.auth, Some(Auth::Header { .. })));
    let headers: Vec<_> = call
        .headers
        .iter()
        .map(|(n, v)| format!("{n}: {v}"))
        .collect();
    assert_eq!(headers, ["Accept: application/json", "x-team: own"]);
    assert_eq!(call.timeout, Duration::from_secs(3));
    let accepted: Vec<u16> = [200, 201, 302, 404, 411]
        .into_iter()
        .filter(|s| call.expect.accepts(*s))
        .collect();
    assert_eq!(accepted, [200, 302, 404]);
}

#[test]
fn commands_take_values_as_arguments_and_the_event_as_input() {
    let Call::Exec(call) = call("flow:\n- exec: [./bin/bridge, \"{{ ticket.subject }}\", 7]\n")
    else {
        panic!("a command");
    };
    let argv: Vec<_> = call.argv.iter().map(ToString::to_string).collect();
    assert_eq!(argv, ["./bin/bridge", "a\nb & c", "7"]);
    assert_eq!(call.cwd, "rules");
    let input: Value = serde_json::from_str(&call.stdin.to_string()).expect("JSON");
    assert_eq!(input["input"]["ticket_event"]["ticket"]["id"], json!(35436));
    assert_eq!(input["event"]["type"], json!("ticket.PriorityChanged"));
    let env: Vec<_> = call.env.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert!(env.contains(&"FLOWTRIGGER_KEY=35436".to_owned()), "{env:?}");
    let script = flow("flow:\n- shell: echo \"$FLOWTRIGGER_EVENT_ID\"\n");
    assert_eq!(script.steps[0].action.kind(), "shell");
    assert_eq!(script.steps[0].settings.retry.policy.attempts, Some(1));
}

#[test]
fn a_flow_names_the_secrets_that_it_needs() {
    let flow = flow(
        "flow:\n- name: a\n  http:\n    url: \"https://a.example/{{ secret.A }}\"\n    query: { x: \"{{ secret.B }}\" }\n    \
         headers: { X-Key: \"{{ secret.C }}\" }\n    json: [{ k: \"{{ secret.D | b64encode }}\" }]\n\
         - exec: { argv: [x, \"{{ secret.E }}\"], env: { K: \"{{ secret.F }}\" }, stdin: \"{{ secret.G }}\" }\n",
    );
    let mut names: Vec<_> = flow
        .secrets()
        .map(|(name, step)| format!("{} {name}", step.name))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "a A", "a B", "a C", "a D", "exec-2 E", "exec-2 F", "exec-2 G"
        ]
    );
}
