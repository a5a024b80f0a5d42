//! Asks the daemon of a data folder for what its database does not show: whether one runs, whether it can work, and
//! whether everything that was received is in the database.

use std::path::Path;

use crate::cli::runs::admin_client::AdminClient;
use crate::report::daemon_state::{ArchiveState, DaemonState};
use crate::store::History;

/// Asks the daemon of the data folder. If there is none, a daemon on another machine that uses the same store
/// continues the runs.
pub fn ask_daemon(socket: &Path, history: &dyn History) -> DaemonState {
    match AdminClient::connect(socket) {
        Ok(None) => match history.daemons() {
            Ok(daemons) if daemons.iter().any(|daemon| daemon.is_live) => DaemonState::Ready,
            Ok(_) | Err(_) => DaemonState::Absent,
        },
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
