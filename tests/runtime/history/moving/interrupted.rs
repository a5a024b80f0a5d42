//! A move that was interrupted: the folder is rejected, and the repeated command continues.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flowtrigger::store::PostgresSettings;
use flowtrigger::store::postgres::transfer::{MoveError, MoveExtent, move_store};

use super::{Move, filled};
use crate::history::program::flowtrigger;

/// Ends at the first batch of the history, as a program that is killed.
fn interrupt(moved: &Move) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settings = PostgresSettings::for_url(moved.url.clone());
    let (database, mark) = (moved.database(), moved.mark());
    let mut on_rows = |_| assert!(!mark.exists(), "interrupted");
    let moving = move_store(&database, &settings, MoveExtent::History, &mut on_rows);
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(moving)));
    assert!(ended.is_err(), "the history has rows");
}

#[test]
fn an_interrupted_folder_is_rejected_until_the_move_is_repeated() {
    let Some(moved) = filled() else { return };
    interrupt(&moved);
    assert_eq!(moved.count("live_runs"), "5", "what decides was committed");
    let list = flowtrigger(moved.folder.path(), &["runs", "list"]);
    assert!(list.err.contains("is being moved"), "{}", list.err);
    assert!(list.err.contains("flowtrigger move"), "{}", list.err);
    let report = moved.execute(MoveExtent::History).unwrap();
    assert!(!report.was_complete);
    assert_eq!(moved.count("runs"), "10");
    assert!(!moved.mark().exists() && !moved.database().exists());
    // Put back by a person, the folder would receive events that no later command moves.
    std::fs::rename(&report.file, moved.database()).unwrap();
    let error = moved.execute(MoveExtent::History).unwrap_err();
    assert!(matches!(error, MoveError::PutBack(_)), "{error}");
    std::fs::copy(moved.database(), &report.file).unwrap();
    let error = moved.execute(MoveExtent::History).unwrap_err();
    assert!(matches!(error, MoveError::TwoFiles(..)), "{error}");
}

#[test]
fn a_mark_without_a_commit_is_no_obstacle() {
    let Some(moved) = filled() else { return };
    std::fs::write(moved.mark(), "").unwrap();
    let report = moved.execute(MoveExtent::Unfinished).unwrap();
    assert!(!report.was_complete);
    assert_eq!(moved.count("live_runs"), "5");
    // Interrupted between the new name and the end.
    std::fs::write(moved.mark(), "").unwrap();
    assert!(moved.execute(MoveExtent::Unfinished).unwrap().was_complete);
    assert!(!moved.mark().exists());
}
