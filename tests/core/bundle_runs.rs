//! Runs of ZIS bundles from an event to their requests: the document of each kind of source, items that end at
//! `Succeed`, access tokens, `now`, `TimeoutSeconds` and `LoadConfig`.

use std::collections::BTreeMap;

use flowtrigger_core::config::{Config, SimulatedSettings};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::decode_described;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::simulate::{Mock, Simulation, simulate};
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::call_result::CallResult;
use flowtrigger_testing::{repository, rules};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::flows::{calculated, event, sample};

/// A bundle for one event type, with these states and the action `send`, whose body is `$.body`.
struct Bundle {
    source: &'static str,
    event_type: &'static str,
    definition: Value,
    send: Value,
}

impl Bundle {
    fn new(source: &'static str, event_type: &'static str, states: Value) -> Self {
        let first = states.as_object().unwrap().keys().next().unwrap().clone();
        Self {
            source,
            event_type,
            definition: json!({"StartAt": first, "States": states}),
            send: json!({"method": "POST", "url": "https://a.example/notes", "requestBody": "{{$.body}}"}),
        }
    }

    fn text(&self) -> String {
        json!({
            "zis_template_version": "2019-10-14",
            "name": "runs",
            "resources": {
                "job": {"type": "ZIS::JobSpec", "properties": {
                    "name": "job", "event_source": self.source, "event_type": self.event_type,
                    "flow_name": "zis:acme_sync:flow:way"}},
                "way": {"type": "ZIS::Flow", "properties": {"name": "way", "definition": self.definition}},
                "send": {"type": "ZIS::Action::Http", "properties": {"name": "send", "definition": self.send}},
            }
        })
        .to_string()
    }

    fn rules(&self, config: &Config) -> RuleSet {
        let (set, diagnostics) = rules::compile(&[("b.json", &self.text())], config);
        let errors: Vec<String> = diagnostics.iter().map(|d| d.message.clone()).collect();
        assert!(!diagnostics.has_errors(), "{errors:?}");
        set
    }

    fn run(&self, config: &Config, event: &Event) -> Simulation {
        let set = self.rules(config);
        let rule = set.rules.first().expect("a rule");
        let mut settings = SimulatedSettings::new(config);
        let subject = RunInput {
            event,
            vars: &rule.vars,
            error: &Value::Null,
            locals: &Value::Null,
            seed: "run",
            links: AnswerLinks::Hidden,
        };
        let replies: BTreeMap<String, Vec<Mock>> = BTreeMap::new();
        let mut results = |call: &Call| -> Option<CallResult> {
            match call {
                Call::Jq(call) => Some(calculated(&call.program, &call.input)),
                other => settings.outcome(other),
            }
        };
        simulate(&rule.flow, &subject, &replies, START, &mut results)
    }
}

/// The start of every run: 2026-01-05T09:00:00Z.
const START: Timestamp = Timestamp::constant(1_767_603_600, 0);

fn config(text: &str) -> Config {
    rules::config(text)
}

fn send(body: &str) -> Value {
    json!({"Type": "Action", "ActionName": "zis:acme_sync:action:send",
           "Parameters": {"body.$": body}, "End": true})
}

/// The body of the only request.
fn sent(run: &Simulation) -> Value {
    let mut requests = run.calls.iter().filter_map(|task| match &task.call {
        Call::Http(http) => {
            Some(task.call.to_json()["json"].clone()).filter(|_| http.body.is_some())
        }
        Call::Exec(_) | Call::Jq(_) | Call::Config(_) => None,
    });
    let first = requests.next();
    assert_eq!(requests.next(), None);
    first.unwrap_or_else(|| panic!("no request: {:?}", run.state))
}

/// An event of the source `desk`, which the configuration describes.
fn posted(config: &Config, body: Value) -> Event {
    let format = config.descriptions().next().expect("a described source");
    decode_described(body, format, &config.catalogue).expect("an event")
}

