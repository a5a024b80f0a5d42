//! Asks the daemon of a data folder for what its database does not show: whether one runs, whether it can work, and
//! whether everything that was received is in the database.

use std::path::Path;

use crate::cli::render::escape::plain;
use crate::cli::runs::admin_client::AdminClient;

/// The daemon of a data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonState {
    /// No daemon runs on the folder.
    Absent,
    /// It could not be asked, for this reason.
    Unknown(String),
    Ready,
    /// It accepts no events, for this reason.
    NotReady(String),
}

/// Whether the database has all that was received before the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveState {
    Current,
    /// Events of the last moment may be missing, for this reason.
    Behind(String),
}

impl DaemonState {
    pub fn ask(socket: &Path) -> Self {
        match AdminClient::connect(socket) {
            Ok(None) => DaemonState::Absent,
            Err(error) => DaemonState::Unknown(error.to_string()),
            Ok(Some(admin)) => match admin.readiness() {
                Ok(None) => DaemonState::Ready,
                Ok(Some(reason)) => DaemonState::NotReady(reason),
                Err(why) => DaemonState::Unknown(why),
            },
        }
    }
}

impl ArchiveState {
    /// Makes a running daemon write what it has received.
    pub fn flush(socket: &Path) -> Self {
        match AdminClient::connect(socket) {
            Ok(None) => ArchiveState::Current,
            Err(error) => ArchiveState::Behind(error.to_string()),
            Ok(Some(admin)) => match admin.flush() {
                Ok(()) => ArchiveState::Current,
                Err(why) => ArchiveState::Behind(why),
            },
        }
    }

    /// The reason if events may be missing.
    pub fn behind(&self) -> Option<&str> {
        match self {
            ArchiveState::Current => None,
            ArchiveState::Behind(why) => Some(why),
        }
    }

    /// The note if events may be missing.
    pub fn note(&self) -> Option<String> {
        let why = self.behind()?;
        Some(format!(
            "the archive may be a moment behind: events and rejected requests of the last seconds may be missing ({}); ask again",
            plain(why)
        ))
    }
}
