//! Data folders of single earlier versions: the upgrade from before the loop guard, and from before accepted requests
//! were kept.

use super::*;
use crate::store::conformance::history::deliveries::rejected;
use crate::store::history::DeliveryFilter;
use crate::store::{Delivery, History};

#[tokio::test]
async fn a_file_from_before_the_loop_guard_is_upgraded() {
    let folder = Folder::new();
    let connection = Connection::open(&folder.path).unwrap();
    connection
        .execute_batch(include_str!("../migrations/0001_start.sql"))
        .unwrap();
    connection
        .execute_batch(
            "PRAGMA user_version = 1;
             PRAGMA foreign_keys = OFF;
             INSERT INTO events VALUES (1, 'support', 'ticket.TicketCreated', 'e', '7', 0, 1, 1, 0, NULL, 2, '{}');
             INSERT INTO queues VALUES (1, 'a');
             INSERT INTO runs (id, event, rule, queue, generation, state, planned, changed, turn)
                 VALUES (1, 1, 1, 1, 0, 'done', 0, 0, 1);
             INSERT INTO charges VALUES (1, 'dedupe', 'ticket.id 7', 5, 1, 9);",
        )
        .unwrap();
    drop(connection);
    let rejected = SqliteHistory::open(&folder.path).map(drop).unwrap_err();
    let rejected = rejected.to_string();
    assert!(rejected.contains("an older flowtrigger"), "{rejected}");
    drop(folder.open());
    assert_eq!(folder.rows("PRAGMA user_version"), VERSION);
    assert_eq!(
        folder.rows("SELECT depth FROM runs WHERE cause IS NULL AND id = 1"),
        0
    );
    assert_eq!(folder.rows("SELECT count(*) FROM gate_admissions"), 1);
    assert!(SqliteHistory::open(&folder.path).is_ok());
}

#[tokio::test]
async fn rejected_requests_of_the_version_before_are_listed_and_new_ones_follow() {
    let folder = Folder::new();
    let connection = Connection::open(&folder.path).unwrap();
    let before = &database::MIGRATIONS[..6];
    before
        .iter()
        .for_each(|migration| connection.execute_batch(migration).unwrap());
    connection
        .execute_batch(
            "PRAGMA user_version = 6;
             INSERT INTO deliveries (id, received, source, method, path, reason, status, detail, omitted)
                 VALUES (41, 1000000, 'desk', 'POST', '/events/desk', 'unsound', 400, 'no JSON', 7),
                        (42, 2000000, NULL, '', '', 'not_http', 400, 'no HTTP', 0);
             INSERT INTO events (source, type, event_id, received, revision, matched, size, body)
                 VALUES ('desk', 'order', 'e', 0, 0, 0, 2, '{}');",
        )
        .unwrap();
    drop(connection);
    let (store, _) = folder.open();
    let new = Delivery {
        id: store.next_delivery(),
        ..rejected("desk", 400, "unsound")
    };
    store.record_delivery(new);
    store.flush().await.unwrap();
    let history = SqliteHistory::open(&folder.path).unwrap();
    let of_desk = DeliveryFilter {
        source: Some("desk".into()),
        ..DeliveryFilter::default()
    };
    let rows = history.deliveries(&of_desk, 9).unwrap();
    let ids: Vec<u64> = rows.iter().map(|row| row.delivery.id.0).collect();
    assert_eq!(ids, [43, 41]);
    assert_eq!(
        (rows[1].omitted, rows[1].delivery.reason()),
        (7, Some("unsound"))
    );
    let totals = history.delivery_totals(&DeliveryFilter::default()).unwrap();
    assert_eq!((totals.rejected.listed, totals.accepted.listed), (3, 0));
    assert_eq!(history.delivery_of(EventRowId(1)).unwrap(), None);
}
