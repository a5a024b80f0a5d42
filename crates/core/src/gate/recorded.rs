//! A gate of a run in words, as it was when the run was planned.

use jiff::Timestamp;

/// What is kept of the check of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedGate {
    pub gate: String,
    /// The path and its value; empty if all events of the rule were grouped. Of `during` it is the schedule.
    pub value: String,
    /// What it went by: `window 1h`, `quiet 4h during office, at most 1d`, `office open: Mon 10:14 Europe/Berlin`.
    pub details: String,
    /// When a schedule was going to open or close.
    pub changes: Option<Timestamp>,
}
