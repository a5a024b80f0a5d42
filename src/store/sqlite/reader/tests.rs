//! Tests of opening a file and of questions that take too long.

use super::*;
use crate::store::sqlite::database;

#[test]
fn a_file_that_cannot_be_looked_at_is_not_reported_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    let open = |path: &Path| SqliteReader::open(path).unwrap_err().to_string();
    assert!(open(&path).contains("does not exist"));
    std::fs::write(&path, "").unwrap();
    assert!(open(&path).contains("is empty"), "{}", open(&path));
    let below = open(&path.join("flowtrigger.db"));
    assert!(below.contains("takes the folder"), "{below}");
    let denied = unreachable_file(&path, &io::ErrorKind::PermissionDenied.into());
    let denied = denied.to_string();
    assert!(denied.contains("permission denied"), "{denied}");
    assert!(denied.contains("the user of the daemon"), "{denied}");
}

#[test]
fn a_question_without_end_is_given_up_and_the_next_one_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    drop(database::open(&path).unwrap());
    let mut reader = SqliteReader::open(&path).unwrap();
    reader.max_query_time = Duration::from_millis(1);
    let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
        SELECT max(x) FROM n";
    let answer = reader.first(endless, &[], |row| row.get::<i64>(0));
    assert!(matches!(answer, Err(HistoryError::Timeout)), "{answer:?}");
    reader.max_query_time = MAX_QUERY_TIME;
    let runs = reader.first("SELECT count(*) FROM runs", &[], |row| row.get::<i64>(0));
    assert_eq!(runs.unwrap(), Some(0));
}
