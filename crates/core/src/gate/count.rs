//! Finds the windows of a `count`: as many disjoint ones as its events allow.
//! A window begins at an event, is as long as `in`, and holds at least `at_least` events or distinct values.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::gate::series::{EventGroup, SeriesEvent, later};

/// The least and the most events that a `count` can ask for.
pub const COUNT_LIMITS: std::ops::RangeInclusive<u64> = 2..=1_000;

/// What a `count` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventCount {
    pub at_least: u32,
    /// Whether events with the same value count once.
    pub is_distinct: bool,
}

/// The most events, or distinct values, that a window with a certain event holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountProgress {
    pub have: u32,
    /// When the first event of that window leaves it.
    pub oldest_leaves: Timestamp,
}

impl EventCount {
    /// The windows of events that are sorted by time: the earliest first, each as early as possible, which gives
    /// as many as there can be.
    pub fn groups(self, within: i64, events: &[SeriesEvent]) -> Vec<EventGroup> {
        let mut groups = Vec::new();
        let mut window = Window::new(self, events);
        while window.from < events.len() {
            window.extend(within);
            let start = events[window.from].time;
            if window.held() >= self.at_least {
                groups.push(EventGroup {
                    start,
                    end: later(start, within),
                    members: (window.from..window.to).collect(),
                });
                window.skip();
            } else {
                window.drop_first();
            }
        }
        groups
    }

    /// What the fullest window holds that contains the event at `index`.
    pub fn progress(self, within: i64, events: &[SeriesEvent], index: usize) -> CountProgress {
        let time = events[index].time;
        let mut best = CountProgress {
            have: 0,
            oldest_leaves: later(time, within),
        };
        let mut window = Window::new(self, events);
        while window.from <= index {
            window.extend(within);
            let oldest_leaves = later(events[window.from].time, within);
            if oldest_leaves > time && window.held() > best.have {
                let have = window.held();
                best = CountProgress {
                    have,
                    oldest_leaves,
                };
            }
            window.drop_first();
        }
        best
    }
}

/// The events from one to another, with the number of each value.
struct Window<'e> {
    count: EventCount,
    events: &'e [SeriesEvent],
    from: usize,
    to: usize,
    values: HashMap<&'e str, u32>,
}

impl<'e> Window<'e> {
    fn new(count: EventCount, events: &'e [SeriesEvent]) -> Self {
        Self {
            count,
            events,
            from: 0,
            to: 0,
            values: HashMap::new(),
        }
    }

    /// Adds the events that follow its first one within the time.
    fn extend(&mut self, within: i64) {
        let end = later(self.events[self.from].time, within);
        while let Some(event) = self.events.get(self.to).filter(|event| event.time < end) {
            if self.count.is_distinct {
                *self.values.entry(&event.item).or_default() += 1;
            }
            self.to += 1;
        }
    }

    fn held(&self) -> u32 {
        let held = match self.count.is_distinct {
            true => self.values.len(),
            false => self.to - self.from,
        };
        u32::try_from(held).unwrap_or(u32::MAX)
    }

    fn drop_first(&mut self) {
        let item = self.events[self.from].item.as_str();
        if let Some(number) = self.values.get_mut(item) {
            *number -= 1;
            if *number == 0 {
                self.values.remove(item);
            }
        }
        self.from += 1;
    }

    /// Begins again behind its last event.
    fn skip(&mut self) {
        self.from = self.to;
        self.values.clear();
    }
}
