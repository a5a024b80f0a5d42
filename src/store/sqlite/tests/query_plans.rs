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
            traces::UNTRACED,
            "untraced_runs USING PRIMARY KEY (ended<?)",
        ),
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

/// The steps of a statement's plan.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let given = rusqlite::params_from_iter(std::iter::repeat_n(1, plan.parameter_count()));
    let steps = plan.query_map(given, |row| row.get::<_, String>(3));
    let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
    steps.join("\n")
}

#[tokio::test]
async fn a_late_page_of_events_costs_no_more_than_the_first() {
    use crate::store::history::{EventFilter, EventPage};
    use crate::store::sql::history::event_list::filter_of_page;
    let folder = Folder::new();
    let connection = folder.with_events_apart(400).await;
    let history = SqliteHistory::open(&folder.path).unwrap();
    let filter = EventFilter {
        until: Some(Timestamp::MAX),
        ..EventFilter::default()
    };
    let steps = |before: Option<i64>| -> i32 {
        let before = before.map(|row| folder.position(row));
        let page = EventPage { limit: 9, before };
        let filter = filter_of_page(&filter, page);
        let ranges = history.ranges(&filter).unwrap().into_iter();
        let costs = ranges.map(|range| steps(&connection, range.list_query(page)));
        costs.sum()
    };
    let (first, late) = (steps(None), steps(Some(20)));
    assert!(late < 2 * first, "{late} steps, {first} for the first");
}

#[tokio::test]
async fn a_page_of_events_reads_ranges_of_an_index_in_their_order() {
    use crate::store::history::{ArchivePosition, EventFilter, EventPage, ListedOutcome};
    let folder = Folder::new();
    let (store, _) = folder.open();
    store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    let connection = database::open(&folder.path).unwrap();
    let history = SqliteHistory::open(&folder.path).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let any = EventFilter::default;
    let page = EventPage {
        limit: 50,
        before: Some(ArchivePosition {
            received: now(),
            row: EventRowId(1),
        }),
    };
    for (filter, indexes) in [
        (
            any(),
            vec![
                "events_unmatched (received<?)",
                "events_matched (received<?)",
            ],
        ),
        (
            EventFilter {
                outcome: Some(ListedOutcome::Redelivered),
                ..any()
            },
            vec!["events_redelivered (received<?)"],
        ),
        (
            EventFilter {
                event_type: text("ticket.*"),
                outcome: Some(ListedOutcome::Matched),
                ..any()
            },
            vec!["events_by_type (type=? AND matched=? AND received<?)"],
        ),
        (
            EventFilter {
                endpoint: text("support"),
                ..any()
            },
            vec!["events_by_endpoint (endpoint=? AND matched=? AND received<?)"; 2],
        ),
        (
            EventFilter {
                key: text("7"),
                ..any()
            },
            vec!["events_by_key (key=? AND received<?)"],
        ),
        (
            EventFilter {
                id: text("1"),
                ..any()
            },
            vec!["events_by_id (event_id=?)"],
        ),
        (
            EventFilter {
                rule: text("a"),
                ..any()
            },
            vec!["events USING INTEGER PRIMARY KEY (rowid=?)"],
        ),
    ] {
        let ranges = history.ranges(&filter).unwrap();
        assert_eq!(ranges.len(), indexes.len(), "{filter:?}");
        for (range, index) in ranges.into_iter().zip(indexes) {
            let steps = plan(&connection, &range.clone().list_query(page).0);
            assert!(steps.contains(index), "{index}: {steps}");
            // Few events have one id, and few are of a rare rule. Otherwise only events of one moment are sorted.
            let sorted = steps.replace("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "");
            let is_sorted = sorted.contains("TEMP B-TREE");
            assert_eq!(
                is_sorted,
                filter.id.is_some() || filter.rule.is_some(),
                "{steps}"
            );
            assert!(!steps.contains("SCAN"), "{steps}");
            let steps = plan(&connection, &range.count_query(10_000).0);
            // Only an index is scanned, and only up to the cap.
            let scanned = steps.replace("SCAN events USING", "");
            assert!(!scanned.contains("SCAN events"), "{steps}");
        }
    }
}

#[tokio::test]
async fn what_pages_read_uses_an_index() {
    let folder = Folder::new();
    drop(folder.open());
    let connection = database::open(&folder.path).unwrap();
    for (sql, index) in [
        (
            history::event_list::TYPES,
            "events USING COVERING INDEX events_by_type (type>?)",
        ),
        (
            history::failed_runs::FAILED,
            "runs USING COVERING INDEX runs_by_state (state=?)",
        ),
        (
            history::failed_runs::FAILED,
            "exchanges USING COVERING INDEX exchanges_by_run (run=?)",
        ),
        (
            history::activity::RULE_DAYS,
            "r USING COVERING INDEX runs_by_rule_state (queue=? AND state=? AND planned>? AND planned<?)",
        ),
        (
            history::activity::LAST_PLANNED,
            "r USING COVERING INDEX runs_by_rule_state (queue=? AND state=?)",
        ),
        (
            history::receivers::ACTIVE,
            "USING COVERING INDEX exchanges_by_receiver (receiver=? AND started>?)",
        ),
        (
            history::receivers::ATTEMPTS,
            "exchanges USING COVERING INDEX exchanges_by_receiver (receiver=? AND started>?)",
        ),
        (
            history::receivers::WAITING,
            "exchanges USING COVERING INDEX exchanges_by_run (run=?)",
        ),
        (
            history::queue::UNFINISHED_BY_RULE,
            "r USING INDEX runs_by_state (state=?)",
        ),
        (
            minutes::SINCE,
            "minutes USING INTEGER PRIMARY KEY (rowid>?)",
        ),
    ] {
        let steps = plan(&connection, sql);
        assert!(steps.contains(index), "{sql}: {steps}");
        let small = [
            "SCAN q",
            "SCAN s ",
            "SCAN d ",
            "SCAN page",
            "SCAN found",
            "SCAN receivers",
            "SCAN CONSTANT ROW",
        ];
        for step in steps.lines().filter(|step| step.starts_with("SCAN")) {
            let is_small = small
                .iter()
                .any(|table| format!("{step} ").starts_with(table));
            assert!(is_small, "{sql}: {steps}");
        }
    }
}
