//! Puts stored events into the order in which they were committed. The archive has them in the order of their receipt,
//! which differs where several requests arrived at the same time; gates decided in the order of the commits.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use flowtrigger_core::run::RunId;

/// An event waits no longer than this between its receipt and its commit.
const LONGEST_COMMIT: SignedDuration = SignedDuration::from_secs(15);

/// An event that was received, and perhaps committed with runs.
pub trait CommittedEvent {
    fn received(&self) -> Timestamp;

    /// The first run that it caused: runs are numbered in the order of the commits.
    fn first_run(&self) -> Option<RunId>;
}

/// Events between their receipt and their turn.
#[derive(Debug)]
pub struct CommitOrder<E> {
    /// In the order of receipt. `None` is the turn of an event with runs: the one that was committed first.
    turns: VecDeque<(Timestamp, Option<E>)>,
    committed: BinaryHeap<Reverse<(RunId, usize)>>,
    /// The events with runs, by the numbers of the heap.
    waiting: Vec<Option<E>>,
    newest: Timestamp,
}

impl<E> Default for CommitOrder<E> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            committed: BinaryHeap::new(),
            waiting: Vec::new(),
            newest: Timestamp::MIN,
        }
    }
}

impl<E: CommittedEvent> CommitOrder<E> {
    /// Adds the next event in the order of receipt.
    pub fn add(&mut self, event: E) {
        let received = event.received();
        self.newest = received;
        let Some(run) = event.first_run() else {
            return self.turns.push_back((received, Some(event)));
        };
        self.turns.push_back((received, None));
        self.committed.push(Reverse((run, self.waiting.len())));
        self.waiting.push(Some(event));
    }

    /// The next event whose turn is certain.
    pub fn take_certain(&mut self) -> Option<E> {
        let (received, _) = self.turns.front()?;
        match self.newest.duration_since(*received) > LONGEST_COMMIT {
            true => self.take_next(),
            false => None,
        }
    }

    /// The next event, after the last one was added.
    pub fn take_next(&mut self) -> Option<E> {
        let (_, event) = self.turns.pop_front()?;
        if let Some(event) = event {
            return Some(event);
        }
        let Reverse((_, number)) = self.committed.pop()?;
        let event = self.waiting[number].take();
        if self.committed.is_empty() {
            self.waiting.clear();
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Received(i64, Option<u64>);

    impl CommittedEvent for Received {
        fn received(&self) -> Timestamp {
            Timestamp::from_second(self.0).expect("a time")
        }

        fn first_run(&self) -> Option<RunId> {
            self.1.map(RunId)
        }
    }

    #[test]
    fn events_with_runs_come_in_the_order_of_their_commits() {
        let mut order = CommitOrder::default();
        for event in [
            Received(0, Some(2)),
            Received(1, None),
            Received(2, Some(1)),
            Received(3, Some(3)),
        ] {
            order.add(event);
        }
        assert_eq!(order.take_certain(), None);
        order.add(Received(16, None));
        assert_eq!(order.take_certain(), Some(Received(2, Some(1))));
        assert_eq!(order.take_certain(), None);
        let rest: Vec<Received> = std::iter::from_fn(|| order.take_next()).collect();
        let expected = [
            Received(1, None),
            Received(0, Some(2)),
            Received(3, Some(3)),
            Received(16, None),
        ];
        assert_eq!(rest, expected);
    }
}
