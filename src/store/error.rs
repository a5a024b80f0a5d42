//! Errors of a store, for every backend: what a backend reports becomes one of these.

use super::SettingsError;
use crate::core::run::{RunId, State};

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(
        "failed to keep the event: {unfinished} runs are unfinished, the store's limit; send it again later"
    )]
    Full { unfinished: usize },
    #[error("failed to keep the event in time: the disk is behind; send it again later")]
    Busy,
    #[error("failed to find run {0}; it may be older than what the store keeps")]
    UnknownRun(u64),
    #[error("run {run} is {state}, and only {wanted} can be {order}")]
    WrongState {
        run: u64,
        state: &'static str,
        wanted: &'static str,
        order: &'static str,
    },
    #[error(
        "run {0} tells of another run's death and acts on no event of its own; replay that run"
    )]
    OnlyTells(u64),
    #[error(
        "fields of the event of run {0} are no longer kept (`redact` in flowtrigger.yaml), and it cannot be acted on without them; have it sent again"
    )]
    Redacted(u64),
    #[error(transparent)]
    Settings(#[from] SettingsError),
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
    pub(super) fn cannot_revive(run: RunId, state: &State) -> Self {
        StoreError::WrongState {
            run: run.0,
            state: state.word(),
            wanted: "dead, held and cancelled runs",
            order: "retried",
        }
    }

    pub(super) fn cannot_cancel(run: RunId, state: &State) -> Self {
        StoreError::WrongState {
            run: run.0,
            state: state.word(),
            wanted: "unfinished and held runs",
            order: "cancelled",
        }
    }
}
