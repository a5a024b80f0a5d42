//! Whose turn it is: the heads of all lanes, ready or waiting for their time.
//! It never looks at a queue as a whole; joining, claiming and leaving cost the same at any length.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use crate::core::run::RunId;

/// Runs of one rule that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LaneId {
    pub rule: String,
    pub value: String,
}

#[derive(Debug, Default)]
pub struct Lanes {
    /// Per lane its owner, then those who wait for it.
    lanes: HashMap<LaneId, VecDeque<RunId>>,
    /// Owners that may start now, by store row.
    ready: BTreeSet<RunId>,
    /// Owners whose next try has a time.
    due: BTreeSet<(Timestamp, RunId)>,
}

impl Lanes {
    pub fn join(&mut self, lane: Option<LaneId>, run: RunId) {
        let Some(lane) = lane else {
            self.ready.insert(run);
            return;
        };
        let queue = self.lanes.entry(lane).or_default();
        queue.push_back(run);
        if queue.len() == 1 {
            self.ready.insert(run);
        }
    }

    pub fn leave(&mut self, lane: Option<LaneId>, run: RunId) {
        self.ready.remove(&run);
        let Some(lane) = lane else { return };
        let Some(queue) = self.lanes.get_mut(&lane) else {
            return;
        };
        if queue.front() != Some(&run) {
            queue.retain(|waiting| *waiting != run);
            return;
        }
        queue.pop_front();
        match queue.front() {
            Some(next) => {
                self.ready.insert(*next);
            }
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    pub fn ready(&mut self, run: RunId) {
        self.ready.insert(run);
    }

    pub fn park(&mut self, run: RunId, until: Timestamp) {
        self.due.insert((until, run));
    }

    pub fn claim(&mut self, limit: usize, now: Timestamp) -> Vec<RunId> {
        while let Some(&(until, run)) = self.due.first() {
            if until > now {
                break;
            }
            self.due.pop_first();
            self.ready.insert(run);
        }
        (0..limit).map_while(|_| self.ready.pop_first()).collect()
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(until, _)| *until)
    }
}