#[test]
fn a_flow_of_an_own_source_reads_the_posted_body() {
    let config = config("sources: { desk: { event_type: ping, account_id: 12, subdomain: acme } }");
    let states = json!({
        "Ask": {"Type": "Choice", "Choices": [
            {"Variable": "$.input.token", "StringEquals": "T", "Next": "Send"}], "Default": "Not"},
        "Send": send("$"),
        "Not": {"Type": "Fail", "Error": "the token is missing"},
    });
    let body = json!({"token": "T", "raw": 1, "ticket_event": {"type": "own"}, "account_id": 99});
    let run = Bundle::new("desk", "ping", states).run(&config, &posted(&config, body.clone()));
    assert_eq!(
        sent(&run),
        json!({"input": body, "integration_key": "acme_sync", "account_id": 12, "subdomain": "acme"})
    );
}

#[test]
fn a_ticket_event_has_the_keys_of_zis_and_no_others() {
    let config = config("sources: { support: { subdomain: acme } }");
    for name in [
        "zis/priority-changed.json",
        "webhook/priority-changed.json",
        "eventbridge/priority-changed.json",
    ] {
        let event = sample(name);
        let run = Bundle::new(
            "support",
            "ticket.PriorityChanged",
            json!({"Send": send("$")}),
        )
        .run(&config, &event);
        let document = sent(&run);
        let mut keys: Vec<&String> = document.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(
            keys,
            ["account_id", "input", "integration_key", "subdomain"],
            "{name}"
        );
        assert_eq!(document["integration_key"], "acme_sync", "{name}");
        let ticket = &document["input"]["ticket_event"]["ticket"];
        assert_eq!(
            ticket["priority"], document["input"]["ticket_event"]["current"],
            "{name}"
        );
        for other in [
            "subject",
            "description",
            "actor_id",
            "custom_status",
            "is_public",
        ] {
            assert_eq!(ticket.get(other), None, "{name} {other}");
        }
    }
}

#[test]
fn an_event_that_zis_does_not_wrap_is_the_body_of_the_webhook() {
    let body = json!({
        "type": "zen:event-type:agent.unified_state_changed", "id": "e1", "account_id": 77,
        "time": "2026-01-05T09:00:00Z", "subject": "zen:agent:5", "zendesk_event_version": "2022-11-06",
        "event": {"new_state": "OFFLINE"}, "detail": {"account_id": "77", "agent_id": "5", "version": "3"},
    });
    let event = event(&body.to_string()).expect("an event");
    let states = json!({
        "Ask": {"Type": "Choice", "Choices": [{"And": [
            {"Variable": "$.input.type", "StringEquals": "zen:event-type:agent.unified_state_changed"},
            {"Variable": "$.input.event.new_state", "StringEquals": "OFFLINE"},
            {"Variable": "$.input.detail.agent_id", "IsPresent": true}], "Next": "Send"}], "Default": "Not"},
        "Send": send("$.input"),
        "Not": {"Type": "Fail", "Error": "another document"},
    });
    for written in [
        "zen:event-type:agent.unified_state_changed",
        "agent.unified_state_changed",
        "agent.UnifiedStateChanged",
    ] {
        let bundle = Bundle::new("support", written, states.clone());
        let set = bundle.rules(&Config::default());
        assert_eq!(set.subscribed(&event).len(), 1, "{written}");
        assert_eq!(
            sent(&bundle.run(&Config::default(), &event)),
            body,
            "{written}"
        );
    }
}

#[test]
fn an_item_that_ends_at_succeed_gives_its_document() {
    let iterator = json!({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Choice", "Choices": [
            {"Variable": "$.n", "NumericEquals": 2, "Next": "Add"},
            {"Variable": "$.n", "NumericEquals": 3, "Next": "Part"}], "Default": "Done"},
        "Add": {"Type": "Pass", "Result": true, "ResultPath": "$.added", "Next": "Done"},
        "Part": {"Type": "Succeed", "OutputPath": "$.n"},
        "Done": {"Type": "Succeed", "Message": "fine"},
    }});
    let states = json!({
        "Make": {"Type": "Pass", "Result": [{"n": 1}, {"n": 2}, {"n": 3}], "ResultPath": "$.list", "Next": "Each"},
        "Each": {"Type": "Map", "ItemsPath": "$.list", "Iterator": iterator, "ResultPath": "$.each", "Next": "Send"},
        "Send": send("$.each"),
    });
    let states: Value = states;
    let mut bundle = Bundle::new("support", "ticket.PriorityChanged", states);
    bundle.definition["StartAt"] = json!("Make");
    let run = bundle.run(&Config::default(), &sample("zis/priority-changed.json"));
    assert_eq!(sent(&run), json!([{"n": 1}, {"n": 2, "added": true}, 3]));
}

