//! Sandboxes, rules and events of the source `desk`, whose senders choose the ids of events.

use flowtrigger::store::{RunRecord, SqliteStore, Store};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

/// The configuration: the source, and requests to this machine.
pub const CONFIG: &str = "outgoing: { allow: [127.0.0.1] }\nsources: { support: {}, desk: { event_type: { path: kind }, id: id, key: ticket } }\n";

/// A sandbox with these rules.
pub fn sandbox(rules: &str) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    configure(&sandbox, "");
    sandbox.write_rules(rules);
    sandbox
}

/// Adds these lines to the configuration.
pub fn configure(sandbox: &Sandbox, more: &str) {
    sandbox.write("flowtrigger.yaml", format!("{CONFIG}{more}"));
}

/// The runs of an event.
pub fn runs_of(store: &SqliteStore, event: &str) -> Vec<RunRecord> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runs = store.runs_of("desk", event);
    runtime.unwrap().block_on(runs).unwrap()
}

pub fn event(id: &str, ticket: u64, kind: &str) -> Value {
    json!({"kind": kind, "id": id, "ticket": ticket})
}

/// A rule for events of one kind with one step, a request; `more` is added to the step.
pub fn request_rule(name: &str, kind: &str, port: u16, more: &str) -> String {
    format!(
        "name: {name}\nevent_source: desk\nevent_type: {kind}\nflow:\n- name: tell\n  http:\n    url: http://127.0.0.1:{port}/{name}\n    json: {{ id: \"{{{{ id }}}}\", ticket: \"{{{{ ticket }}}}\" }}\n{more}"
    )
}
