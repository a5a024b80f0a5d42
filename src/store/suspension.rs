//! What is suspended, as a store keeps it: one row per target, changed only by those who know its last version, and the
//! runs that wait.

use flowtrigger_core::run::RunId;
use flowtrigger_core::suspension::{Suspension, SuspensionTarget};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RowError, Store, StoreError};

/// A row of the suspensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSuspension {
    pub target: SuspensionTarget,
    /// Another one after each change.
    pub version: i64,
    pub suspension: Suspension,
}

/// A change of a suspension. It has no effect if another daemon has changed the row meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspensionChange {
    pub target: SuspensionTarget,
    /// The version that was read; `None` if there was no row.
    pub expected: Option<i64>,
    pub suspension: Suspension,
}

/// Runs that wait for the end of a suspension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRuns {
    pub target: SuspensionTarget,
    pub count: u64,
    /// Since when the one waits that has waited longest.
    pub since: Timestamp,
}

/// Which parked runs to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedQuery {
    pub target: SuspensionTarget,
    /// Begin behind this run, and go on with the oldest after the newest.
    pub after: Option<RunId>,
    pub limit: u32,
}

/// Runs that need not wait for a target any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub target: SuspensionTarget,
    pub runs: Vec<RunId>,
    /// The time at which they count as queued again.
    pub now: Timestamp,
}

/// The content of the column, with the version of its form.
#[derive(Serialize, Deserialize)]
struct SuspensionContent {
    version: u32,
    #[serde(flatten)]
    suspension: Suspension,
}

const CONTENT_VERSION: u32 = 1;
/// How often a change is tried again that another program was faster with.
const MAX_CHANGES: usize = 10;

/// Changes a suspension from what is stored now, and tries again if another program was faster. Returns what `next` says
/// beside the suspension; `None` as the suspension changes nothing.
pub async fn change_stored<S: Store, T>(
    store: &S,
    target: &SuspensionTarget,
    next: impl Fn(&Suspension) -> (T, Option<Suspension>),
) -> Result<T, StoreError> {
    for _ in 0..MAX_CHANGES {
        let stored = store.suspensions().await?;
        let current = stored.into_iter().find(|row| row.target == *target);
        let expected = current.as_ref().map(|row| row.version);
        let current = current.map(|row| row.suspension).unwrap_or_default();
        let (said, suspension) = next(&current);
        let Some(suspension) = suspension else {
            return Ok(said);
        };
        let change = SuspensionChange {
            target: target.clone(),
            expected,
            suspension,
        };
        if store.change_suspension(change).await?.is_some() {
            return Ok(said);
        }
    }
    Err(StoreError::Busy)
}

impl StoredSuspension {
    /// From the columns target, version and content.
    pub(super) fn read(target: &str, version: i64, content: &str) -> Result<Self, RowError> {
        let target = target.parse();
        let content: SuspensionContent =
            serde_json::from_str(content).map_err(|_| RowError("content of a suspension"))?;
        if content.version != CONTENT_VERSION {
            return Err(RowError("version of a suspension"));
        }
        Ok(Self {
            target: target.map_err(|_| RowError("target of a suspension"))?,
            version,
            suspension: content.suspension,
        })
    }
}

impl SuspensionChange {
    /// The content of the column; `None` if nothing is suspended any more and the row is deleted.
    pub(super) fn content(&self) -> Option<String> {
        if self.suspension.is_over() {
            return None;
        }
        let content = SuspensionContent {
            version: CONTENT_VERSION,
            suspension: self.suspension.clone(),
        };
        serde_json::to_string(&content).ok()
    }
}
