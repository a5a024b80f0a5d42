//! Whose turn it is: the heads of all lanes, ready or waiting for their time, rule by rule.
//! It never looks at a queue as a whole; joining, claiming and leaving cost the same at any length.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};

use super::shift::moved;
use crate::core::run::RunId;

/// Where a run queues: behind those of its rule with the same lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Queue {
    pub rule: String,
    /// None waits for no other run.
    pub lane: Option<String>,
}

/// A run's place in the order; a revived run gets a new one.
pub type Place = (u64, RunId);

#[derive(Debug, Default)]
pub struct Lanes {
    places: u64,
    /// Per lane its owner, then those who wait for it.
    lanes: HashMap<Queue, VecDeque<Place>>,
    /// Per rule the owners that may start now.
    ready: BTreeMap<String, BTreeSet<Place>>,
    /// Runs that wait for a time, with their queue: as the owners of their lanes, or beside them.
    due: BTreeMap<(Timestamp, Place), Queue>,
    /// The same by place.
    parked: HashMap<Place, Timestamp>,
    /// The rule that was served last.
    served: String,
    /// Runs at work, by rule.
    at_work: HashMap<String, usize>,
}

impl Lanes {
    /// Puts a run at the end of its queue.
    pub fn join(&mut self, queue: &Queue, run: RunId) -> Place {
        let place = self.next_place(run);
        let first = match &queue.lane {
            None => true,
            Some(_) => {
                let lane = self.lanes.entry(queue.clone()).or_default();
                lane.push_back(place);
                lane.len() == 1
            }
        };
        if first {
            self.ready(&queue.rule, place);
        }
        place
    }

    pub fn leave(&mut self, queue: &Queue, place: Place) {
        if let Some(ready) = self.ready.get_mut(&queue.rule) {
            ready.remove(&place);
            if ready.is_empty() {
                self.ready.remove(&queue.rule);
            }
        }
        self.unpark(place);
        let Some(lane) = self.lanes.get_mut(queue) else {
            return;
        };
        if lane.front() != Some(&place) {
            lane.retain(|waiting| *waiting != place);
            return;
        }
        lane.pop_front();
        match lane.front().copied() {
            Some(next) => self.ready(&queue.rule, next),
            None => drop(self.lanes.remove(queue)),
        }
    }

    fn ready(&mut self, rule: &str, place: Place) {
        self.ready.entry(rule.to_owned()).or_default().insert(place);
    }

    /// Waits until then, and keeps its lane.
    pub fn park(&mut self, queue: &Queue, place: Place, until: Timestamp) {
        self.due.insert((until, place), queue.clone());
        self.parked.insert(place, until);
    }

    /// Waits until then, and gives its lane to the next.
    pub fn step_aside(&mut self, queue: &Queue, place: Place, until: Timestamp) {
        self.leave(queue, place);
        self.park(queue, place, until);
    }

    /// Takes a place that has no lane before then.
    pub fn wait(&mut self, queue: &Queue, run: RunId, until: Timestamp) -> Place {
        let place = self.next_place(run);
        self.park(queue, place, until);
        place
    }

    fn next_place(&mut self, run: RunId) -> Place {
        self.places += 1;
        (self.places, run)
    }

    fn unpark(&mut self, place: Place) {
        if let Some(until) = self.parked.remove(&place) {
            self.due.remove(&(until, place));
        }
    }

    /// Its owner goes on in its lane; any other is put behind the owner, among the rest by its place.
    pub fn come_back(&mut self, queue: &Queue, place: Place) {
        self.unpark(place);
        self.queue_again(queue, place);
    }

    fn queue_again(&mut self, queue: &Queue, place: Place) {
        let first = match &queue.lane {
            None => true,
            Some(_) => {
                let lane = self.lanes.entry(queue.clone()).or_default();
                match lane.front() {
                    Some(owner) => {
                        let owns = *owner == place;
                        if !owns {
                            let behind = lane.iter().skip(1).filter(|other| **other < place);
                            let at = 1 + behind.count();
                            lane.insert(at, place);
                        }
                        owns
                    }
                    None => {
                        lane.push_back(place);
                        true
                    }
                }
            }
        };
        if first {
            self.ready(&queue.rule, place);
        }
    }

    /// A run stopped working.
    pub fn rests(&mut self, rule: &str) {
        if let Some(at_work) = self.at_work.get_mut(rule) {
            *at_work -= 1;
            if *at_work == 0 {
                self.at_work.remove(rule);
            }
        }
    }

    /// Rules take turns from the one after the last served.
    pub fn claim(&mut self, limit: usize, per_rule: usize) -> Vec<RunId> {
        let mut claimed = Vec::new();
        let mut passed_over = 0;
        while claimed.len() < limit && passed_over < self.ready.len() {
            let Some(rule) = self.next_rule() else { break };
            self.served.clone_from(&rule);
            let at_work = self.at_work.get(&rule).copied().unwrap_or_default();
            match (at_work < per_rule).then(|| self.take(&rule)).flatten() {
                Some(run) => {
                    claimed.push(run);
                    passed_over = 0;
                }
                None => passed_over += 1,
            }
        }
        claimed
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(until, _)| *until)
    }

    pub fn shift(&mut self, by: SignedDuration) {
        let due = std::mem::take(&mut self.due).into_iter();
        for until in self.parked.values_mut() {
            *until = moved(*until, by);
        }
        self.due = due
            .map(|((until, place), queue)| ((moved(until, by), place), queue))
            .collect();
    }

    /// Queues whose time has come, and tells who they are.
    pub fn wake(&mut self, now: Timestamp) -> Vec<(RunId, Queue)> {
        let mut woken = Vec::new();
        while let Some(first) = self.due.first_entry() {
            if first.key().0 > now {
                break;
            }
            let ((_, place), queue) = first.remove_entry();
            self.parked.remove(&place);
            woken.push((place, queue));
        }
        woken.sort_unstable_by_key(|(place, _)| *place);
        let queue_again = |(place, queue): (Place, Queue)| {
            self.queue_again(&queue, place);
            (place.1, queue)
        };
        woken.into_iter().map(queue_again).collect()
    }

    fn next_rule(&self) -> Option<String> {
        let after = (Bound::Excluded(self.served.clone()), Bound::Unbounded);
        let mut later = self.ready.range::<String, _>(after);
        let next = later.next().or_else(|| self.ready.iter().next());
        next.map(|(rule, _)| rule.clone())
    }

    fn take(&mut self, rule: &str) -> Option<RunId> {
        let ready = self.ready.get_mut(rule)?;
        let (_, run) = ready.pop_first()?;
        if ready.is_empty() {
            self.ready.remove(rule);
        }
        *self.at_work.entry(rule.to_owned()).or_default() += 1;
        Some(run)
    }
}
