//! How much the store in memory holds at most.
//! It refuses to be configured: who needs more needs a store on disk.

/// What bounds the memory. Runs of one event share it, and it is let go with the last of them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Finished runs that can still be looked up; the oldest are forgotten first.
    pub finished: usize,
    /// Events, by id, whose redelivery is recognised: some 20 MB when full. A sender that repeats
    /// an event later than this many others runs it again.
    pub seen: usize,
    /// Runs queued, running or retrying. Beyond it nothing is accepted.
    pub unfinished: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            finished: 10_000,
            seen: 100_000,
            unfinished: 20_000,
        }
    }
}
