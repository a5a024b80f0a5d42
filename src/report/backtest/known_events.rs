//! Recognises redelivered events: one that matched nothing is stored again with each redelivery.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;

use crate::store::EQUAL_BODIES_WINDOW;
use crate::store::history::{ArchivedEvent, EventRowId};
use flowtrigger_core::event::format::request::body_hash;

/// The events that led to runs, by digests of their ids.
#[derive(Debug, Default)]
pub struct KnownEvents(HashMap<u64, FirstReceipt>);

#[derive(Debug, Clone, Copy)]
struct FirstReceipt {
    row: EventRowId,
    received: Timestamp,
}

impl KnownEvents {
    /// Returns the first delivery of an event, if this one repeats it. Otherwise the event is known from now on.
    pub fn first_of(&mut self, head: &ArchivedEvent) -> Option<EventRowId> {
        let (id, is_hash) = match body_hash(&head.id) {
            Some(hash) => (hash, true),
            None => (head.id.as_str(), false),
        };
        let mut digest = DefaultHasher::new();
        (&head.endpoint, id).hash(&mut digest);
        let received = head.position.received;
        let this = FirstReceipt {
            row: head.position.row,
            received,
        };
        let known = self.0.entry(digest.finish());
        let first = *known
            .and_modify(|first| {
                // Equal bodies without an id are one event for a time, and then another one.
                if is_hash && received.duration_since(first.received) >= EQUAL_BODIES_WINDOW {
                    *first = this;
                }
            })
            .or_insert(this);
        (first.row != this.row).then_some(first.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::ArchivePosition;

    fn event(row: i64, id: &str, seconds: i64) -> ArchivedEvent {
        ArchivedEvent {
            position: ArchivePosition {
                received: Timestamp::from_second(seconds).expect("a time"),
                row: EventRowId(row),
            },
            source: "support".into(),
            endpoint: "support".into(),
            event_type: "ticket.TagsChanged".into(),
            id: id.into(),
            key: None,
            matched: false,
            had_runs: false,
        }
    }

    #[test]
    fn an_id_of_the_sender_is_known_for_all_time() {
        let mut known = KnownEvents::default();
        assert_eq!(known.first_of(&event(1, "a", 0)), None);
        assert_eq!(known.first_of(&event(2, "b", 0)), None);
        assert_eq!(
            known.first_of(&event(3, "a", 1_000_000)),
            Some(EventRowId(1))
        );
        let other = ArchivedEvent {
            endpoint: "north".into(),
            ..event(4, "a", 0)
        };
        assert_eq!(known.first_of(&other), None);
    }

    #[test]
    fn equal_bodies_are_one_event_for_ten_minutes() {
        let mut known = KnownEvents::default();
        let id = |unique: &str| format!("sha256-{}-{unique}", "a".repeat(64));
        assert_eq!(known.first_of(&event(1, &id("1"), 0)), None);
        assert_eq!(
            known.first_of(&event(2, &id("2"), 599)),
            Some(EventRowId(1))
        );
        assert_eq!(known.first_of(&event(3, &id("3"), 601)), None);
        assert_eq!(
            known.first_of(&event(4, &id("4"), 700)),
            Some(EventRowId(3))
        );
    }
}
