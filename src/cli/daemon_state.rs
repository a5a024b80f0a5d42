//! Asks the daemon of a data folder for what its database does not show: whether one runs, whether it can work, and
//! whether everything that was received is in the database.

use std::path::Path;

use crate::cli::runs::admin_client::AdminClient;
use crate::report::daemon_state::{ArchiveState, DaemonState};

pub fn ask_daemon(socket: &Path) -> DaemonState {
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

/// Makes a running daemon write what it has received.
pub fn flush_archive(socket: &Path) -> ArchiveState {
    match AdminClient::connect(socket) {
        Ok(None) => ArchiveState::Current,
        Err(error) => ArchiveState::Behind(error.to_string()),
        Ok(Some(admin)) => match admin.flush() {
            Ok(()) => ArchiveState::Current,
            Err(why) => ArchiveState::Behind(why),
        },
    }
}
