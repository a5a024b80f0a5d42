//! Statements that must stay fast with any number of rows use an index.

use rusqlite::StatementStatus;

use super::*;

#[tokio::test]
async fn finding_a_cause_uses_an_index() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    drop(store);
    let connection = database::open(&folder.path).unwrap();
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {}", gates::causation::CAUSE))
        .unwrap();
    let steps = plan.query_map(["support 7", "0", "900", "U"], |row| {
        row.get::<_, String>(3)
    });
    let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
    let steps = steps.join("\n");
    assert!(
        steps.contains(
            "SEARCH c USING COVERING INDEX gate_admissions_of_loop_guard (value=? AND at>?)"
        ),
        "{steps}"
    );
    assert!(
        !steps.contains("USE TEMP B-TREE") && !steps.contains("SCAN r"),
        "{steps}"
    );
}

#[tokio::test]
async fn finding_due_runs_uses_an_index() {
    let folder = Folder::new();
    drop(folder.open());
    let connection = database::open(&folder.path).unwrap();
    for (sql, index) in [
        (queue::claim::DUE, "runs USING INDEX runs_due (due<?)"),
        (
            gates::window::OPEN,
            "windows USING INDEX windows_open (queue=? AND value=?)",
        ),
        (
            gates::window::GATHERED,
            "windows USING COVERING INDEX windows_by_run (run=?)",
        ),
    ] {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let count = plan.parameter_count();
        let given = rusqlite::params_from_iter(std::iter::repeat_n(1, count));
        let steps = plan.query_map(given, |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let steps = steps.join("\n");
        assert!(steps.contains(index), "{steps}");
        assert!(
            !steps.contains("SCAN") && !steps.contains("TEMP B-TREE"),
            "{steps}"
        );
    }
}

#[tokio::test]
async fn a_cached_statement_is_compiled_once_whatever_it_is_given() {
    let folder = Folder::new();
    let in_memory = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
    for store in [folder.open().0, in_memory] {
        let compiled = |transaction: &mut WriteTransaction<'_>| {
            let mut compiled = 0;
            for number in 1..=3 {
                let mut statement = transaction.connection.prepare_cached(queue::claim::DUE)?;
                statement.query([number, number])?.next()?;
                compiled += statement.get_status(StatementStatus::RePrepare);
            }
            Ok(compiled)
        };
        let compiled = store.writer.submit(Durability::Buffered, compiled).await;
        assert_eq!(compiled, Ok(0));
    }
}

#[tokio::test]
async fn the_range_of_events_and_the_oldest_requests_are_found_without_a_scan() {
    let folder = Folder::new();
    drop(folder.open());
    let connection = database::open(&folder.path).unwrap();
    let [first, last] = history::MATCHED_ENDS;
    let [oldest, newest] = history::UNMATCHED_ENDS;
    for sql in [
        first,
        last,
        oldest,
        newest,
        deliveries::DELETE_OLDEST,
        deliveries::DELETE_OLD,
    ] {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let given = rusqlite::params_from_iter(std::iter::repeat_n(1, plan.parameter_count()));
        let steps = plan.query_map(given, |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let steps = steps.join("\n");
        // The only search of a whole index is for its first or last entry.
        assert!(!steps.contains("SCAN"), "{sql}: {steps}");
        assert!(!steps.contains("TEMP B-TREE"), "{sql}: {steps}");
    }
}
