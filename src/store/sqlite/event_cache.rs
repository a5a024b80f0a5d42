//! Caches the events that were committed or claimed last, because their runs usually start at once. Limited
//! by number and by estimated memory.

use std::collections::VecDeque;
use std::sync::Arc;

use flowtrigger_core::event::Event;

const CACHE_EVENTS: usize = 128;
/// Their estimated bytes of memory.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Row, estimated memory and event, the oldest first.
#[derive(Debug, Default)]
pub struct EventCache {
    events: VecDeque<(i64, usize, Arc<Event>)>,
    bytes: usize,
}

impl EventCache {
    pub fn get(&self, row: i64) -> Option<Arc<Event>> {
        let found = self.events.iter().find(|(known, _, _)| *known == row);
        found.map(|(_, _, event)| Arc::clone(event))
    }

    /// The row was changed.
    pub fn forget(&mut self, row: i64) {
        self.events.retain(|(known, size, _)| {
            let other = *known != row;
            self.bytes -= if other { 0 } else { *size };
            other
        });
    }

    pub fn put(&mut self, row: i64, event: &Arc<Event>, memory: usize) {
        self.bytes += memory;
        self.events.push_back((row, memory, Arc::clone(event)));
        while self.events.len() > CACHE_EVENTS || self.bytes > CACHE_BYTES {
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
    fn large_events_replace_earlier_ones() {
        let event = arrival("1", &live_rule("a")).event;
        let mut cache = EventCache::default();
        for row in 0..200 {
            cache.put(row, &event, 1);
        }
        assert!(cache.get(71).is_none() && cache.get(72).is_some());
        cache.put(200, &event, CACHE_BYTES - 1);
        assert!(cache.get(198).is_none() && cache.get(199).is_some());
        cache.put(201, &event, CACHE_BYTES + 1);
        assert!(cache.get(201).is_none());
        assert_eq!((cache.events.len(), cache.bytes), (0, 0));
    }
}
