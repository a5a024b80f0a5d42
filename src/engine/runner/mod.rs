//! Executes runs: the dispatcher claims them and starts workers, a worker executes one run, the report describes
//! its result.

pub mod dispatcher;
pub mod lease_keeper;
pub mod performer;
pub mod report;
pub mod worker;
