//! Whether the last change could be written to disk: for readiness, and for commands that explain why runs wait.

use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub struct StoreHealth(Mutex<Option<String>>);

impl StoreHealth {
    /// A write failed.
    pub fn fail(&self, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// A write succeeded.
    pub fn recover(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn is_failed(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// The reason of the last failure; `None` if a later write succeeded.
    pub fn reason(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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
    use crate::store::conformance::{arrival, live_rule};
    use crate::store::sqlite::transaction::WriteTransaction;
    use crate::store::sqlite::writer::Durability;
    use crate::store::{SqliteStore, Store, StoreSettings};

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
