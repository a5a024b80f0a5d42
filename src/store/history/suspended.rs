//! What is suspended, with the runs that wait for it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::suspension::{ParkedRuns, StoredSuspension};
use flowtrigger_core::suspension::{Suspension, SuspensionTarget};

/// A target that is suspended, or for which runs still wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspendedTarget {
    pub target: SuspensionTarget,
    pub suspension: Suspension,
    /// Runs that wait.
    pub waiting: u64,
    /// Since when the one waits that has waited longest.
    pub oldest: Option<Timestamp>,
}

impl SuspendedTarget {
    /// Joins what is suspended with the runs that wait, by target.
    pub fn join(stored: Vec<StoredSuspension>, parked: Vec<ParkedRuns>) -> Vec<Self> {
        let mut found: Vec<Self> = stored
            .into_iter()
            .map(|row| Self {
                target: row.target,
                suspension: row.suspension,
                waiting: 0,
                oldest: None,
            })
            .collect();
        for runs in parked {
            let index = match found.iter().position(|it| it.target == runs.target) {
                Some(index) => index,
                // It ended a moment ago.
                None => {
                    found.push(Self {
                        target: runs.target,
                        suspension: Suspension::default(),
                        waiting: 0,
                        oldest: None,
                    });
                    found.len() - 1
                }
            };
            (found[index].waiting, found[index].oldest) = (runs.count, Some(runs.since));
        }
        found.sort_by(|a, b| a.target.cmp(&b.target));
        found
    }

    /// Whether no run may start.
    pub fn is_everything_paused(suspended: &[Self]) -> bool {
        suspended.iter().any(|found| found.stops_everything())
    }

    /// Counts the queued runs among those that wait while everything is paused: they are not claimed.
    pub fn add_queued(suspended: &mut [Self], queued: u64) {
        let everything = suspended
            .iter_mut()
            .filter(|found| found.stops_everything());
        everything.for_each(|found| found.waiting += queued);
    }

    /// The pause of everything, for which queued runs wait; `None` if there is none.
    pub fn pause_of_everything(suspended: Vec<Self>) -> Option<Self> {
        suspended.into_iter().find(Self::stops_everything)
    }

    fn stops_everything(&self) -> bool {
        self.target == SuspensionTarget::Everything && self.suspension.is_blocking()
    }

    /// The same for every command and for the status of a daemon.
    pub fn json(&self) -> Value {
        let Suspension {
            pause,
            outage,
            recovery,
        } = &self.suspension;
        let at = |time: Timestamp| format!("{time:.0}");
        json!({
            "kind": self.target.kind(),
            "name": self.target.name(),
            "pause": pause.as_ref().map(|pause| json!({
                "since": at(pause.since),
                "by": pause.by,
                "note": pause.note,
            })),
            "outage": outage.as_ref().map(|outage| json!({
                "since": at(outage.since),
                "failures": outage.failures,
                "error": outage.message,
                "next_probe": at(outage.next_probe),
                "probing_run": outage.probe.map(|probe| probe.run),
            })),
            "releasing_since": recovery.map(|recovery| at(recovery.since)),
            "waiting": self.waiting,
            "waiting_since": self.oldest.map(at),
        })
    }
}
