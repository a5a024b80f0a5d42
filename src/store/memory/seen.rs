//! Which events came already, and the runs they led to.
//! It holds no event, only a digest of its identity, and forgets the oldest beyond its limit.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use crate::store::Placed;

/// An event's source and id, as the first half of a SHA-256: ids may be long, and come from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId([u8; 16]);

impl EventId {
    pub fn new(source: &str, id: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update((source.len() as u64).to_le_bytes());
        digest.update(source);
        digest.update(id);
        let mut half = [0; 16];
        half.copy_from_slice(&digest.finalize()[..16]);
        Self(half)
    }
}

#[derive(Debug, Default)]
pub struct Seen {
    runs: HashMap<EventId, Vec<Placed>>,
    order: VecDeque<EventId>,
}

impl Seen {
    pub fn get(&self, id: &EventId) -> Option<&Vec<Placed>> {
        self.runs.get(id)
    }

    /// Remembers an event. Beyond the limit the oldest goes whose runs are all over: `open` tells.
    pub fn insert(
        &mut self,
        id: EventId,
        runs: Vec<Placed>,
        limit: usize,
        open: impl Fn(&Placed) -> bool,
    ) {
        self.runs.insert(id, runs);
        self.order.push_back(id);
        for _ in 0..self.order.len() {
            if self.order.len() <= limit {
                return;
            }
            self.forget_oldest(&open);
        }
    }

    /// The last state of a run that the store lets go of.
    pub fn note_last(&mut self, event: &EventId, last: Placed) {
        let runs = self.runs.get_mut(event).into_iter().flatten();
        if let Some(placed) = runs.into_iter().find(|placed| placed.id == last.id) {
            *placed = last;
        }
    }

    fn forget_oldest(&mut self, open: impl Fn(&Placed) -> bool) {
        let Some(oldest) = self.order.pop_front() else {
            return;
        };
        if self
            .runs
            .get(&oldest)
            .is_some_and(|runs| runs.iter().any(open))
        {
            self.order.push_back(oldest);
            return;
        }
        self.runs.remove(&oldest);
    }
}