const TOKENS: &str = "connections: { crm: { base_url: https://a.example, auth: { bearer: 'abc-{{ secret.CRM }}' } } }\n\
    secrets: { CRM: { env: CRM_TOKEN } }\n\
    integrations: { acme_sync: { connections: { crm_oauth: crm } } }\n";

#[test]
fn an_access_token_is_the_bearer_token_of_its_connection() {
    let direct = "{{$.connections.crm_oauth.access_token}}";
    let parameter = json!({"Send": {"Type": "Action", "ActionName": "zis:acme_sync:action:send",
        "Parameters": {"token.$": "$.connections.crm_oauth.access_token"}, "End": true}});
    let none =
        json!({"Send": {"Type": "Action", "ActionName": "zis:acme_sync:action:send", "End": true}});
    for (states, text) in [(parameter, "{{$.token}}"), (none, direct)] {
        let mut bundle = Bundle::new("support", "ticket.PriorityChanged", states);
        bundle.send = json!({"method": "POST", "url": format!("https://a.example/notes?t={text}"),
            "headers": [{"key": "X-Token", "value": text}], "requestBody": {"token": text}});
        let run = bundle.run(&config(TOKENS), &sample("zis/priority-changed.json"));
        let request = run.calls[0].call.to_json();
        assert_eq!(request["url"], "https://a.example/notes?t=abc-[secret CRM]");
        assert_eq!(request["headers"]["X-Token"], "abc-[secret CRM]");
        assert_eq!(request["json"], json!({"token": "abc-[secret CRM]"}));
        assert_eq!(request.get("auth"), None);
        bundle.send = json!({"method": "POST", "url": "https://a.example/notes",
            "headers": [{"key": "Authorization", "value": format!("Bearer {text}")}]});
        let run = bundle.run(&config(TOKENS), &sample("zis/priority-changed.json"));
        let request = run.calls[0].call.to_json();
        assert_eq!(request["auth"], "Authorization: Bearer abc-[secret CRM]");
        assert_eq!(request["headers"], json!({}));
        let set = bundle.rules(&config(TOKENS));
        let secrets: Vec<&str> = set.rules[0].flow.secrets().map(|(name, _)| name).collect();
        assert_eq!(secrets, ["CRM"]);
    }
}

#[test]
fn an_access_token_does_not_depend_on_the_parameters_of_the_state() {
    let direct = "{{$.connections.crm_oauth.access_token}}";
    for (parameters, text) in [
        (json!({"n.$": "$.input.ticket_event.ticket.id"}), direct),
        (json!({"n": 1, "connections.$": "$.connections"}), direct),
        (
            json!({"n": 1, "all.$": "$.connections"}),
            "{{$.all.crm_oauth.access_token}}",
        ),
        (
            json!({"n": 1, "crm": "{{$.connections.crm_oauth}}"}),
            "{{$.crm.access_token}}",
        ),
    ] {
        let states = json!({"Send": {"Type": "Action", "ActionName": "zis:acme_sync:action:send",
            "Parameters": parameters, "End": true}});
        let mut bundle = Bundle::new("support", "ticket.PriorityChanged", states);
        bundle.send = json!({"method": "POST", "url": "https://a.example/notes", "requestBody": {"n": "{{$.n}}"},
            "headers": [{"key": "X-Token", "value": text}]});
        let run = bundle.run(&config(TOKENS), &sample("zis/priority-changed.json"));
        let request = run.calls[0].call.to_json();
        assert_eq!(request["headers"]["X-Token"], "abc-[secret CRM]", "{text}");
    }
}

