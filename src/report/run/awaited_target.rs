//! Finds what a run waits for, if that is paused or down.

use crate::report::error::CommandError;
use crate::store::History;
use crate::store::history::{RunRow, SuspendedTarget};
use flowtrigger_core::run::RunState;

/// What a run waits for, as it is now.
pub fn read(row: &RunRow, history: &dyn History) -> Result<Option<SuspendedTarget>, CommandError> {
    if row.state == RunState::Queued {
        return Ok(SuspendedTarget::pause_of_everything(history.suspended()?));
    }
    let Some(key) = row.state.parked_on() else {
        return Ok(None);
    };
    let mut suspended = history.suspended()?.into_iter();
    Ok(suspended.find(|found| found.target.key() == key))
}
