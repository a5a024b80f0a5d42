//! Requests of senders: what is kept, what is only counted, and which one delivered an event.

use std::sync::Arc;

use super::{by_key, later, live_rule, now, of_ticket, submit};
use crate::store::history::{
    DeliveryFilter, DeliveryMatch, DeliveryRow, EventQuery, EventSelector,
};
use crate::store::{
    DeliveredEvents, Delivery, DeliveryId, DeliveryKind, DeliveryOutcome, DeliveryPart, History,
    Store,
};

pub fn rejected(endpoint: &str, status: u16, reason: &str) -> Delivery {
    Delivery {
        status,
        outcome: DeliveryOutcome::Rejected {
            reason: reason.into(),
            detail: "not JSON: line 1, column 44".into(),
        },
        ..accepted(endpoint, "")
    }
}

pub fn accepted(endpoint: &str, first: &str) -> Delivery {
    Delivery {
        id: DeliveryId(0),
        received: now(),
        endpoint: Some(endpoint.into()),
        source: Some("support".into()),
        method: "POST".into(),
        path: format!("/events/{endpoint}"),
        peer: "192.0.2.1".parse().ok(),
        status: 200,
        size: Some(1_204),
        outcome: DeliveryOutcome::Accepted(DeliveredEvents {
            count: 1,
            matched: 1,
            redelivered: 0,
            differed: 0,
            first: first.into(),
        }),
    }
}

/// Records a request at so many seconds.
fn record<S: Store>(store: &S, delivery: Delivery, seconds: i64) -> Delivery {
    let delivery = Delivery {
        id: store.next_delivery(),
        received: later(seconds),
        ..delivery
    };
    store.record_delivery(delivery.clone());
    delivery
}

fn all() -> DeliveryFilter {
    DeliveryFilter::default()
}

fn of_kind(kind: DeliveryKind) -> DeliveryFilter {
    DeliveryFilter {
        kind: Some(kind),
        ..all()
    }
}

pub async fn requests_are_listed_newest_first_and_filtered<S: Store, H: History>(
    (store, history): (S, H),
) {
    assert_eq!(history.deliveries(&all(), 9).unwrap(), []);
    assert_eq!(history.delivery_totals(&all()).unwrap().listed(), 0);
    let sent = [
        (accepted("desk", "e1"), 0),
        (rejected("desk", 400, "unsound"), 10),
        (rejected("shop", 401, "sender_stale"), 20),
        (accepted("shop", "e2"), 30),
        (
            Delivery {
                endpoint: None,
                source: None,
                method: String::new(),
                path: String::new(),
                peer: None,
                size: None,
                ..rejected("", 400, "not_http")
            },
            40,
        ),
    ];
    let sent = sent.map(|(delivery, seconds)| record(&store, delivery, seconds));
    store.flush().await.unwrap();
    let rows = history.deliveries(&all(), 9).unwrap();
    let found: Vec<&Delivery> = rows.iter().map(|row| &row.delivery).collect();
    assert_eq!(found, sent.iter().rev().collect::<Vec<_>>());
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (of_kind(DeliveryKind::Accepted), vec![3, 0]),
        (of_kind(DeliveryKind::Rejected), vec![4, 2, 1]),
        (
            DeliveryFilter {
                source: text("desk"),
                ..all()
            },
            vec![1, 0],
        ),
        // The `event_source` selects all of its entries.
        (
            DeliveryFilter {
                source: text("support"),
                ..all()
            },
            vec![3, 2, 1, 0],
        ),
        (
            DeliveryFilter {
                status: Some(400),
                ..all()
            },
            vec![4, 1],
        ),
        (
            DeliveryFilter {
                reasons: vec!["sender_stale".into()],
                ..all()
            },
            vec![2],
        ),
        (
            DeliveryFilter {
                since: Some(later(20)),
                ..all()
            },
            vec![4, 3, 2],
        ),
        (
            DeliveryFilter {
                until: Some(later(20)),
                ..all()
            },
            vec![1, 0],
        ),
        (
            DeliveryFilter {
                before: Some(sent[2].id.0),
                ..all()
            },
            vec![1, 0],
        ),
        (
            DeliveryFilter {
                source: text("desk"),
                status: Some(400),
                ..all()
            },
            vec![1],
        ),
    ] {
        let rows = history.deliveries(&filter, 9).unwrap();
        let found: Vec<DeliveryId> = rows.iter().map(|row| row.delivery.id).collect();
        let expected: Vec<DeliveryId> = expected
            .iter()
            .map(|index: &usize| sent[*index].id)
            .collect();
        assert_eq!(found, expected, "{filter:?}");
        let totals = history.delivery_totals(&filter).unwrap();
        assert_eq!(totals.listed() as usize, expected.len(), "{filter:?}");
    }
    let totals = history.delivery_totals(&all()).unwrap();
    assert_eq!((totals.accepted.listed, totals.rejected.listed), (2, 3));
    assert_eq!(totals.accepted.oldest, Some(now()));
    assert_eq!(history.deliveries(&all(), 2).unwrap().len(), 2);
}

