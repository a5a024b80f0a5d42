//! Errors of a store, for every backend: what a backend reports becomes one of these.

use super::SettingsError;
use flowtrigger_core::run::{RunId, RunState};

/// Why a store rejected a call or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(
        "failed to store the event: {unfinished} runs are unfinished, the store's limit; send it again later"
    )]
    Full { unfinished: usize },
    #[error(
        "failed to store the event: runs wait for {waiters} events, the store's limit (`limits.waiters`); send it again later"
    )]
    TooManyWaiters { waiters: usize },
    #[error("failed to store the event in time: the disk is too slow; send it again later")]
    Busy,
    #[error("failed to find run {0}; retention may have deleted it")]
    UnknownRun(u64),
    /// Nothing was written.
    #[error(
        "the claim of run {0} has ended; another daemon has taken it over, or it was cancelled"
    )]
    ClaimLost(u64),
    #[error("run {run} is {state}, and only {expected} can be {command}")]
    WrongState {
        run: u64,
        state: &'static str,
        expected: &'static str,
        command: &'static str,
    },
    #[error("run {0} reports on a dead run and has no event of its own; replay the dead run")]
    OnlyTells(u64),
    #[error(
        "fields of the event of run {0} are no longer kept (`redact` in flowtrigger.yaml), and the run needs them; have the event sent again"
    )]
    Redacted(u64),
    #[error("the event is no longer stored; retention has deleted it")]
    UnknownEvent,
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Transient: the database of a shared store does not answer.
    #[error("failed to use the database: {0}")]
    Unreachable(String),
    #[error("failed to write to the data folder: {0}")]
    Broken(String),
    #[error("failed to read the database: {0}; start again, which sets the damaged file aside")]
    Damaged(String),
}

/// A part of a stored row that cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("failed to read back the {0}; the database was written by another version, or is damaged")]
pub struct RowError(pub &'static str);

impl StoreError {
    pub(super) fn cannot_retry(run: RunId, state: &RunState) -> Self {
        StoreError::WrongState {
            run: run.0,
            state: state.as_str(),
            expected: "dead, held and cancelled runs",
            command: "retried",
        }
    }

    pub(super) fn cannot_cancel(run: RunId, state: &RunState) -> Self {
        StoreError::WrongState {
            run: run.0,
            state: state.as_str(),
            expected: "unfinished and held runs",
            command: "cancelled",
        }
    }
}
