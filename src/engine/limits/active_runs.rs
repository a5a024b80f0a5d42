//! The runs that workers execute, so that one can be signalled to stop. A worker saves its log and ends itself;
//! nothing is aborted.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::Id;

use flowtrigger_core::run::RunId;

/// A signal to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSignal {
    Continue,
    /// The program stops: queue the run again.
    Stop,
    /// The run is cancelled.
    Cancel,
}

/// By task: a run that was retried may be claimed again before its last task has ended.
#[derive(Debug, Default)]
pub struct ActiveRuns(HashMap<Id, (RunId, watch::Sender<WorkerSignal>)>);

impl ActiveRuns {
    pub fn add(&mut self, task: Id, run: RunId, signals: watch::Sender<WorkerSignal>) {
        self.0.insert(task, (run, signals));
    }

    /// Removes a task and returns its run.
    pub fn remove(&mut self, task: Id) -> Option<RunId> {
        self.0.remove(&task).map(|(run, _)| run)
    }

    pub fn stop_all(&self) {
        for (_, signals) in self.0.values() {
            signals.send_if_modified(|signal| {
                let was_running = *signal == WorkerSignal::Continue;
                if was_running {
                    *signal = WorkerSignal::Stop;
                }
                was_running
            });
        }
    }

    /// Signals the worker of a run, if there is one, to cancel. The returned sender closes when the worker has
    /// ended.
    pub fn cancel(&self, run: RunId) -> Option<watch::Sender<WorkerSignal>> {
        let mut found = self.0.values().filter(|(at_work, _)| *at_work == run);
        let signals = found.find(|(_, signals)| !signals.is_closed())?.1.clone();
        signals.send_replace(WorkerSignal::Cancel);
        Some(signals)
    }
}
