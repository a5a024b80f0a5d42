//! `replay` and `runs replay --all` on the built program: what is shown, asked, sent and never sent twice.

mod corrected;
mod interrupted;
mod left_out;
mod repeated;

use std::collections::BTreeSet;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Received, Receiver};
use flowtrigger_testing::sandbox::Sandbox;
use rustix::process::Signal;
use serde_json::{Value, json};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"))
}

/// A rule for tickets whose priority becomes this one.
fn rule(priority: &str, flow: &str) -> String {
    format!(
        "name: page\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
         when: {{ current: {priority} }}\nflow:\n{flow}\n"
    )
}

/// A step that sends the ticket's number to a receiver, once.
fn tell(receiver: &Receiver) -> String {
    format!(
        "- name: tell\n  http: {{ method: POST, url: '{}', json: {{ id: 'ticket {{{{ ticket.id }}}}' }} }}\n  retry: {{ attempts: 1 }}\n",
        receiver.url("/page")
    )
}

/// A ticket that becomes urgent.
fn urgent(ticket: u64) -> Value {
    json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Priority Changed",
        "meta": {
            "occurred_at": "2026-04-01T10:00:00Z",
            "sequence": {"id": format!("S{ticket}"), "position": 1, "total": 1},
        },
        "previous": "low",
        "current": "urgent",
        "ticket": {"id": ticket, "status": "open", "priority": "urgent", "tags": ["vip"]},
    }}})
}

/// A daemon that has received these tickets while its rule was wrong, and has the corrected one now.
fn corrected(sandbox: &Sandbox, tickets: u64, flow: &str) -> DaemonProcess {
    sandbox.write_rules(&rule("normal", flow));
    let daemon = DaemonProcess::start(sandbox);
    for ticket in 1..=tickets {
        daemon.accept("support", &urgent(ticket));
    }
    reload(&daemon, sandbox, &rule("urgent", flow), 1);
    daemon
}

/// Loads these rules; it is the reload with this number.
fn reload(daemon: &DaemonProcess, sandbox: &Sandbox, rules: &str, number: usize) {
    sandbox.write_rules(rules);
    daemon.signal(Signal::HUP);
    daemon.expect_logs(number, |line| line["message"] == "reloaded");
}

fn keys(received: &[Received]) -> BTreeSet<&str> {
    received.iter().map(|one| one.key.as_str()).collect()
}

fn tickets(received: &[Received]) -> Vec<&str> {
    received.iter().map(Received::id).collect()
}
