//! Whether the last change could be written to disk: for readiness, and for commands that explain why runs wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A failure that continues is logged once in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct StoreHealth(Mutex<LastWrite>);

#[derive(Debug, Default)]
struct LastWrite {
    /// Why it failed.
    failed: Option<String>,
    /// When the failure was logged last.
    logged: Option<Instant>,
}

impl StoreHealth {
    /// A write failed. Returns whether to log it: at the first time, and once in [`LOG_INTERVAL`] while it fails for
    /// the same reason.
    pub fn fail(&self, why: &str, now: Instant) -> bool {
        let mut last = self.last();
        let is_same = last.failed.as_deref() == Some(why);
        let is_recent = last
            .logged
            .is_some_and(|at| now.duration_since(at) < LOG_INTERVAL);
        if is_same && is_recent {
            return false;
        }
        (last.failed, last.logged) = (Some(why.to_owned()), Some(now));
        true
    }

    /// A write succeeded.
    pub fn recover(&self) {
        self.last().failed = None;
    }

    pub fn is_failed(&self) -> bool {
        self.last().failed.is_some()
    }

    /// The reason of the last failure; `None` if a later write succeeded.
    pub fn reason(&self) -> Option<String> {
        self.last().failed.clone()
    }

    fn last(&self) -> MutexGuard<'_, LastWrite> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Self::reason`] with what to do about it.
    pub fn check(&self) -> Result<(), String> {
        match self.reason() {
            None => Ok(()),
            Some(why) => Err(format!(
                "the data folder cannot be written to: {why}; check the free space and the permissions, it is tried again twice a second"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{arrival, live_rule};
    use crate::store::sqlite::transaction::WriteTransaction;
    use crate::store::sqlite::writer::Durability;
    use crate::store::{SqliteStore, Store, StoreSettings};

    #[test]
    fn a_failure_that_continues_is_logged_once_a_minute() {
        let (health, start) = (StoreHealth::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(health.fail("full", start));
        assert!(!health.fail("full", after(59)));
        assert!(health.fail("full", after(60)));
        assert!(health.fail("damaged", after(61)));
        assert_eq!(health.reason().as_deref(), Some("damaged"));
        health.recover();
        assert!(!health.is_failed());
        assert!(health.fail("damaged", after(62)));
    }

    #[tokio::test]
    async fn a_commit_that_does_not_end_is_unhealthy_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let hold = store.writer.submit(Durability::Buffered, move |_| {
            // Until the sender is dropped.
            held.recv().unwrap_err();
            Ok(())
        });
        let release_when_unhealthy = async {
            while store.health().is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let why = store.health().unwrap_err();
            drop(release);
            why
        };
        let (held, why) = tokio::join!(hold, release_when_unhealthy);
        held.unwrap();
        assert!(why.starts_with("a commit has not ended for "), "{why}");
        // Its answer comes a moment before it has ended.
        while store.health().is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_unhealthy_until_a_change_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
        let limit = async |pages: i64| {
            let set = move |transaction: &mut WriteTransaction<'_>| {
                let sql = format!("PRAGMA max_page_count = {pages}");
                transaction
                    .connection
                    .query_row(&sql, [], |row| row.get::<_, i64>(0))?;
                Ok(())
            };
            store
                .writer
                .submit(Durability::Buffered, set)
                .await
                .unwrap();
        };
        assert_eq!(store.health(), Ok(()));
        limit(1).await;
        let mut number = 0;
        while store.health().is_ok() {
            number += 1;
            assert!(number < 10_000, "the database has no limit");
            let _ = store
                .commit(arrival(&format!("e{number}"), &live_rule("a")))
                .await;
        }
        let why = store.health().unwrap_err();
        assert!(why.contains("database or disk is full"), "{why}");
        limit(1_000_000).await;
        store
            .commit(arrival("after", &live_rule("a")))
            .await
            .unwrap();
        assert_eq!(store.health(), Ok(()));
    }
}