pub async fn a_flood_is_counted_and_hides_nothing_else<S: Store, H: History>(
    (store, history): (S, H),
) {
    let kept = record(&store, rejected("desk", 400, "unsound"), 0);
    for second in 0..2 {
        for _ in 0..2_000 {
            record(&store, rejected("shop", 401, "sender_stale"), second);
            record(&store, accepted("shop", "e"), second);
        }
        store.flush().await.unwrap();
    }
    let totals = history.delivery_totals(&all()).unwrap();
    assert_eq!(totals.rejected.all(), 4_001, "{totals:?}");
    assert_eq!(totals.accepted.all(), 4_000, "{totals:?}");
    assert!(totals.rejected.listed < 200 && totals.accepted.listed < 1_000);
    let rejected = history
        .deliveries(&of_kind(DeliveryKind::Rejected), 9_999)
        .unwrap();
    assert_eq!(rejected.last().map(|row| row.delivery.id), Some(kept.id));
    let counted: Vec<&DeliveryRow> = rejected.iter().filter(|row| row.omitted > 0).collect();
    assert!(
        counted
            .iter()
            .all(|row| row.delivery.endpoint.as_deref() == Some("shop")),
        "{counted:?}"
    );
    assert_eq!(counted[0].omitted_until, Some(later(1)));
    // Those of the second second are asked for by a time that the listed one is before.
    let later_ones = DeliveryFilter {
        since: Some(later(1)),
        until: Some(later(2)),
        ..of_kind(DeliveryKind::Rejected)
    };
    let rows = history.deliveries(&later_ones, 9).unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let totals = history.delivery_totals(&later_ones).unwrap().rejected;
    assert_eq!(
        (totals.omitted, totals.perhaps_outside),
        (3_980, 3_980),
        "{totals:?}"
    );
    let after = DeliveryFilter {
        since: Some(later(2)),
        ..all()
    };
    assert_eq!(history.deliveries(&after, 9).unwrap(), []);
}

pub async fn an_event_names_the_request_that_delivered_it<S: Store, H: History>(
    (store, history): (S, H),
) {
    let rule = live_rule("a");
    let mut delivered = of_ticket("first", "7", &rule, 0);
    let request = store.next_delivery();
    delivered.delivery = Some(DeliveryPart {
        delivery: request,
        index: Some(2),
    });
    submit(&store, delivered).await;
    submit(&store, of_ticket("second", "8", &rule, 0)).await;
    let row = |key: &str| history.events(&by_key(key)).unwrap().remove(0).row;
    assert_eq!(
        history.delivery_of(row("7")).unwrap(),
        None,
        "not written yet"
    );
    let delivery = Delivery {
        id: request,
        ..accepted("support", "zeroth")
    };
    store.record_delivery(delivery.clone());
    store.flush().await.unwrap();
    let found = history.delivery_of(row("7")).unwrap().expect("its request");
    assert_eq!(found.index, Some(2));
    let DeliveryMatch::Listed(found) = found.request else {
        panic!("{found:?}");
    };
    assert_eq!(found.delivery, delivery);
    assert_eq!(history.delivery_of(row("8")).unwrap(), None);
}

pub async fn an_event_of_a_flood_names_the_request_that_counts_its_own<S: Store, H: History>(
    (store, history): (S, H),
) {
    let event = Arc::clone(&of_ticket("unmatched", "9", &live_rule("a"), 0).event);
    for number in 0..500 {
        let id = store.next_delivery();
        if number == 499 {
            let part = DeliveryPart {
                delivery: id,
                index: None,
            };
            store.archive_unmatched(
                Arc::clone(&event).into(),
                crate::store::RevisionId::default(),
                now(),
                Some(part),
            );
        }
        store.record_delivery(Delivery {
            id,
            ..accepted("support", "e")
        });
    }
    // Later ones of the same flood are counted with another request, though all are written at once.
    for _ in 0..300 {
        record(&store, accepted("support", "e"), 1);
    }
    store.flush().await.unwrap();
    let query = EventQuery {
        subject: EventSelector::Id("unmatched".into()),
        endpoint: None,
        at: None,
        limit: 1,
    };
    let row = history.events(&query).unwrap().remove(0).row;
    let found = history.delivery_of(row).unwrap().expect("a request");
    let DeliveryMatch::Counted(with) = found.request else {
        panic!("{found:?}");
    };
    assert_eq!(with.omitted, 400);
}
