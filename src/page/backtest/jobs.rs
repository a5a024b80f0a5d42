//! Keeps the backtests that were started on the page: one runs at a time, limited in events and time.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::engine::Rulebook;
use crate::report::backtest::difference::SampleReader;
use crate::report::backtest::execute::{
    BacktestBase, BacktestProgress, BacktestResult, BacktestScope, StopReason, execute,
};
use crate::report::backtest::report::RuleSamples;
use crate::report::error::CommandError;
use crate::store::History;

/// Backtests that are kept.
const MAX_JOBS: usize = 20;
/// Events that one reads, and how long it takes, at most.
const MAX_EVENTS: u64 = 1_000_000;
const MAX_TIME: Duration = Duration::from_secs(120);

/// The backtests of this daemon.
pub struct BacktestJobs {
    state: Mutex<JobList>,
    /// Becomes `true` when the daemon stops.
    closing: watch::Receiver<bool>,
}

#[derive(Default)]
struct JobList {
    next: u64,
    jobs: VecDeque<Arc<BacktestJob>>,
}

/// One backtest of a rule.
pub struct BacktestJob {
    pub id: u64,
    pub user: String,
    pub given: Timestamp,
    pub scope: BacktestScope,
    /// The rule, and whether its text differs from the one in force.
    pub rule: String,
    pub is_edited: bool,
    progress: Mutex<JobProgress>,
    is_cancelled: AtomicBool,
    closing: watch::Receiver<bool>,
}

/// How far a backtest is.
#[derive(Clone, Default)]
pub struct JobProgress {
    pub events: u64,
    /// When the last event that was read was received.
    pub at: Option<Timestamp>,
    pub end: Option<JobEnd>,
}

/// How a backtest ended.
#[derive(Clone)]
pub enum JobEnd {
    Complete(Arc<FinishedBacktest>),
    Failed(String),
}

/// The result of a backtest.
pub struct FinishedBacktest {
    pub result: BacktestResult,
    pub samples: Vec<RuleSamples>,
    pub rule_count: usize,
}

/// What is asked of a backtest.
pub struct JobRequest {
    pub user: String,
    pub scope: BacktestScope,
    pub rule: String,
    pub is_edited: bool,
}

impl BacktestJobs {
    pub fn new(closing: watch::Receiver<bool>) -> Self {
        Self {
            state: Mutex::default(),
            closing,
        }
    }

    /// Begins a backtest.
    ///
    /// # Errors
    /// The one that is in progress.
    pub fn begin(&self, request: JobRequest) -> Result<Arc<BacktestJob>, Arc<BacktestJob>> {
        let mut list = lock(&self.state);
        if let Some(other) = list.jobs.iter().find(|job| job.progress().end.is_none()) {
            return Err(Arc::clone(other));
        }
        list.next += 1;
        let job = Arc::new(BacktestJob {
            id: list.next,
            user: request.user,
            given: request.scope.now,
            scope: request.scope,
            rule: request.rule,
            is_edited: request.is_edited,
            progress: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
            closing: self.closing.clone(),
        });
        list.jobs.push_back(Arc::clone(&job));
        if list.jobs.len() > MAX_JOBS {
            list.jobs.pop_front();
        }
        Ok(job)
    }

    pub fn get(&self, id: u64) -> Option<Arc<BacktestJob>> {
        let list = lock(&self.state);
        list.jobs.iter().find(|job| job.id == id).cloned()
    }
}

impl BacktestJob {
    pub fn path(&self) -> String {
        format!("/backtests/{}", self.id)
    }

    pub fn progress(&self) -> JobProgress {
        lock(&self.progress).clone()
    }

    /// Ends it after the page of events that is being read.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Executes it on this thread, and keeps the result. `open` opens a read connection of its own.
    pub fn run(
        &self,
        book: &Rulebook,
        open: impl FnOnce() -> Result<Box<dyn History>, CommandError>,
    ) {
        let executed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            open().and_then(|history| self.execute(book, &*history))
        }));
        let end = match executed {
            Ok(Ok(finished)) => JobEnd::Complete(Arc::new(finished)),
            Ok(Err(error)) => JobEnd::Failed(error.to_string()),
            Err(_) => {
                JobEnd::Failed("the backtest ended early; this is a bug, please report it".into())
            }
        };
        lock(&self.progress).end = Some(end);
    }

    fn execute(
        &self,
        book: &Rulebook,
        history: &dyn History,
    ) -> Result<FinishedBacktest, CommandError> {
        let base = BacktestBase::WhatRan;
        let began = Instant::now();
        let result = execute(history, book, base, self.scope.clone(), &mut |progress| {
            self.note(progress);
            let is_cancelled = self.is_cancelled.load(Ordering::Relaxed) || *self.closing.borrow();
            let is_over = progress.events >= MAX_EVENTS || began.elapsed() > MAX_TIME;
            match (is_cancelled, is_over) {
                (true, _) => ControlFlow::Break(StopReason::Cancelled),
                (false, true) => ControlFlow::Break(StopReason::Limit),
                (false, false) => ControlFlow::Continue(()),
            }
        })?;
        let mut reader = SampleReader::new(history, book, base);
        let samples = result.rules.iter().map(|rule| reader.samples(rule));
        Ok(FinishedBacktest {
            samples: samples.collect::<Result<_, _>>()?,
            rule_count: book.rules.rules.len(),
            result,
        })
    }

    fn note(&self, progress: BacktestProgress) {
        let mut state = lock(&self.progress);
        state.events = progress.events;
        state.at = Some(progress.at);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(rule: &str) -> JobRequest {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        JobRequest {
            user: "ada".into(),
            scope: BacktestScope {
                since: now,
                until: now,
                now,
                rules: Vec::new(),
                samples: 3,
                threads: 1,
            },
            rule: rule.into(),
            is_edited: false,
        }
    }

    fn failing(job: &BacktestJob) {
        job.run(&Rulebook::default(), || {
            Err(CommandError::runtime("no store"))
        });
    }

    #[test]
    fn one_backtest_is_in_progress_at_a_time() {
        let jobs = BacktestJobs::new(watch::channel(false).1);
        let first = jobs.begin(request("a")).ok().expect("it begins");
        let busy = jobs.begin(request("b")).err().expect("another one runs");
        assert_eq!(busy.id, first.id);
        failing(&first);
        let end = first.progress().end;
        assert!(matches!(end, Some(JobEnd::Failed(why)) if why == "no store"));
        assert!(jobs.begin(request("b")).is_ok());
        assert!(jobs.get(first.id).is_some());
    }

    #[test]
    fn the_last_backtests_are_kept() {
        let jobs = BacktestJobs::new(watch::channel(false).1);
        for _ in 0..=MAX_JOBS {
            let job = jobs.begin(request("a")).ok().expect("it begins");
            failing(&job);
        }
        assert!(jobs.get(1).is_none());
        assert!(jobs.get(2).is_some());
    }
}
