//! What a store counted since its start, for the metrics.

use super::SqliteStore;
use super::commits::Commits;

impl SqliteStore {
    /// How often it committed, and how long that took.
    pub fn commits(&self) -> &Commits {
        &self.writer.commits
    }

    /// Unmatched events that were archived, and those that were lost.
    pub fn archived(&self) -> (u64, u64) {
        (
            self.archive_buffer.written.get(),
            self.archive_buffer.lost.get(),
        )
    }

    /// Exchanges of attempts that were written, and those that were lost.
    pub fn recorded(&self) -> (u64, u64) {
        (self.exchanges.written.get(), self.exchanges.lost.get())
    }

    /// Rows of the list of deliveries that were written, and those that were lost.
    pub fn delivered(&self) -> (u64, u64) {
        (self.deliveries.written.get(), self.deliveries.lost.get())
    }

    /// Bytes of the archived events.
    pub fn archive_size(&self) -> u64 {
        self.archive_buffer.size.get()
    }
}
