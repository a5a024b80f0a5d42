//! What a question about a rule reads: the newest events, its runs by state, and the revision in force.

use std::sync::Arc;

use super::{later, now, three};
use crate::store::{History, Revision, Store, StoreSettings};

pub async fn the_newest_events_are_read_up_to_a_limit_and_a_time<S: Store, H: History>(
    (store, history): (S, H),
) {
    three(&store).await;
    let read = |limit, since| {
        let found = history.recent_events(limit, since).unwrap();
        let of_type = |event: &str| event == "ticket.TicketCreated";
        assert!(
            found
                .iter()
                .all(|event| of_type(&event.event_type) && event.source == "support")
        );
        let ids = found.iter().map(|event| {
            let event = history.event(event.row).unwrap().expect("an event");
            event.head.id
        });
        ids.collect::<Vec<String>>()
    };
    assert_eq!(read(9, now()), ["third", "second", "first"]);
    assert_eq!(read(2, now()), ["third", "second"]);
    assert_eq!(read(9, later(10)), ["third", "second"]);
    // The limit is one of all events, not of those since the time.
    assert_eq!(read(1, later(10)), ["third"]);
    assert!(read(9, later(21)).is_empty());
}

pub async fn the_runs_of_a_rule_are_counted_by_state<S: Store, H: History>(
    (store, history): (S, H),
) {
    three(&store).await;
    let counts = |rule: &str, since| {
        let counts = history.rule_counts(rule, since).unwrap().into_iter();
        counts
            .map(|(state, count)| format!("{count} {state}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts("a", now()), ["1 dead", "1 done"]);
    assert_eq!(counts("a", later(10)), ["1 dead"]);
    assert_eq!(counts("b", now()), ["1 queued"]);
    assert!(counts("none", now()).is_empty());
}

pub async fn the_revision_in_force_is_the_one_that_was_set_last<S: Store, H: History>(
    (store, history): (S, H),
) {
    assert!(history.latest_revision().unwrap().is_none());
    let revision = |text: &str| Revision {
        files: vec![("a.yaml".into(), text.into())],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    };
    let first = store.set_revision(revision("one")).await.unwrap();
    let second = store.set_revision(revision("two")).await.unwrap();
    let in_force = || history.latest_revision().unwrap().expect("a revision").id;
    assert_eq!(in_force(), second);
    store.set_revision(revision("one")).await.unwrap();
    assert_eq!(in_force(), first);
}
