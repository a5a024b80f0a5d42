//! The run queue: which run is claimed next, and every change of a run's state.

pub mod claim;
mod clock_shift;
mod records;
pub mod recovery;
mod run_log;
pub mod transition;
