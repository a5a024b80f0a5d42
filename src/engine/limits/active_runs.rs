//! The runs that workers execute, so that one can be signalled to stop. A worker saves its log and ends itself;
//! nothing is aborted.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::Id;

use crate::store::ClaimId;
use flowtrigger_core::run::RunId;

/// A signal to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSignal {
    Continue,
    /// The program stops: queue the run again.
    Stop,
    /// The run is cancelled.
    Cancel,
    /// The claim has ended: leave the run as it is.
    Lost,
}

/// A run with the claim under which a worker executes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveRun {
    pub run: RunId,
    pub claim: ClaimId,
}

/// A worker that was signalled to cancel.
#[derive(Debug)]
pub struct CancelledWorker {
    pub claim: ClaimId,
    /// Closes when the worker has ended.
    pub signals: watch::Sender<WorkerSignal>,
}

/// By task: a run that was retried may be claimed again before its last task has ended.
#[derive(Debug, Default)]
pub struct ActiveRuns(HashMap<Id, (ActiveRun, watch::Sender<WorkerSignal>)>);

impl ActiveRuns {
    pub fn add(&mut self, task: Id, run: ActiveRun, signals: watch::Sender<WorkerSignal>) {
        self.0.insert(task, (run, signals));
    }

    /// Removes a task and returns its run.
    pub fn remove(&mut self, task: Id) -> Option<ActiveRun> {
        self.0.remove(&task).map(|(run, _)| run)
    }

    /// The runs with their claims.
    pub fn claims(&self) -> Vec<ActiveRun> {
        self.0.values().map(|(run, _)| *run).collect()
    }

    pub fn stop_all(&self) {
        for (_, signals) in self.0.values() {
            send(signals, WorkerSignal::Stop);
        }
    }

    /// Signals the worker with this claim, if there is one, that it has ended.
    pub fn lose(&self, lost: ActiveRun) {
        for (_, signals) in self.0.values().filter(|(active, _)| *active == lost) {
            send(signals, WorkerSignal::Lost);
        }
    }

    /// Signals the workers of a run to cancel: there may be one with an earlier claim beside the current one.
    pub fn cancel(&self, run: RunId) -> Vec<CancelledWorker> {
        let active = self.0.values();
        let found = active.filter(|(active, signals)| active.run == run && !signals.is_closed());
        let signalled = found.map(|(active, signals)| {
            signals.send_replace(WorkerSignal::Cancel);
            CancelledWorker {
                claim: active.claim,
                signals: signals.clone(),
            }
        });
        signalled.collect()
    }
}

/// The first signal stays.
fn send(signals: &watch::Sender<WorkerSignal>, signal: WorkerSignal) {
    signals.send_if_modified(|current| {
        let was_running = *current == WorkerSignal::Continue;
        if was_running {
            *current = signal;
        }
        was_running
    });
}
