//! Copies of a database that is in use: one moment of it, whole and verified, while commits go on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::sqlite::backup::{CopyError, CopyProgress, ExistingCopy, back_up, inspect};
use crate::store::sqlite::content::DatabaseContent;
use crate::store::sqlite::damage::mark_damaged;
use crate::store::sqlite::database::MIGRATIONS;
use crate::store::sqlite::restore::{ReplacedDatabase, RestoreError, StagedDatabase};

fn filled(folder: &Folder, events: usize) -> SqliteStore {
    let (store, _) = folder.open();
    let runtime = runtime();
    let rule = live_rule("a");
    for number in 0..events {
        let event = arrival(&format!("event-{number}"), &rule);
        runtime.block_on(store.commit(event)).unwrap();
    }
    store
}

/// Adds rows, so that a copy takes many steps.
fn enlarge(folder: &Folder) {
    let connection = Connection::open(&folder.path).unwrap();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO texts (digest, text) SELECT randomblob(32), hex(randomblob(1500)) FROM n";
    connection.execute_batch(sql).unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

fn file(folder: &Folder) -> PathBuf {
    folder.path.with_file_name("copy")
}

fn back_up_to(folder: &Folder, existing: ExistingCopy) -> Result<DatabaseContent, CopyError> {
    back_up(&folder.path, &file(folder), existing, &mut |_| {})
}

fn restore_into(
    database: &std::path::Path,
    from: &std::path::Path,
    replaced: ReplacedDatabase,
) -> Result<Option<PathBuf>, RestoreError> {
    StagedDatabase::copy(from, database, replaced, &mut |_| {})?.install()
}

#[test]
fn a_copy_is_that_of_one_moment_and_commits_go_on_meanwhile() {
    let folder = Folder::new();
    let store = filled(&folder, 10);
    enlarge(&folder);
    let (runtime, rule) = (runtime(), live_rule("a"));
    let mut steps = 0;
    let mut last = None;
    // Between any two steps an event is accepted, which would start a copy without a snapshot again.
    let mut on_progress = |progress: CopyProgress| {
        steps += 1;
        assert!(steps < 1_000, "the copy does not end");
        let event = arrival(&format!("during-{steps}"), &rule);
        let committed = runtime.block_on(store.commit(event)).unwrap();
        assert_eq!(committed.runs.len(), 1);
        last = Some(progress);
    };
    let content = back_up(
        &folder.path,
        &file(&folder),
        ExistingCopy::Keep,
        &mut on_progress,
    );
    let content = content.unwrap();
    let last = last.expect("more than one step");
    assert!(steps > 5, "{steps}");
    assert!(last.copied <= last.of && last.of > 1_000, "{last:?}");
    assert_eq!((content.events, content.count_runs()), (10, 10));
    assert_eq!(content.unfinished.get("a"), Some(&10));
    assert_eq!(inspect(&file(&folder)).unwrap(), content);
    assert_eq!(folder.rows("SELECT count(*) FROM events"), 10 + steps);
    let mode = fs::metadata(file(&folder)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!file(&folder).with_extension("tmp").exists());
}

#[test]
fn a_copy_is_opened_as_a_store_with_all_its_runs() {
    let folder = Folder::new();
    let store = filled(&folder, 3);
    let content = back_up_to(&folder, ExistingCopy::Keep).unwrap();
    drop(store);
    let other = Folder::new();
    let replaced = restore_into(&other.path, &file(&folder), ReplacedDatabase::Keep).unwrap();
    assert_eq!(replaced, None);
    let (store, _) = other.open();
    let unfinished = runtime().block_on(store.unfinished(10)).unwrap();
    assert_eq!(unfinished.len(), 3);
    assert!(content.newest_event.is_some());
}

#[test]
fn every_version_of_the_file_can_be_copied_and_restored() {
    for version in 1..=MIGRATIONS.len() {
        let folder = Folder::new();
        let connection = Connection::open(&folder.path).unwrap();
        for step in &MIGRATIONS[..version] {
            connection.execute_batch(step).unwrap();
        }
        connection
            .pragma_update(None, "user_version", version as i64)
            .unwrap();
        drop(connection);
        let content = back_up_to(&folder, ExistingCopy::Keep).unwrap();
        assert_eq!(content.version, version as i64);
        let other = Folder::new();
        restore_into(&other.path, &file(&folder), ReplacedDatabase::Keep).unwrap();
        drop(other.open());
        assert_eq!(
            other.rows("SELECT user_version FROM pragma_user_version"),
            VERSION
        );
    }
}

#[test]
fn a_file_that_exists_is_replaced_only_on_request_and_only_by_a_whole_copy() {
    let folder = Folder::new();
    let store = filled(&folder, 1);
    fs::write(file(&folder), "mine").unwrap();
    let rejected = back_up_to(&folder, ExistingCopy::Keep);
    assert!(
        matches!(rejected, Err(CopyError::Exists(_))),
        "{rejected:?}"
    );
    assert_eq!(fs::read(file(&folder)).unwrap(), b"mine");
    assert_eq!(
        back_up_to(&folder, ExistingCopy::Replace).unwrap().events,
        1
    );
    assert_eq!(inspect(&file(&folder)).unwrap().events, 1);
    drop(store);
}

#[test]
fn the_files_of_the_database_are_not_overwritten() {
    let folder = Folder::new();
    let store = filled(&folder, 1);
    for name in [
        "flowtrigger.db",
        "flowtrigger.db-wal",
        "flowtrigger.db-moved",
    ] {
        let name = folder.path.with_file_name(name);
        let rejected = back_up(&folder.path, &name, ExistingCopy::Replace, &mut |_| {});
        assert!(
            matches!(rejected, Err(CopyError::Source(_))),
            "{rejected:?}"
        );
    }
    let link = folder.path.with_file_name("link");
    std::os::unix::fs::symlink(&folder.path, &link).unwrap();
    let rejected = back_up(&folder.path, &link, ExistingCopy::Replace, &mut |_| {});
    assert!(
        matches!(rejected, Err(CopyError::Source(_))),
        "{rejected:?}"
    );
    let parent = folder.path.parent().unwrap();
    let rejected = back_up(&folder.path, parent, ExistingCopy::Replace, &mut |_| {});
    assert!(
        matches!(rejected, Err(CopyError::NotAFile(_))),
        "{rejected:?}"
    );
    drop(store);
}

#[test]
fn a_link_at_the_name_of_the_incomplete_file_is_not_followed() {
    let folder = Folder::new();
    let store = filled(&folder, 1);
    let victim = folder.path.with_file_name("victim");
    fs::write(&victim, "kept").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path.with_file_name("copy.tmp")).unwrap();
    let rejected = back_up_to(&folder, ExistingCopy::Keep);
    assert!(
        matches!(rejected, Err(CopyError::Write { .. })),
        "{rejected:?}"
    );
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    drop(store);
}

