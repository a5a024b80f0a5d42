//! Measures the database: its size, and what keeps old versions of rows from being removed.

use std::time::{Duration, Instant};

use crate::store::postgres::error::PostgresError;
use crate::store::postgres::session::{Pipeline, PostgresSession};

/// What the last maintenance saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseUse {
    pub bytes: u64,
    /// Bytes of unmatched events.
    pub archive_bytes: u64,
    /// How long the oldest transaction, prepared transaction or replication slot has kept old rows from being removed.
    pub oldest_snapshot: Duration,
    /// Rows in `live_runs` that were changed and not yet removed.
    pub dead_rows: u64,
}

/// Transactions of this database, seconds since the oldest began. One that has written has an id; one that reads has a snapshot.
const OLDEST_TRANSACTION: &str =
    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - began)), 0)::bigint FROM (
         SELECT xact_start AS began FROM pg_stat_activity
         WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()
             AND datname = current_database()
         UNION ALL SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()) AS open";

/// The snapshot that the replication slots keep, or 0. The server does not say since when.
const SLOTS: &str =
    "SELECT coalesce(min(xmin::text::bigint), 0) FROM pg_replication_slots WHERE xmin IS NOT NULL";

/// Since when the replication slots have kept the same snapshot.
#[derive(Debug, Default)]
pub struct SlotWatch {
    kept: Option<(i64, Instant)>,
}

impl SlotWatch {
    pub async fn measure(
        &mut self,
        session: &PostgresSession,
        now: Instant,
    ) -> Result<DatabaseUse, PostgresError> {
        let mut ask = Pipeline::default();
        for sql in [
            "SELECT pg_database_size(current_database())::bigint",
            "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits
             WHERE inhparent = 'unmatched_events'::regclass",
            OLDEST_TRANSACTION,
            "SELECT coalesce(max(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'live_runs'",
            SLOTS,
        ] {
            ask.query(sql, Vec::new());
        }
        let answers = session.run(&ask).await?;
        let number =
            |index: usize| -> Result<i64, PostgresError> { Ok(answers[index][0].try_get(0)?) };
        let transaction = Duration::from_secs(number(2)?.unsigned_abs());
        Ok(DatabaseUse {
            bytes: number(0)?.unsigned_abs(),
            archive_bytes: number(1)?.unsigned_abs(),
            oldest_snapshot: transaction.max(self.kept_for(number(4)?, now)),
            dead_rows: number(3)?.unsigned_abs(),
        })
    }

    /// How long the slots have kept this snapshot. A slot that is read moves on, because daemons write all the time.
    fn kept_for(&mut self, snapshot: i64, now: Instant) -> Duration {
        let same = self.kept.filter(|(kept, _)| *kept == snapshot);
        self.kept = match snapshot {
            0 => None,
            _ => Some(same.unwrap_or((snapshot, now))),
        };
        self.kept
            .map_or(Duration::ZERO, |(_, since)| now.duration_since(since))
    }
}

/// Whether the user sees when transactions of other users began.
pub async fn sees_all_transactions(session: &PostgresSession) -> Result<bool, PostgresError> {
    let sql = "SELECT pg_has_role('pg_read_all_stats', 'USAGE')";
    Ok(session.query(sql, Vec::new()).await?[0].try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_old_rows_while_its_snapshot_does_not_move() {
        let (mut slots, start) = (SlotWatch::default(), Instant::now());
        let mut at = |seconds: u64, snapshot: i64| {
            let kept = slots.kept_for(snapshot, start + Duration::from_secs(seconds));
            kept.as_secs()
        };
        assert_eq!(at(0, 0), 0);
        assert_eq!(at(10, 700), 0);
        assert_eq!(at(40, 700), 30);
        assert_eq!(at(70, 800), 0);
        assert_eq!(at(90, 800), 20);
        assert_eq!(at(100, 0), 0);
        assert_eq!(at(130, 800), 0);
    }
}