#[test]
fn now_in_a_jq_program_is_the_time_of_the_run() {
    let states = json!({
        "A": {"Type": "Action", "ActionName": "zis:common:transform:Jq",
              "Parameters": {"expr": "{at: (now | floor | todate), known: .now}", "data": {"now": 1}},
              "ResultPath": "$.a", "Next": "B"},
        "B": {"Type": "Wait", "Seconds": 30, "Next": "C"},
        "C": {"Type": "Action", "ActionName": "zis:common:transform:Jq",
              "Parameters": {"expr": "now | floor", "data": {}}, "ResultPath": "$.b", "Next": "Send"},
        "Send": {"Type": "Action", "ActionName": "zis:acme_sync:action:send",
                 "Parameters": {"body": {"a.$": "$.a", "b.$": "$.b"}}, "End": true},
    });
    let run = Bundle::new("support", "ticket.PriorityChanged", states)
        .run(&Config::default(), &sample("zis/priority-changed.json"));
    assert_eq!(
        sent(&run),
        json!({"a": {"at": "2026-01-05T09:00:00Z", "known": 1}, "b": 1_767_603_600})
    );
}

#[test]
fn timeout_seconds_limit_an_attempt_and_the_flow() {
    let mut states =
        json!({"Wait": {"Type": "Wait", "Seconds": 50, "Next": "Send"}, "Send": send("$.input")});
    states["Send"]["TimeoutSeconds"] = json!(7);
    let mut bundle = Bundle::new("support", "ticket.PriorityChanged", states);
    bundle.definition["StartAt"] = json!("Wait");
    let event = sample("zis/priority-changed.json");
    let run = bundle.run(&Config::default(), &event);
    let Call::Http(http) = &run.calls[0].call else {
        panic!("{:?}", run.calls);
    };
    assert_eq!(http.timeout.as_secs(), 7);
    bundle.definition["TimeoutSeconds"] = json!(40);
    bundle.definition["States"]["First"] = json!({"Type": "Action", "ActionName": "zis:common:transform:Jq",
        "Parameters": {"expr": ".", "data": {}}, "ResultPath": "$.x", "Next": "Wait"});
    bundle.definition["StartAt"] = json!("First");
    let run = bundle.run(&Config::default(), &event);
    let RunState::Dead { why } = &run.state else {
        panic!("{:?}", run.state);
    };
    assert_eq!(
        why,
        "limit of 40 seconds reached, the `TimeoutSeconds` of the flow"
    );
    bundle.definition["TimeoutSeconds"] = json!(60);
    let run = bundle.run(&Config::default(), &event);
    assert_eq!(run.state, RunState::Done);
}

#[test]
fn load_config_with_a_star_loads_the_first_scope_that_matches() {
    let config = config(
        "integrations: { acme_sync: { configs: { 'b:2': { n: 2 }, 'b:1': { n: 1 }, a: { n: 0 } } } }",
    );
    let states = json!({
        "Load": {"Type": "Action", "ActionName": "zis:common:action:LoadConfig",
                 "Parameters": {"scope": "b:*"}, "ResultPath": "$.settings", "Next": "Send"},
        "Send": send("$.settings"),
    });
    let run = Bundle::new("support", "ticket.PriorityChanged", states)
        .run(&config, &sample("zis/priority-changed.json"));
    assert_eq!(sent(&run), json!({"n": 1}));
}

#[test]
fn load_config_of_a_scope_that_is_never_set_fails_in_a_simulation_as_in_a_run() {
    for (scope, written) in [("routing", "routing: …"), ("zeta*", "zeta_1: …")] {
        let states = json!({
            "Load": {"Type": "Action", "ActionName": "zis:common:action:LoadConfig",
                     "Parameters": {"scope": scope}, "ResultPath": "$.settings", "Next": "Send"},
            "Send": send("$.settings"),
        });
        let run = Bundle::new("support", "ticket.PriorityChanged", states)
            .run(&Config::default(), &sample("zis/priority-changed.json"));
        assert!(matches!(run.state, RunState::Dead { .. }), "{scope}");
        let log = format!("{:?}", run.log);
        assert!(log.contains(written), "{scope}: {log}");
    }
}

#[test]
fn paths_below_an_input_path_have_no_diagnostic() {
    let text = repository::read(repository::path("tests/cases/bundles/input-path.json"));
    let (set, diagnostics) = rules::compile(&[("b.json", &text)], &Config::default());
    let found: Vec<&str> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(found, [""; 0]);
    assert_eq!(set.rules.len(), 1);
}
