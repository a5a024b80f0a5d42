//! Events with one run, to commit to a store.

use std::sync::Arc;

use flowtrigger::store::{ArrivalKind, IncomingEvent, PlannedRun, RevisionId};
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::rule::Rule;
use flowtrigger_testing::rules;
use jiff::Timestamp;
use serde_json::json;

pub fn rule() -> Arc<Rule> {
    let text = "name: tell\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n- succeed: told\n";
    let set = rules::load(&[("tell.yaml", text)], &Config::default());
    Arc::clone(&set.rules[0])
}

/// An event of about this many bytes, with one run.
pub fn arrival(rule: &Arc<Rule>, id: &str, size: usize) -> IncomingEvent {
    IncomingEvent {
        event: Arc::new(Event {
            source: "support".into(),
            endpoint: "support".into(),
            event_type: "ticket.TicketCreated".into(),
            id: id.into(),
            key: Some(id.into()),
            time: None,
            envelope: json!({}),
            body: json!({"text": "x".repeat(size)}),
            raw: json!({}).into(),
            about: json!({}),
            format: "zis",
            warnings: Vec::new(),
            trace: None,
        }),
        received: Timestamp::now(),
        revision: RevisionId::default(),
        planned: vec![PlannedRun {
            rule: Arc::clone(rule),
            mode: rule.mode,
            lane: Some(id.into()),
            loop_ask: None,
            asks: Vec::new(),
            waiters: Vec::new(),
            counterpart: None,
        }],
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}
