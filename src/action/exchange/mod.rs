//! Records the exchange of one attempt while it is performed, so that an attempt that is stopped still has its
//! request. Every text is cleaned before it is kept: secrets are names, values of redacted fields are replaced.

mod clean;
mod command;
pub mod field_mask;
mod http;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flowtrigger_core::run::exchange::{ConnectionUse, Exchange};

use field_mask::FieldMask;

pub(in crate::action) use http::RequestKind;

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordScope {
    /// Texts up to so many bytes in each direction.
    Content {
        limit: usize,
    },
    /// Only method and address of a request, for lists.
    Target,
    Nothing,
}

/// Method and address are limited too where no content is kept.
const TARGET_BYTES: usize = 4 * 1_024;

/// The exchange of one attempt, as far as it has come. The attempt fills it, and another task may take it at any
/// time.
#[derive(Debug)]
pub struct ExchangeRecorder {
    scope: RecordScope,
    mask: FieldMask,
    inner: Mutex<RecordedParts>,
    connection: Arc<ConnectionRecord>,
}

#[derive(Debug, Default)]
struct RecordedParts {
    queued: Duration,
    began: Option<Instant>,
    exchange: Option<Exchange>,
}

/// What is known of the connection of a request. The connector fills it.
#[derive(Debug, Default)]
pub(in crate::action) struct ConnectionRecord(Mutex<OpenedConnection>);

#[derive(Debug, Clone, Copy)]
pub(in crate::action) struct OpenedConnection {
    pub(in crate::action) used: ConnectionUse,
    /// How long it took to open it; `None` if none was opened.
    pub(in crate::action) took: Option<Duration>,
    pub(in crate::action) address: Option<SocketAddr>,
}

impl Default for OpenedConnection {
    fn default() -> Self {
        Self::of(ConnectionUse::None)
    }
}

impl OpenedConnection {
    fn of(used: ConnectionUse) -> Self {
        let (took, address) = (None, None);
        Self {
            used,
            took,
            address,
        }
    }
}

impl ConnectionRecord {
    /// The request starts. Unless the connector is called, it uses an open connection.
    pub(in crate::action) fn request_starts(&self) {
        self.set(OpenedConnection::of(ConnectionUse::Reused));
    }

    /// The connector starts to open a connection.
    pub(in crate::action) fn opening(&self) {
        self.set(OpenedConnection::of(ConnectionUse::Opening));
    }

    /// The request failed because there was no connection.
    pub(in crate::action) fn not_made(&self) {
        self.set(OpenedConnection::default());
    }

    pub(in crate::action) fn set(&self, opened: OpenedConnection) {
        *lock(&self.0) = opened;
    }

    fn get(&self) -> OpenedConnection {
        *lock(&self.0)
    }
}

impl ExchangeRecorder {
    pub fn new(scope: RecordScope, mask: FieldMask) -> Self {
        Self {
            scope,
            mask,
            inner: Mutex::default(),
            connection: Arc::default(),
        }
    }

    /// Records nothing.
    pub fn none() -> Self {
        Self::new(RecordScope::Nothing, FieldMask::default())
    }

    /// The attempt starts after it has waited so long.
    pub fn waited(&self, queued: Duration) {
        self.parts().queued = queued;
    }

    /// The exchange as far as it has come. `None` if nothing was sent.
    pub fn take(&self) -> Option<Exchange> {
        let mut parts = self.parts();
        let total = parts.began?.elapsed();
        let mut exchange = parts.exchange.take()?;
        let timing = exchange.timing_mut();
        (timing.queued, timing.total) = (parts.queued, total);
        if let Exchange::Http(http) = &mut exchange {
            let opened = self.connection.get();
            http.timing.connect = opened.took;
            http.connection = match (opened.used, &http.response) {
                // The answer came over an open connection while a new one was being opened.
                (ConnectionUse::Opening, Some(_)) => ConnectionUse::Reused,
                (used, _) => used,
            };
            let address = || opened.address.map(|address| address.to_string());
            http.address = http.address.take().or_else(address);
        }
        Some(exchange)
    }

    /// A message, with the values of redacted fields replaced as in the exchange.
    pub(in crate::action) fn without_redacted_fields(&self, message: &str) -> String {
        self.mask.text(message).into_owned()
    }

    /// The record that the connector fills for requests of this attempt.
    pub(in crate::action) fn connection(&self) -> Arc<ConnectionRecord> {
        Arc::clone(&self.connection)
    }

    fn limit(&self) -> Option<usize> {
        match self.scope {
            RecordScope::Content { limit } => Some(limit),
            RecordScope::Target => Some(TARGET_BYTES),
            RecordScope::Nothing => None,
        }
    }

    fn keeps_content(&self) -> bool {
        match self.scope {
            RecordScope::Content { .. } => true,
            RecordScope::Target | RecordScope::Nothing => false,
        }
    }

    fn start(&self, exchange: Exchange) {
        let mut parts = self.parts();
        parts.began = Some(Instant::now());
        parts.exchange = Some(exchange);
    }

    fn parts(&self) -> MutexGuard<'_, RecordedParts> {
        lock(&self.inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
