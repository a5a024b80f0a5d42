//! Sandboxes with rules for tickets that become urgent, and their events.

use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

/// A sandbox without rules.
pub fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"))
}

/// A sandbox with one rule, which runs these steps for a ticket that becomes urgent.
pub fn sandbox_with_flow(flow: &str) -> Sandbox {
    let sandbox = sandbox();
    sandbox.write_rules(&rule("on-urgent", flow));
    sandbox
}

/// A rule for tickets that become urgent.
pub fn rule(name: &str, flow: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
         when: {{ current: urgent }}\nflow:\n{flow}\n"
    )
}

/// A step that writes the ticket's number to the outbox.
pub const NOTE: &str =
    "- name: note\n  http: { url: 'outbox:note', json: { ticket: '{{ ticket.id }}' } }\n";

pub const RUN: [&str; 4] = ["run", "--format", "json", "-"];
pub const DRY_RUN: [&str; 4] = ["dry-run", "--format", "json", "-"];
pub const EXPLAIN: [&str; 5] = ["dry-run", "--explain", "--format", "json", "-"];

/// A ticket that becomes urgent.
pub fn urgent(ticket: u64) -> Value {
    changed("Priority Changed", ticket, json!("low"), json!("urgent"))
}

/// A ticket with a new subject.
pub fn subject(ticket: u64, text: &str) -> Value {
    changed("Subject Changed", ticket, json!("before"), json!(text))
}

fn changed(kind: &str, ticket: u64, previous: Value, current: Value) -> Value {
    json!({
        "account_id": 61120, "integration_key": "quaymark", "subdomain": "quaymark",
        "input": {"ticket_event": {
            "type": kind,
            "previous": previous,
            "current": current,
            "ticket": {
                "id": ticket, "status": "open", "priority": "urgent", "tags": ["vip", "refund"],
                "group_id": 51, "external_id": null, "via": {"channel": "web"},
            },
            "meta": {
                "version": "1.0", "occurred_at": "2026-04-01T10:00:00Z", "ref": "4-1",
                "sequence": {"id": format!("S{ticket}"), "position": 1, "total": 1},
            },
        }},
    })
}
