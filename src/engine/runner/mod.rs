//! Runs flows: the dispatcher claims runs and starts workers, a worker executes one run, and the report says
//! how it ended.

pub mod dispatcher;
pub mod performer;
pub mod report;
pub mod worker;
