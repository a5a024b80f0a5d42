//! The table of deliveries: writes what was buffered, and deletes the oldest rows of a kind beyond its limit.

use rusqlite::{Connection, params};

use super::codec::micros;
use super::delivery_buffer::DeliveryBatch;
use super::transaction::WriteTransaction;
use crate::store::{
    DeliveredEvents, Delivery, DeliveryId, DeliveryKind, DeliveryOutcome, DeliveryPart, StoreError,
    StoreSettings,
};

/// The part of `retention.at_most` that each kind may take, so that the rows never displace the runs.
const RETENTION_PART: u64 = 20;
/// Bytes of a row with its entries in the indexes, estimated.
const ROW_BYTES: u64 = 200;

/// Rows that one call deletes because of their age, so that other jobs wait only a little.
const MAX_DELETED: i64 = 5_000;

/// Rows by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryRows {
    accepted: i64,
    rejected: i64,
}

impl DeliveryRows {
    pub fn count(connection: &Connection) -> rusqlite::Result<Self> {
        let count = |kind| {
            connection.query_row(
                "SELECT count(*) FROM deliveries WHERE accepted = ?1",
                [accepted_column(kind)],
                |row| row.get(0),
            )
        };
        Ok(Self::new(
            count(DeliveryKind::Accepted)?,
            count(DeliveryKind::Rejected)?,
        ))
    }

    pub fn new(accepted: i64, rejected: i64) -> Self {
        Self { accepted, rejected }
    }

    fn of(&mut self, kind: DeliveryKind) -> &mut i64 {
        match kind {
            DeliveryKind::Accepted => &mut self.accepted,
            DeliveryKind::Rejected => &mut self.rejected,
        }
    }
}

/// The value of the column `accepted`.
pub fn accepted_column(kind: DeliveryKind) -> i64 {
    match kind {
        DeliveryKind::Accepted => 1,
        DeliveryKind::Rejected => 0,
    }
}

/// The highest id that was ever written.
pub fn last_delivery(connection: &Connection) -> rusqlite::Result<DeliveryId> {
    let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'deliveries'";
    connection.query_row(sql, [], |row| {
        Ok(DeliveryId(row.get::<_, i64>(0)?.unsigned_abs()))
    })
}

/// Rows of a kind that are kept: the newest.
pub fn max_rows(kind: DeliveryKind, settings: &StoreSettings) -> i64 {
    let room = settings.retention.at_most / RETENTION_PART / ROW_BYTES;
    i64::try_from(kind.limit().min(room)).unwrap_or(i64::MAX)
}

impl WriteTransaction<'_> {
    /// Writes the buffered requests as rows, and deletes the oldest rows beyond the limits.
    pub fn write_deliveries(&mut self) -> Result<(), StoreError> {
        let DeliveryBatch { new, counted } = self.state.deliveries.take();
        // They count as written once the commit has succeeded, and as lost if it fails.
        self.state.buffered.deliveries += new.len() as u64;
        for delivery in &new {
            self.insert_delivery(delivery)?;
            *self.state.delivery_rows.of(delivery.kind()) += 1;
        }
        let mut count = self.connection.prepare_cached(
            "UPDATE deliveries SET omitted = omitted + ?2, omitted_until = max(coalesce(omitted_until, ?3), ?3) WHERE id = ?1",
        )?;
        for counted in counted {
            let omitted = i64::try_from(counted.count).unwrap_or(i64::MAX);
            count.execute(params![id(counted.with), omitted, micros(counted.until)])?;
        }
        if new.is_empty() {
            return Ok(());
        }
        DeliveryKind::ALL
            .into_iter()
            .try_for_each(|kind| self.delete_oldest_deliveries(kind))
    }

    pub fn insert_delivery(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let none = DeliveredEvents::default();
        let (reason, detail, events) = match &delivery.outcome {
            DeliveryOutcome::Accepted(events) => ("", "", events),
            DeliveryOutcome::Rejected { reason, detail } => {
                (reason.as_str(), detail.as_str(), &none)
            }
        };
        let kind = delivery.kind();
        let if_accepted = |count: u64| match kind {
            DeliveryKind::Accepted => Some(i64::try_from(count).unwrap_or(i64::MAX)),
            DeliveryKind::Rejected => None,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO deliveries
                     (id, received, source, endpoint, method, path, peer, status, size, accepted,
                      reason, detail, events, matched, redelivered, first_event, differed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                id(delivery.id),
                micros(delivery.received),
                delivery.source.as_deref(),
                delivery.endpoint.as_deref(),
                delivery.method,
                delivery.path,
                delivery.peer.map(|peer| peer.to_string()),
                delivery.status,
                delivery
                    .size
                    .map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
                accepted_column(kind),
                reason,
                detail,
                if_accepted(events.count),
                if_accepted(events.matched),
                if_accepted(events.redelivered),
                (kind == DeliveryKind::Accepted).then_some(&events.first),
                if_accepted(events.differed),
            ])?;
        Ok(())
    }

    fn delete_oldest_deliveries(&mut self, kind: DeliveryKind) -> Result<(), StoreError> {
        let limit = max_rows(kind, &self.state.settings);
        let rows = self.state.delivery_rows.of(kind);
        let excess = *rows - limit;
        if excess <= 0 {
            return Ok(());
        }
        *rows = limit;
        self.connection
            .prepare_cached(DELETE_OLDEST)?
            .execute([accepted_column(kind), excess])?;
        Ok(())
    }

    /// Deletes rows of requests that were received before a time; the next call deletes the rest.
    pub fn delete_deliveries_before(&mut self, until: i64) -> Result<(), StoreError> {
        let deleted = self
            .connection
            .prepare_cached(DELETE_OLD)?
            .execute([until, MAX_DELETED])?;
        if deleted > 0 {
            self.state.delivery_rows = DeliveryRows::count(self.connection)?;
        }
        Ok(())
    }
}

pub const DELETE_OLD: &str = "DELETE FROM deliveries WHERE id IN
    (SELECT id FROM deliveries WHERE received < ?1 LIMIT ?2)";
pub const DELETE_OLDEST: &str = "DELETE FROM deliveries WHERE id IN
    (SELECT id FROM deliveries WHERE accepted = ?1 ORDER BY id LIMIT ?2)";

/// The number of a row.
pub fn id(delivery: DeliveryId) -> i64 {
    i64::try_from(delivery.0).unwrap_or(i64::MAX)
}

/// The position of an event in the array of its request, as a column has it.
pub fn index(part: DeliveryPart) -> Option<i64> {
    part.index
        .map(|index| i64::try_from(index).unwrap_or(i64::MAX))
}
