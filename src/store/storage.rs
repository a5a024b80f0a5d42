//! What a store takes on disk, and what it could not keep.

/// The use of storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageUse {
    /// Size of the files; 0 in memory.
    pub bytes: u64,
    /// Unmatched events and exchanges that could not be stored since the start.
    pub lost_events: u64,
    pub lost_exchanges: u64,
}
