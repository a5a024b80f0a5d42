//! Events that were just committed or claimed, at hand for the runs that start at once.
//! It refuses to hold more than a bounded amount of them, however large they are.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::core::event::Event;

/// How many, and how much text. In memory an event takes several times its text.
const RECENT: usize = 128;
const RECENT_BYTES: usize = 4 * 1024 * 1024;

/// Events at hand, the oldest first.
#[derive(Debug, Default)]
pub struct Recent {
    events: VecDeque<(i64, usize, Arc<Event>)>,
    bytes: usize,
}

impl Recent {
    pub fn get(&self, row: i64) -> Option<Arc<Event>> {
        let found = self.events.iter().find(|(known, _, _)| *known == row);
        found.map(|(_, _, event)| Arc::clone(event))
    }

    /// It is no longer as it was.
    pub fn forget(&mut self, row: i64) {
        self.events.retain(|(known, size, _)| {
            let other = *known != row;
            self.bytes -= if other { 0 } else { *size };
            other
        });
    }

    pub fn put(&mut self, row: i64, event: &Arc<Event>, size: usize) {
        self.bytes += size;
        self.events.push_back((row, size, Arc::clone(event)));
        while self.events.len() > RECENT || self.bytes > RECENT_BYTES {
            let Some((_, size, _)) = self.events.pop_front() else {
                return;
            };
            self.bytes -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{arrival, live_rule};

    #[test]
    fn large_events_push_out_earlier_ones() {
        let event = arrival("1", &live_rule("a")).event;
        let mut recent = Recent::default();
        for row in 0..200 {
            recent.put(row, &event, 1);
        }
        assert!(recent.get(71).is_none() && recent.get(72).is_some());
        recent.put(200, &event, RECENT_BYTES - 1);
        assert!(recent.get(198).is_none() && recent.get(199).is_some());
        recent.put(201, &event, RECENT_BYTES + 1);
        assert!(recent.get(201).is_none());
        assert_eq!((recent.events.len(), recent.bytes), (0, 0));
    }
}
