//! What a store did about runs that were running when their daemon ended without shutdown.

use flowtrigger_core::run::RunId;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Queued again, to be executed one at a time.
    pub suspects: Vec<RunId>,
    /// Held after too many crashes.
    pub quarantined: Vec<RunId>,
}
