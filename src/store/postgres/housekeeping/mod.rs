//! Periodic work: partitions for the next days, retention by whole days, and rows that nothing refers to. One daemon does what all
//! share: the one in the first slot.

mod days;
mod rows;
mod unreferenced;
mod usage;

use std::time::{Duration, Instant};

use super::error::PostgresError;
use super::executor::Executor;
use super::schema::{day_of, ensure_days};
use super::shared::{Counter, NOW};
use days::drop_days;
use rows::{delete_rows, fold_counts};
use unreferenced::UnreferencedRows;
use usage::SlotWatch;

pub use usage::{DatabaseUse, sees_all_transactions};

/// Days whose partitions are created ahead.
const DAYS_AHEAD: i64 = 2;
/// Rows of one table that one statement deletes.
const MAX_DELETED: i64 = 10_000;
/// A transaction that keeps old rows from being removed for longer than this is warned of.
const OLD_SNAPSHOT: Duration = Duration::from_secs(600);

/// What one maintenance remembers for the next.
#[derive(Debug, Default)]
pub struct Upkeep {
    slots: SlotWatch,
    /// Whether the log says that a right is missing.
    reported_rights: bool,
    pub unreferenced: UnreferencedRows,
}

impl Executor {
    /// What is done every half minute.
    pub async fn maintain(&mut self) -> Result<(), PostgresError> {
        let settings = self.workspace.state().settings.clone();
        let member = self.shared.member();
        let counter = member.counter(Counter::Housekeeping);
        let session = self.connector.session().await?;
        self.noted
            .note(session, &self.shared, &self.registered)
            .await?;
        let now: i64 = session.query(NOW, Vec::new()).await?[0].try_get(0)?;
        let today = day_of(now);
        let days: Vec<i64> = (today..=today + DAYS_AHEAD).collect();
        ensure_days(session, &days).await?;
        let used = self.upkeep.slots.measure(session, Instant::now()).await?;
        self.shared.set_used(used);
        if member.rank != 0 {
            return Ok(());
        }
        if used.oldest_snapshot > OLD_SNAPSHOT {
            tracing::warn!(
                seconds = used.oldest_snapshot.as_secs(),
                dead_rows = used.dead_rows,
                "a transaction on the server keeps old rows from being removed; look for it in `pg_stat_activity` (`xact_start`), `pg_prepared_xacts` and `pg_replication_slots`, and end it"
            );
        }
        if !self.upkeep.reported_rights && !sees_all_transactions(session).await? {
            self.upkeep.reported_rights = true;
            tracing::warn!(
                "the user of the database has no right `pg_read_all_stats`: transactions of other users that keep old rows from being removed are not found"
            );
        }
        delete_rows(session, &settings, now).await?;
        self.upkeep.unreferenced.delete(session, now).await?;
        drop_days(session, &settings, now, counter).await?;
        fold_counts(session).await
    }
}
