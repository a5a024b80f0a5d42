//! Reads the history for pages: opens read connections as needed, keeps some, and reads on blocking threads.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::store::History;
use crate::store::history::{HistoryError, HistoryOpenError};

/// Questions that are answered at the same time. A page asks a few short ones; the rest wait.
const MAX_READERS: usize = 4;

type OpenFn = dyn Fn() -> Result<Box<dyn History>, HistoryOpenError> + Send + Sync;

/// A pool of open read connections.
#[derive(Clone)]
pub struct HistoryReader {
    open: Arc<OpenFn>,
    idle: Arc<Mutex<Vec<Box<dyn History>>>>,
    permits: Arc<Semaphore>,
}

/// Why a page has no answer from the store.
#[derive(Debug, thiserror::Error)]
pub enum HistoryReadError {
    #[error(transparent)]
    Open(#[from] HistoryOpenError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("a question to the store ended early; this is a bug, please report it")]
    Ended,
}

impl HistoryReader {
    pub fn new(
        open: impl Fn() -> Result<Box<dyn History>, HistoryOpenError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            open: Arc::new(open),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(MAX_READERS)),
        }
    }

    /// A read connection of its own, for what takes long.
    pub fn open(&self) -> Result<Box<dyn History>, HistoryOpenError> {
        (self.open)()
    }

    /// Asks on a blocking thread. A connection whose question failed is closed.
    pub async fn read<T, E>(
        &self,
        ask: impl FnOnce(&dyn History) -> Result<T, E> + Send + 'static,
    ) -> Result<T, HistoryReadError>
    where
        T: Send + 'static,
        E: Into<HistoryReadError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let (open, idle) = (Arc::clone(&self.open), Arc::clone(&self.idle));
        let asked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let history = match kept {
                Some(history) => history,
                None => open()?,
            };
            let answer = ask(&*history).map_err(Into::into)?;
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(history);
            Ok(answer)
        });
        asked.await.unwrap_or(Err(HistoryReadError::Ended))
    }
}
