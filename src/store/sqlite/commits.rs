//! Counts the commits of a store, and knows whether the thread that commits makes progress: for metrics, readiness and
//! a watchdog.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A commit that takes longer means that the disk or the database stands still. Events wait as long for a place in the
/// queue.
const MAX_COMMIT: Duration = Duration::from_secs(3);

/// How often the thread committed, and how long that took: for the metrics.
#[derive(Debug, Default)]
pub struct Commits {
    pub count: AtomicU64,
    pub micros: AtomicU64,
    /// Jobs that were answered by those commits.
    pub orders: AtomicU64,
    pub progress: CommitProgress,
}

impl Commits {
    /// Counts a commit that answered some jobs.
    pub fn count(&self, jobs: usize, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took, Ordering::Relaxed);
        self.orders.fetch_add(jobs as u64, Ordering::Relaxed);
    }
}

/// The commit in progress, and whether an event was rejected because the queue was full.
#[derive(Debug)]
pub struct CommitProgress {
    start: Instant,
    /// When the commit in progress began, in milliseconds since the start and 1 more; 0 if there is none.
    began: AtomicU64,
    rejects: AtomicBool,
}

/// A commit in progress, until it is dropped.
#[derive(Debug)]
pub struct CommitInProgress<'a>(&'a CommitProgress);

impl Default for CommitProgress {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            began: AtomicU64::new(0),
            rejects: AtomicBool::new(false),
        }
    }
}

impl CommitProgress {
    pub fn begin(&self) -> CommitInProgress<'_> {
        self.began
            .store(millis(self.start.elapsed()) + 1, Ordering::Relaxed);
        CommitInProgress(self)
    }

    /// Notes whether an event got a place in the queue in time.
    pub fn note_submission<T, E>(&self, submitted: &Result<T, E>) {
        self.rejects.store(submitted.is_err(), Ordering::Relaxed);
    }

    /// How long the commit in progress has taken.
    pub fn duration(&self) -> Option<Duration> {
        let began = self.began.load(Ordering::Relaxed).checked_sub(1)?;
        Some(
            self.start
                .elapsed()
                .saturating_sub(Duration::from_millis(began)),
        )
    }

    /// Why an event would be rejected now, given the free places of the queue.
    pub fn check(&self, free: usize) -> Result<(), String> {
        if let Some(took) = self.duration().filter(|took| *took > MAX_COMMIT) {
            return Err(format!(
                "a commit has not ended for {} s; check the disk, or the database and its locks",
                took.as_secs()
            ));
        }
        match free == 0 && self.rejects.load(Ordering::Relaxed) {
            true => Err(
                "the commit queue is full; the disk or the database is slower than the events arrive"
                    .into(),
            ),
            false => Ok(()),
        }
    }
}

impl Drop for CommitInProgress<'_> {
    fn drop(&mut self) {
        self.0.began.store(0, Ordering::Relaxed);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_does_not_end_is_named() {
        let mut progress = CommitProgress::default();
        assert_eq!((progress.duration(), progress.check(0)), (None, Ok(())));
        let commit = progress.begin();
        assert!(progress.duration().is_some());
        assert_eq!(progress.check(9), Ok(()));
        std::mem::forget(commit);
        // As if it had begun earlier.
        progress.start = Instant::now() - Duration::from_secs(7);
        progress.began.store(1_001, Ordering::Relaxed);
        let why = progress.check(9).unwrap_err();
        assert!(why.starts_with("a commit has not ended for 6 s"), "{why}");
        drop(progress.begin());
        assert_eq!(progress.check(9), Ok(()));
    }

    #[test]
    fn a_full_queue_is_a_reason_after_it_rejected_an_event() {
        let progress = CommitProgress::default();
        assert_eq!(progress.check(0), Ok(()), "it may have a place soon");
        progress.note_submission(&Err::<(), ()>(()));
        assert!(progress.check(0).is_err());
        assert_eq!(progress.check(1), Ok(()), "the next event has a place");
        progress.note_submission(&Ok::<(), ()>(()));
        assert_eq!(progress.check(0), Ok(()));
    }
}
