//! Reads what the metrics and the status say of the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::store::{Store, StoreError};

/// What the metrics say of the queue.
pub struct QueueGauges {
    /// Runs by state; states without runs may be left out.
    pub counts: BTreeMap<&'static str, u64>,
    pub oldest: Option<Duration>,
    /// Events that runs wait for.
    pub waiters: u64,
}

impl QueueGauges {
    pub async fn read<S: Store>(store: &S, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self {
            counts: store.counts().await?,
            oldest: oldest_queued(store, now).await?,
            waiters: store.count_waiters().await?,
        })
    }
}

/// The age of the oldest queued run.
pub async fn oldest_queued<S: Store>(
    store: &S,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    let since = store.oldest_queued_at().await?;
    Ok(since.map(|since| now.duration_since(since).try_into().unwrap_or_default()))
}
