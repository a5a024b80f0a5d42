//! Exchanges in the file: limited in the buffer, written in time, deleted with their run.

use super::*;
use crate::store::conformance::history::exchange;
use crate::store::sql::dialect::Dialect;
use crate::store::sql::history::exchanges::sent_to;
use crate::store::sql::history::terms::FilterTerms;

async fn planned(store: &SqliteStore, id: &str) -> RunId {
    let committed = store.commit(arrival(id, &live_rule("a"))).await.unwrap();
    committed.runs[0].id
}

const TABLES: [&str; 3] = ["exchanges", "request_urls", "request_url_trigrams"];

#[tokio::test]
async fn exchanges_are_written_soon_and_lost_ones_are_counted() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let run = planned(&store, "1").await;
    let large = format!("https://a.example/{}", "x".repeat(9 << 20));
    store.record_exchange(exchange(run, 0, &large));
    store.record_exchange(exchange(run, 1, "https://a.example/"));
    store.record_exchange(exchange(run, 2, "https://a.example/"));
    for _ in 0..100 {
        if store.recorded() == (2, 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.recorded(), (2, 1));
    assert_eq!(folder.rows("SELECT count(*) FROM exchanges"), 2);
    assert_eq!(folder.rows("SELECT count(*) FROM request_urls"), 1);
}

#[tokio::test]
async fn exchanges_and_addresses_are_deleted_with_their_run() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let (first, second) = (planned(&store, "1").await, planned(&store, "2").await);
    for (run, url) in [
        (first, "https://a.example/both"),
        (second, "https://a.example/both"),
        (first, "https://a.example/first"),
    ] {
        store.record_exchange(exchange(run, 0, url));
    }
    store.flush().await.unwrap();
    let count = |table: &str| folder.rows(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(TABLES.map(count), [3, 2, 2]);
    for (run, left) in [(first, [1, 1, 1]), (second, [0, 0, 0])] {
        let delete = move |transaction: &mut WriteTransaction<'_>| {
            transaction.delete_exchanges(run.0 as i64)
        };
        store
            .writer
            .submit(Durability::Synced, delete)
            .await
            .unwrap();
        assert_eq!(TABLES.map(count), left);
    }
    // The run itself is gone: its last exchange may come later, and is dropped.
    store.record_exchange(exchange(RunId(99), 0, "https://a.example/late"));
    store.flush().await.unwrap();
    assert_eq!(count("exchanges"), 0);
}

#[tokio::test]
async fn searching_addresses_uses_the_index() {
    let folder = Folder::new();
    drop(folder.open());
    let connection = database::open(&folder.path).unwrap();
    let mut terms = FilterTerms::default();
    sent_to("tickets/90388", Dialect::Sqlite, &mut terms);
    let sql = format!(
        "EXPLAIN QUERY PLAN SELECT r.id FROM runs r {}",
        terms.clause()
    );
    let mut plan = connection.prepare(&sql).unwrap();
    let steps = plan.query_map(rusqlite::params_from_iter(terms.values()), |row| {
        row.get::<_, String>(3)
    });
    let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
    let steps = steps.join("\n");
    assert!(
        steps.contains("SCAN request_url_trigrams VIRTUAL TABLE INDEX 0:M")
            && steps.contains("exchanges_by_url"),
        "{steps}"
    );
    assert!(
        !steps.contains("SCAN exchanges") && !steps.contains("SCAN r\n"),
        "{steps}"
    );
}
