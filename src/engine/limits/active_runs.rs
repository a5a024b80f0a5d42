//! Which runs are at work, so that one can be told to stop.
//! It stops nothing by force: a worker hears the order, keeps what it knows and ends by itself.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::Id;

use crate::core::run::RunId;

/// What a worker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSignal {
    Continue,
    /// The program ends: put the run back.
    Stop,
    /// A person gives the run up.
    Cancel,
}

/// By task: a run that was revived may be taken up again before its last task is gone.
#[derive(Debug, Default)]
pub struct ActiveRuns(HashMap<Id, (RunId, watch::Sender<WorkerSignal>)>);

impl ActiveRuns {
    pub fn add(&mut self, task: Id, run: RunId, signals: watch::Sender<WorkerSignal>) {
        self.0.insert(task, (run, signals));
    }

    /// Tells which run the task worked on.
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

    /// Gives the run up, if it is at work; the sender is closed once its worker ended.
    pub fn cancel(&self, run: RunId) -> Option<watch::Sender<WorkerSignal>> {
        let mut found = self.0.values().filter(|(at_work, _)| *at_work == run);
        let signals = found.find(|(_, signals)| !signals.is_closed())?.1.clone();
        signals.send_replace(WorkerSignal::Cancel);
        Some(signals)
    }
}
