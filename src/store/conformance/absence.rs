//! What does not come after a `sequence`, and events whose times are not what they seem.

use std::sync::Arc;

use jiff::Timestamp;

use super::awaiting::{begin, comment, created, incoming, register, ticket_event};
use super::{claimed, later, now, up_to};
use crate::store::awaited::AwaitedSubject;
use crate::store::{IncomingEvent, Revision, Store, StoreSettings};
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::LogEntry;

fn silence() -> Arc<Rule> {
    let text = "name: silence
event_source: support
sequence:
  per: ticket.id
  in: 1h
  steps:
    - { event_type: ticket.TicketCreated }
    - { event_type: ticket.PriorityChanged }
    - { absent: { event_type: ticket.CommentAdded }, for: 15m }
flow: [{ succeed: fine }]
";
    Arc::clone(&flowtrigger_testing::rules::from_text(text).rules[0])
}

fn received_at(incoming: IncomingEvent, received: Timestamp) -> IncomingEvent {
    IncomingEvent {
        received,
        ..incoming
    }
}

/// The events of the sequence, and a comment at a second, in an order of arrival.
fn arrivals(rule: &Arc<Rule>, comment_at: i64, order: [usize; 3]) -> Vec<IncomingEvent> {
    let of_rule = |event_type: &str, id: &str, second: i64| {
        let event = ticket_event(event_type, id, 7, later(second));
        incoming(event, later(second), Some(rule))
    };
    let events = [
        of_rule("ticket.TicketCreated", "created", 0),
        of_rule("ticket.PriorityChanged", "urgent", 40),
        comment("comment", 7, true, later(comment_at)),
    ];
    let arrived = order.iter().zip(0..);
    arrived
        .map(|(event, place)| received_at(events[*event].clone(), later(60 + place)))
        .collect()
}

pub async fn an_event_before_the_last_of_a_sequence_is_not_its_absence<S: Store>(
    open: impl Fn() -> S,
) {
    let rule = silence();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        for (comment_at, comes) in [(20, false), (50, true)] {
            let store = open();
            let revision = Revision {
                files: Vec::new(),
                config: Arc::new(ConfigSource::default()),
                settings: StoreSettings::default(),
                awaited: AwaitedSubject::of_rules([&*rule]),
            };
            store.set_revision(revision).await.unwrap();
            for incoming in arrivals(&rule, comment_at, order) {
                store.commit(incoming).await.unwrap();
            }
            let runs = store.claim(up_to(9, later(100))).await.unwrap();
            let [run] = runs.as_slice() else {
                panic!("{order:?}: {runs:?}");
            };
            let mut log = run.log.iter();
            let has_come = log.any(|entry| matches!(entry, LogEntry::Arrived { .. }));
            assert_eq!(has_come, comes, "{order:?} {comment_at}");
        }
    }
}

/// The clock of a sender is ahead.
pub async fn an_event_cannot_happen_after_its_receipt<S: Store>(store: S) {
    register(&store, StoreSettings::default()).await;
    let run = store.commit(created("run", 7, now())).await.unwrap().runs[0].id;
    assert_eq!(claimed(&store, now()).await, [run]);
    begin(&store, run).await;
    let ahead = received_at(comment("c", 7, true, later(100_000)), later(10));
    let continued = store.commit(ahead).await.unwrap().continued;
    assert_eq!(continued.len(), 1);
}
