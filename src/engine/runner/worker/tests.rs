//! Idempotency keys of `on_dead` runs.

use std::sync::Arc;

use serde_json::{Value, json};

use super::in_flight::key;
use super::*;
use crate::engine::read_event;
use crate::store::ClaimId;
use flowtrigger_core::config::Config;
use flowtrigger_core::event::catalogue::sample::sample;
use flowtrigger_core::run::RunId;

fn claimed(id: u64, error: Value) -> ClaimedRun {
    let text = "name: r\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: fine\n";
    let sample = sample("support", "ticket.TicketCreated").unwrap();
    let value = serde_json::from_str(sample.text).unwrap();
    ClaimedRun {
        id: RunId(id),
        claim: ClaimId(id),
        event: Arc::new(read_event(value, None, &Config::default()).unwrap()),
        rule: Arc::clone(&flowtrigger_testing::rules::from_text(text).rules[0]),
        planned: Timestamp::UNIX_EPOCH,
        queued: Timestamp::UNIX_EPOCH,
        generation: 0,
        error,
        events: Vec::new(),
        log: Vec::new(),
    }
}

#[test]
fn an_on_dead_run_has_keys_of_its_own() {
    let flow = key(&claimed(1, Value::Null), "page");
    assert_eq!(flow, key(&claimed(2, Value::Null), "page"));
    let on_dead = key(&claimed(2, json!({"run": 1})), "page");
    assert_ne!(on_dead, flow);
    assert_eq!(on_dead, key(&claimed(2, json!({"run": 1})), "page"));
    assert_ne!(on_dead, key(&claimed(3, json!({"run": 1})), "page"));
}
