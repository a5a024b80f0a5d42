//! Makes the daemon write what it has received before a page reads the history.

use super::PageState;
use crate::report::daemon_state::ArchiveState;
use crate::source::admin::{AdminApi, AdminError};

impl<A: AdminApi> PageState<A> {
    /// Writes what was received. If that fails, a page is only a moment behind.
    pub async fn written(&self) -> ArchiveState {
        match self.admin.flush().await {
            Ok(()) => ArchiveState::Current,
            Err(
                AdminError::NotFound(why)
                | AdminError::Conflict(why)
                | AdminError::Unprocessable(why)
                | AdminError::Unavailable(why),
            ) => ArchiveState::Behind(why),
        }
    }
}
