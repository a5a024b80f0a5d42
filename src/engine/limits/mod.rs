//! Limits of the engine: active runs, concurrent calls, request rates.

pub mod active_runs;
pub mod concurrency;
pub mod permit_holders;
pub mod rate_limit;
