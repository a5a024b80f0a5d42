//! Limits of what the engine does at a time: active runs, calls to one host, requests to one connection.

pub mod active_runs;
pub mod concurrency;
pub mod rate_limit;
