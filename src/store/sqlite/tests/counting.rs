//! Counts and sequences over restarts and redeliveries: whatever the order of arrival, as many runs start as the groups of
//! the set of events.

use std::sync::Arc;

use jiff::SignedDuration;

use super::*;
use crate::store::{IncomingEvent, PlannedRun, RevisionId};
use flowtrigger_core::gate::series::SeriesEvent;
use flowtrigger_core::gate::series::check::SeriesCheck;
use flowtrigger_core::rule::Rule;

const COUNT: &str = "event_type: ticket.TicketCreated\ncount: { at_least: 3, in: 60s }";
const DISTINCT: &str =
    "event_type: ticket.TicketCreated\ncount: { at_least: 3, distinct: $.raw.item, in: 90s }";
const SEQUENCE: &str = "sequence:
  in: 60s
  steps:
    - { event_type: ticket.TicketCreated, when: { $.raw.item: 0 } }
    - { event_type: ticket.TicketCreated, when: { $.raw.item: [0, 1] } }
    - { event_type: ticket.TicketCreated, when: { $.raw.item: [1, 2] } }";

fn rule_of(number: usize, written: &str) -> Arc<Rule> {
    let text = format!(
        "name: counts-{number}\nevent_source: support\n{written}\nflow: [{{ succeed: fine }}]\n"
    );
    Arc::clone(&flowtrigger_testing::rules::from_text(&text).rules[0])
}

fn happened(id: &str, second: i64, item: u64) -> Event {
    let mut event = Event::clone(&arrival(id, &live_rule("a")).event);
    event.time = Some(now() + SignedDuration::from_secs(second));
    event.raw = json!({ "item": item }).into();
    event
}

fn planned(rule: &Arc<Rule>, event: Event) -> IncomingEvent {
    IncomingEvent {
        planned: vec![PlannedRun::new(rule, &event)],
        event: Arc::new(event),
        received: now() + SignedDuration::from_secs(3_000),
        revision: RevisionId::default(),
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

/// The number of groups of all events together.
fn groups(rule: &Rule, events: &[Event]) -> usize {
    let mut sorted: Vec<SeriesEvent> = Vec::new();
    let mut series = None;
    for event in events {
        let asks = rule.asks_of(event);
        let check = asks.iter().find_map(SeriesCheck::from_gate_check).unwrap();
        sorted.push(check.event(0, now()).unwrap());
        series = Some(check.series);
    }
    sorted.sort_by_key(|event| event.time);
    series.unwrap().groups(&sorted).len()
}

#[tokio::test]
async fn neither_order_nor_restarts_nor_redeliveries_change_what_starts() {
    let folder = Folder::new();
    let (mut store, _) = folder.open();
    let mut dice = 7_u64;
    let mut throw = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % sides
    };
    let mut expected_in_all = 0;
    for round in 0..24 {
        let rule = rule_of(round, [COUNT, DISTINCT, SEQUENCE][round % 3]);
        let mut events = Vec::new();
        for number in 0..14 {
            let second = i64::try_from(throw(400)).unwrap();
            events.push(happened(&format!("{round}.{number}"), second, throw(3)));
        }
        let mut started = 0;
        for event in &events {
            let committed = store.commit(planned(&rule, event.clone())).await.unwrap();
            started += usize::from(committed.runs[0].state == RunState::Queued);
            if throw(6) == 0 {
                killed(store);
                store = folder.open().0;
            }
            if throw(3) == 0 {
                let again = store.commit(planned(&rule, event.clone())).await.unwrap();
                assert!(again.redelivered);
            }
        }
        assert_eq!(started, groups(&rule, &events), "round {round}");
        expected_in_all += started;
    }
    assert!(expected_in_all > 20, "{expected_in_all}");
}

#[tokio::test]
async fn what_no_longer_matters_is_deleted() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let rule = rule_of(0, COUNT);
    for number in 0..40_i64 {
        let event = happened(&number.to_string(), number * 70 - 2_800, 0);
        store.commit(planned(&rule, event)).await.unwrap();
    }
    // Late events are accepted for eleven minutes, and count with those of a minute before.
    let kept = folder.rows("SELECT count(*) FROM counted_events");
    assert!((11..=15).contains(&kept), "{kept}");
    let known = folder.rows("SELECT events FROM counted_values");
    assert_eq!(known, kept);
}
