//! Limits of the engine: active runs, concurrent calls, request rates.

pub mod active_runs;
pub mod concurrency;
pub mod rate_limit;
