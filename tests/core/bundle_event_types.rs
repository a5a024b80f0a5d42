//! Job specs of ZIS bundles for events that ZIS does not wrap, such as those of agents: known types are recognised by each
//! of their names, and others are declared in the configuration.

use flowtrigger_core::config::Config;
use flowtrigger_testing::rules;
use serde_json::json;

use super::bundles::{compile, said};

/// A job spec for an agent event, whose flow reads the body of the webhook.
const AGENT: &str = r#"{"zis_template_version": "2019-10-14", "name": "agents", "resources": {
  "job": {"type": "ZIS::JobSpec", "properties": {"name": "job", "event_source": "support", "event_type": "TYPE", "flow_name": "zis:acme_sync:flow:go"}},
  "go": {"type": "ZIS::Flow", "properties": {"name": "go", "definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed", "Message": "$.input.detail.new_state"}}}}}}}"#;

#[test]
fn an_agent_type_is_recognised_and_one_of_another_family_says_how_to_declare_it() {
    let body = |kind: &str| json!({"type": kind, "id": "e1", "account_id": 1, "time": "2026-03-02T09:41:30Z", "subject": "zen:agent:7", "zendesk_event_version": "2022-11-06", "detail": {"agent_id": "7", "new_state": "online"}, "event": {}});
    let declared = |name: &str| {
        rules::config(&format!(
            "event_types: [{{ source: support, name: {name} }}]"
        ))
    };
    for (word, config) in [
        ("agent.state_changed", Config::default()),
        ("agent.StateChanged", Config::default()),
        ("zen:event-type:agent.state_changed", Config::default()),
        ("agent.state_changed", declared("agent.state_changed")),
        (
            "zen:event-type:agent.state_changed",
            declared("agent.state_changed"),
        ),
        (
            "voice_call.state_changed",
            declared("voice_call.state_changed"),
        ),
    ] {
        let text = AGENT.replace("TYPE", word);
        let (set, diagnostics) = compile("b.json", &text, &config);
        assert_eq!(said(&diagnostics), "", "{word}");
        let kind = match word.starts_with("voice_call") {
            true => "zen:event-type:voice_call.state_changed",
            false => "zen:event-type:agent.state_changed",
        };
        let event = flowtrigger_core::event::format::decode(body(kind), &config.catalogue);
        let event = event.expect("an event");
        assert_eq!(event.warnings, Vec::<String>::new());
        assert!(
            set.rules[0].listens_to(&event.source, &event.event_type),
            "{word}"
        );
    }
    for (word, name) in [
        ("voice_call.state_changed", "voice_call.state_changed"),
        (
            "zen:event-type:voice_call.state_changed",
            "voice_call.state_changed",
        ),
        ("agent.shift_swapped", "agent.shift_swapped"),
    ] {
        let (set, diagnostics) =
            compile("b.json", &AGENT.replace("TYPE", word), &Config::default());
        assert_eq!(set.rules.len(), 1);
        let said = said(&diagnostics);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("warning"), "{said}");
        assert!(
            said.contains(&format!(
                "add `{{ source: support, name: {name} }}` to `event_types`"
            )),
            "{said}"
        );
    }
}
