//! Converted bundles over events: they send what the bundle sends, failure by failure.
//! It refuses to look at anything but the requests, which is all that a receiver sees.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::convert::Converted;
use flowtrigger::core::diagnostic::{Diagnostics, Files};
use flowtrigger::core::event::Event;
use flowtrigger::core::flow::Subject;
use flowtrigger::core::flow::call::{Body, Call, HttpCall};
use flowtrigger::core::flow::rehearse::rehearse;
use flowtrigger::core::matching::find::Scratch;
use flowtrigger::core::matching::ruleset::RuleSet;
use flowtrigger::core::rule::jobspec::Rule;
use flowtrigger::core::run::{CallFailure, CallResult, Reply};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::samples::events;
use super::{SETTINGS, converted, read, rules};

const CONNECTIONS: [(&str, &str); 10] = [
    ("zendesk", "https://acme.zendesk.example"),
    ("desk", "https://acme.zendesk.example"),
    ("acme_chat", "https://chat.acme.example"),
    ("crm_oauth", "https://crm.harborlane.example"),
    ("workspace_chat", "https://chat.harborlane.example"),
    ("chat", "https://chat.harborlane.example"),
    ("crm", "https://crm.harborlane.example"),
    ("pager", "https://pager.harborlane.example"),
    ("audit", "https://audit.harborlane.example"),
    ("csat", "https://csat.harborlane.example"),
];

fn config() -> Config {
    let connections =
        CONNECTIONS.map(|(name, url)| format!("  {name}: {{ base_url: \"{url}\" }}\n"));
    let text = format!(
        "vars:\n  triage: {SETTINGS}\n  ways: {SETTINGS}\nconnections:\n{}",
        connections.concat()
    );
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text.as_str());
    let config = config::parse(file, &text, &BTreeMap::new(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
    config
}

/// The same reply to the same call, another in each world.
fn reply(call: &Call, world: u64) -> CallResult {
    let mut hasher = DefaultHasher::new();
    let told = match call {
        Call::Http(http) => told(http),
        Call::Jq(jq) => format!("{} {}", jq.program, jq.input),
        Call::Exec(_) | Call::Config(_) => String::new(),
    };
    (told, world).hash(&mut hasher);
    let roll = hasher.finish();
    match call {
        Call::Http(_) if world > 0 && roll.is_multiple_of(3) => Err(CallFailure {
            message: "answered 404".into(),
            retryable: false,
            retry_after: None,
            status: Some(404),
        }),
        Call::Http(_) => Ok(Reply {
            value: json!({"status": 200, "headers": {}, "body": body(roll)}),
        }),
        Call::Jq(_) => Ok(Reply {
            value: json!([{"tag": "vip", "ticket": 1, "comment_id": roll % 7, "ticket_id": 4}, {"tag": "x", "ticket": 2, "comment_id": 8, "ticket_id": 9}]),
        }),
        Call::Config(_) => Ok(Reply {
            value: serde_json::to_value(BTreeMap::from([
                ("channel", json!("#triage")),
                ("extra_channel", json!("chat")),
                ("escalation_group", json!(2290250)),
                ("low_score", json!(3)),
                ("least", json!(100)),
                ("greeting", json!("Hello")),
            ]))
            .expect("JSON"),
        }),
        Call::Exec(_) => Ok(Reply { value: Value::Null }),
    }
}

/// All of a request that its receiver sees.
fn told(http: &HttpCall) -> String {
    let body = match &http.body {
        Some(Body::Json(tree)) => tree.redacted().to_string(),
        other => format!("{other:?}"),
    };
    let (method, url, headers) = (&http.method, &http.url, &http.headers);
    format!("{method} {url:?} {headers:?} {body} {:?}", http.connection)
}

fn body(roll: u64) -> Value {
    let tier = if roll.is_multiple_of(2) {
        "enterprise"
    } else {
        "basic"
    };
    let mut organization = json!({"name": format!("Acme {}", roll % 5), "size": roll % 300, "organization_fields": {"tier": tier}});
    if roll.is_multiple_of(4) {
        organization["account"] = json!("a1");
    }
    json!({
        "organization": organization,
        "user": {"level": roll % 9},
        "incident": {"id": format!("i{}", roll % 11)},
        "name": "found",
        "accounts": if roll.is_multiple_of(2) { json!([{"id": "a7"}]) } else { json!([]) },
        "ticket": {"satisfaction": {"score": roll % 6}},
        "comments": [],
    })
}

/// The requests of a rule for an event.
fn requests(rule: &Rule, set: &RuleSet, event: &Event, world: u64) -> Vec<String> {
    if !set
        .evaluate_event(event, &mut Scratch::default())
        .matches(rule)
    {
        return Vec::new();
    }
    let subject = Subject {
        event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "",
    };
    let now = event.time.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut runs = |call: &Call| Some(reply(call, world));
    let run = rehearse(&rule.flow, &subject, &BTreeMap::new(), now, &mut runs);
    let calls = run.calls.iter().filter_map(|task| match &task.call {
        Call::Http(http) => Some(told(http)),
        Call::Jq(jq) => Some(format!("jq {} {}", jq.program, jq.input)),
        Call::Exec(_) | Call::Config(_) => None,
    });
    calls.collect()
}

#[test]
fn a_converted_bundle_sends_what_the_bundle_sends() {
    let config = config();
    let events = events();
    let (mut sent, mut compared) = (0, 0);
    for name in [
        "tests/cases/convert/bundle-escalation.json",
        "tests/cases/convert/bundle-ways.yaml",
        "examples/bundles/small/notify.yaml",
        "examples/bundles/triage/triage.json",
    ] {
        let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        let conversion = converted(&text);
        let texts: Vec<String> = conversion.rules.iter().map(Converted::text).collect();
        let (theirs, ours) = (
            rules(name, &text, &config),
            rules("converted.yaml", &texts.join("---\n"), &config),
        );
        for rule in &ours.rules {
            let named = |other: &&Arc<Rule>| other.name.ends_with(&rule.name.replace('-', "_"));
            let original = theirs.rules.iter().find(named).unwrap_or_else(|| {
                panic!(
                    "{name}: {}: {:?}",
                    rule.name,
                    theirs.rules.iter().map(|r| &r.name).collect::<Vec<_>>()
                )
            });
            for (told, event) in &events {
                for world in 0..6 {
                    let (from, to) = (
                        requests(original, &theirs, event, world),
                        requests(rule, &ours, event, world),
                    );
                    assert_eq!(
                        from,
                        to,
                        "{name}: {}: {told}, world {world}\n{}",
                        rule.name,
                        texts.join("---\n")
                    );
                    sent += from.len();
                    compared += 1;
                }
            }
        }
    }
    assert!(sent > 500 && compared > 1000, "{sent} {compared}");
}
