//! Executes runs: the dispatcher claims them and starts workers, a worker executes one run, the report describes
//! its result.

pub mod dispatcher;
mod immediate_end;
pub mod lease_keeper;
pub mod performer;
pub mod report;
pub mod suspended_runs;
pub mod suspension_keeper;
pub mod worker;
