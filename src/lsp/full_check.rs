//! Checks a whole workspace in the background, as the command `check` does, and keeps what requests read of it.
//! Only the newest request counts, after a pause in which no other came.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::engine::{LoadedRulebook, Rulebook, RulebookPaths};
use crate::report::check;
use flowtrigger_core::compile::rule_files::may_define_flows;
use flowtrigger_core::diagnostic::FileId;

/// How long no further change must come before the whole workspace is checked.
const QUIET: Duration = Duration::from_millis(150);

/// A request to check everything.
#[derive(Debug)]
pub struct CheckJob {
    /// Increases with each change.
    pub generation: u64,
    pub paths: RulebookPaths,
}

/// Everything that was loaded, and all problems.
pub struct CheckedWorkspace {
    pub generation: u64,
    pub loaded: Arc<LoadedRulebook>,
    /// The rule files that may define named flows.
    pub flow_files: Vec<FileId>,
}

/// The thread that checks one workspace. It ends when this is dropped.
pub struct FullCheck {
    jobs: Sender<CheckJob>,
}

impl FullCheck {
    /// Starts the thread. `report` is called with each result.
    pub fn start(report: impl Fn(CheckedWorkspace) + Send + 'static) -> std::io::Result<Self> {
        let (jobs, received) = channel();
        let builder = thread::Builder::new().name("check".into());
        // The parser is recursive, and so are templates.
        let builder = builder.stack_size(8 << 20);
        builder.spawn(move || check_each(&received, &report))?;
        Ok(Self { jobs })
    }

    pub fn request(&self, job: CheckJob) {
        // The thread ends only with this sender.
        let _ = self.jobs.send(job);
    }
}

fn check_each(jobs: &Receiver<CheckJob>, report: &dyn Fn(CheckedWorkspace)) {
    while let Ok(mut job) = jobs.recv() {
        // The first check of a workspace is not delayed.
        let pause = match job.generation {
            0 => Duration::ZERO,
            _ => QUIET,
        };
        loop {
            match jobs.recv_timeout(pause) {
                Ok(newer) => job = newer,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let read = || check::read(&job.paths, &mut |_| {});
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(loaded) => report(CheckedWorkspace {
                generation: job.generation,
                flow_files: flow_files(&loaded.rulebook),
                loaded: Arc::new(loaded),
            }),
            // The panic is on standard error; the next change is checked again.
            Err(_) => tracing::error!("the check of the workspace failed"),
        }
    }
}

fn flow_files(book: &Rulebook) -> Vec<FileId> {
    let ids = book.rule_files.iter().copied();
    let has_flows = |id: &FileId| {
        let file = book.files.get(*id);
        file.is_some_and(|file| may_define_flows(&file.text))
    };
    ids.filter(has_flows).collect()
}