#[test]
fn what_an_interrupted_copy_left_is_overwritten() {
    let folder = Folder::new();
    let store = filled(&folder, 1);
    fs::write(folder.path.with_file_name("copy.tmp"), vec![b'x'; 50_000]).unwrap();
    assert_eq!(back_up_to(&folder, ExistingCopy::Keep).unwrap().events, 1);
    assert_eq!(inspect(&file(&folder)).unwrap().events, 1);
    drop(store);
}

#[test]
fn a_backup_that_cannot_be_used_changes_nothing() {
    let folder = Folder::new();
    let store = filled(&folder, 40);
    enlarge(&folder);
    back_up_to(&folder, ExistingCopy::Keep).unwrap();
    drop(store);
    let whole = fs::read(file(&folder)).unwrap();
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        bytes
    };
    let is_damaged = |error: &CopyError| matches!(error, CopyError::Damaged { .. });
    let is_foreign = |error: &CopyError| matches!(error, CopyError::Foreign(_));
    type IsExpected<'a> = &'a dyn Fn(&CopyError) -> bool;
    let cases: [(Vec<u8>, IsExpected<'_>); 5] = [
        (
            damaged(&|bytes| bytes.truncate(bytes.len() / 2)),
            &is_damaged,
        ),
        (
            damaged(&|bytes| {
                let page = 4096 * 30;
                bytes[page..page + 4096].fill(b'x');
            }),
            &is_damaged,
        ),
        (b"name: not-a-database\n".repeat(900), &is_damaged),
        (Vec::new(), &is_foreign),
        (damaged(&|bytes| bytes[60..64].fill(0)), &is_foreign),
    ];
    for (number, (bytes, is_expected)) in cases.into_iter().enumerate() {
        let bad = folder.path.with_file_name(format!("bad-{number}"));
        fs::write(&bad, bytes).unwrap();
        let error = inspect(&bad).unwrap_err();
        assert!(is_expected(&error), "{number}: {error:?}");
        let other = Folder::new();
        drop(filled(&other, 2));
        let before = fs::read(&other.path).unwrap();
        let error = restore_into(&other.path, &bad, ReplacedDatabase::SetAside).unwrap_err();
        let RestoreError::Copy(error) = error else {
            panic!("{error}");
        };
        assert!(is_expected(&error), "{number}: {error:?}");
        assert!(
            fs::read(&other.path).unwrap() == before,
            "the file was changed"
        );
        assert_eq!(
            fs::read_dir(other.path.parent().unwrap()).unwrap().count(),
            1
        );
    }
    let newer = Connection::open(file(&folder)).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let error = inspect(&file(&folder)).unwrap_err();
    assert!(
        matches!(error, CopyError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[test]
fn a_database_of_the_folder_is_kept_under_another_name() {
    let folder = Folder::new();
    drop(filled(&folder, 3));
    back_up_to(&folder, ExistingCopy::Keep).unwrap();
    let other = Folder::new();
    let store = filled(&other, 1);
    let rejected = restore_into(&other.path, &file(&folder), ReplacedDatabase::Keep);
    assert!(matches!(&rejected, Err(RestoreError::Occupied(path)) if *path == other.path));
    drop(store);
    for number in 1..=2 {
        let replaced =
            restore_into(&other.path, &file(&folder), ReplacedDatabase::SetAside).unwrap();
        let name = format!("flowtrigger.db.replaced-{number}");
        assert_eq!(replaced, Some(other.path.with_file_name(name)));
        assert_eq!(other.rows("SELECT count(*) FROM events"), 3);
    }
    let old = inspect(&other.path.with_file_name("flowtrigger.db.replaced-1")).unwrap();
    assert_eq!(old.events, 1);
}

#[test]
fn a_log_without_its_database_is_not_applied_to_the_restored_one() {
    let folder = Folder::new();
    drop(filled(&folder, 3));
    back_up_to(&folder, ExistingCopy::Keep).unwrap();
    let other = Folder::new();
    let log = other.path.with_file_name("flowtrigger.db-wal");
    fs::write(&log, "old changes").unwrap();
    let rejected = restore_into(&other.path, &file(&folder), ReplacedDatabase::Keep);
    assert!(matches!(&rejected, Err(RestoreError::Occupied(path)) if *path == log));
    restore_into(&other.path, &file(&folder), ReplacedDatabase::SetAside).unwrap();
    assert!(!log.exists());
    let aside = other.path.with_file_name("flowtrigger.db.replaced-1-wal");
    assert_eq!(fs::read(aside).unwrap(), b"old changes");
}

#[test]
fn a_restored_database_is_not_set_aside_as_the_damaged_one_before_it() {
    let folder = Folder::new();
    drop(filled(&folder, 3));
    back_up_to(&folder, ExistingCopy::Keep).unwrap();
    let other = Folder::new();
    fs::write(&other.path, vec![b'x'; 20_000]).unwrap();
    mark_damaged(&other.path);
    restore_into(&other.path, &file(&folder), ReplacedDatabase::SetAside).unwrap();
    let (store, _) = other.open();
    let unfinished = runtime().block_on(store.unfinished(10)).unwrap();
    assert_eq!(unfinished.len(), 3);
}
