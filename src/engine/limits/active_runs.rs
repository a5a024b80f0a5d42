//! Which runs are at work, so that one can be told to stop.
//! It stops nothing by force: a worker hears the order, keeps what it knows and ends by itself.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::Id;

use crate::core::run::RunId;

/// What a worker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSignal {
    GoOn,
    /// The program ends: put the run back.
    Stop,
    /// A person gives the run up.
    Cancel,
}

/// By task: a run that was revived may be taken up again before its last task is gone.
#[derive(Debug, Default)]
pub struct ActiveRuns(HashMap<Id, (RunId, watch::Sender<WorkerSignal>)>);

impl ActiveRuns {
    pub fn add(&mut self, task: Id, run: RunId, orders: watch::Sender<WorkerSignal>) {
        self.0.insert(task, (run, orders));
    }

    /// Tells which run the task worked on.
    pub fn remove(&mut self, task: Id) -> Option<RunId> {
        self.0.remove(&task).map(|(run, _)| run)
    }

    pub fn stop_all(&self) {
        for (_, orders) in self.0.values() {
            orders.send_if_modified(|order| {
                let goes_on = *order == WorkerSignal::GoOn;
                if goes_on {
                    *order = WorkerSignal::Stop;
                }
                goes_on
            });
        }
    }

    /// Gives the run up, if it is at work; the sender is closed once its worker ended.
    pub fn cancel(&self, run: RunId) -> Option<watch::Sender<WorkerSignal>> {
        let mut found = self.0.values().filter(|(at_work, _)| *at_work == run);
        let orders = found.find(|(_, orders)| !orders.is_closed())?.1.clone();
        orders.send_replace(WorkerSignal::Cancel);
        Some(orders)
    }
}
