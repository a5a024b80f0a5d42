//! The bounded buffer and the table of rejected requests. Nothing waits for it: beyond its limit requests are only
//! counted, and the next one that is kept has their number.

use std::sync::{Mutex, PoisonError};

use rusqlite::params;

use super::codec::micros;
use super::transaction::WriteTransaction;
use crate::store::{MAX_DELIVERIES, RejectedDelivery, StoreError};

/// Rejected requests that are kept of one tick, which is half a second: a flood cannot replace the whole table in
/// less than a minute of it.
const MAX_PER_TICK: usize = 100;

#[derive(Debug, Default)]
pub struct DeliveryBuffer(Mutex<BufferedDeliveries>);

#[derive(Debug, Default)]
struct BufferedDeliveries {
    deliveries: Vec<BufferedDelivery>,
    /// Requests since the last one that is kept.
    omitted: u64,
}

#[derive(Debug)]
struct BufferedDelivery {
    delivery: RejectedDelivery,
    omitted: u64,
}

impl DeliveryBuffer {
    pub fn put(&self, delivery: RejectedDelivery) {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.deliveries.len() >= MAX_PER_TICK {
            buffer.omitted += 1;
            return;
        }
        let omitted = std::mem::take(&mut buffer.omitted);
        buffer
            .deliveries
            .push(BufferedDelivery { delivery, omitted });
    }

    fn take(&self) -> Vec<BufferedDelivery> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut buffer.deliveries)
    }
}

impl WriteTransaction<'_> {
    /// Writes the buffered requests as rows, and deletes the oldest rows beyond the limit.
    pub fn write_deliveries(&mut self) -> Result<(), StoreError> {
        let deliveries = self.state.deliveries.take();
        if deliveries.is_empty() {
            return Ok(());
        }
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO deliveries
                 (received, source, method, path, peer, reason, status, size, detail, omitted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for BufferedDelivery { delivery, omitted } in deliveries {
            insert.execute(params![
                micros(delivery.received),
                delivery.source.as_deref(),
                delivery.method,
                delivery.path,
                delivery.peer.map(|peer| peer.to_string()),
                delivery.reason,
                delivery.status,
                delivery
                    .size
                    .map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
                delivery.detail,
                i64::try_from(omitted).unwrap_or(i64::MAX),
            ])?;
        }
        let newest = self.connection.last_insert_rowid();
        let limit = i64::try_from(MAX_DELIVERIES).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached("DELETE FROM deliveries WHERE id <= ?1")?
            .execute([newest - limit])?;
        Ok(())
    }
}
