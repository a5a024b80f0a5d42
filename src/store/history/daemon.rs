//! Daemons that share a store.

use jiff::Timestamp;

use crate::store::RevisionId;

/// A daemon that uses the store, or used it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonRow {
    /// Its id, which no other daemon gets.
    pub id: u64,
    pub host: String,
    pub process: u64,
    /// Where it receives events; `None` if it receives none.
    pub address: Option<String>,
    pub version: String,
    pub since: Timestamp,
    /// When it renewed its lease last.
    pub beat: Timestamp,
    /// Whether it has neither stopped nor lost its lease.
    pub is_live: bool,
    /// The revision that it evaluates events with.
    pub revision: Option<RevisionId>,
    /// The digest of that revision, in hexadecimal digits.
    pub digest: Option<String>,
    /// Whether its last reload failed, so that it uses older rules than it should.
    pub reload_failed: bool,
    /// Runs that it executes now.
    pub running: u64,
}
