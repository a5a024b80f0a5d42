//! What the database does not show: whether a daemon runs and can work, and whether everything that was received is in
//! the database.

use crate::report::render::escape::plain;

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

impl ArchiveState {
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
