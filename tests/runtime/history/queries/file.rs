//! The database file of the history: beside a writer, without one, read-only, and damaged. Reading never
//! changes it.

use std::fs;

use flowtrigger::store::history::{HistoryOpenError, RunFilter};
use flowtrigger::store::sqlite::VERSION;
use flowtrigger::store::{History, SqliteHistory};

use super::{page, three};
use crate::history::fixture::Data;

#[test]
fn a_writer_is_neither_waited_for_nor_kept_waiting() {
    let data = three();
    data.sql
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM log_entries; UPDATE runs SET state = 'done';")
        .unwrap();
    let history = SqliteHistory::open(&data.path()).unwrap();
    let states = |history: &SqliteHistory| {
        let rows = history.runs(&RunFilter::default(), page(9)).unwrap();
        rows.iter()
            .map(|row| row.state.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(&history), ["dead", "dead", "done"]);
    data.sql.execute_batch("COMMIT").unwrap();
    assert_eq!(states(&history), ["done"; 3]);
    // Nothing that was read keeps the log from being emptied.
    let busy: i64 = data
        .sql
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

#[test]
fn a_folder_at_rest_can_be_read_also_where_nothing_can_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let data = three();
    let path = data.path();
    let Data { sql, .. } = &data;
    sql.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    let at_rest = copy.path().join("100% what?#.db");
    fs::copy(&path, &at_rest).unwrap();
    for mode in [0o700, 0o500] {
        fs::set_permissions(copy.path(), fs::Permissions::from_mode(mode)).unwrap();
        let history = SqliteHistory::open(&at_rest).unwrap();
        assert_eq!(
            history.runs(&RunFilter::default(), page(9)).unwrap().len(),
            3
        );
    }
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_cannot_be_read_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    assert!(matches!(
        SqliteHistory::open(&path),
        Err(HistoryOpenError::Nothing(_))
    ));
    assert!(!path.exists());
    let data = three();
    data.sql.pragma_update(None, "user_version", 99).unwrap();
    let told = SqliteHistory::open(&data.path())
        .expect_err("rejected")
        .to_string();
    assert!(
        told.contains(&format!(
            "newer flowtrigger (file version 99, this program knows {VERSION})"
        )),
        "{told}"
    );
    fs::write(&path, vec![b'x'; 9_000]).unwrap();
    assert!(matches!(
        SqliteHistory::open(&path),
        Err(HistoryOpenError::Damaged(_))
    ));
    assert_eq!(fs::read(&path).unwrap(), vec![b'x'; 9_000]);
    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(matches!(
        SqliteHistory::open(&path),
        Err(HistoryOpenError::Foreign(_))
    ));
}
