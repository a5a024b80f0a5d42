//! Finds the complete sequences among events: as many as can follow one another.
//! Events of the same time count in any order, so that neither their order of arrival nor their ids matter.

use jiff::Timestamp;

use crate::gate::series::{EventGroup, SeriesEvent, later};

/// The least and the most steps of a `sequence`.
pub const SEQUENCE_LIMITS: std::ops::RangeInclusive<usize> = 2..=10;

/// The steps that an event matches, as bits.
pub type StepSet = u32;

/// How far events have come that complete no sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceProgress {
    /// The number of steps that have matched.
    pub matched: usize,
    /// When the next one must have come.
    pub until: Timestamp,
}

/// The first steps of a sequence, with the events that match them.
#[derive(Debug, Clone)]
struct Beginning {
    start: Timestamp,
    events: Vec<usize>,
}

/// The sequences of events that are sorted by time: each ends as early as possible, and the next begins after that.
pub fn groups(steps: usize, within: i64, events: &[SeriesEvent]) -> Vec<EventGroup> {
    let mut walk = SequenceWalk::new(steps, within);
    let mut groups = Vec::new();
    for (from, to) in equal_times(events) {
        if let Some(complete) = walk.add(events, from, to) {
            groups.push(complete);
        }
    }
    groups
}

/// How far the events after the last complete sequence have come.
pub fn progress(steps: usize, within: i64, events: &[SeriesEvent]) -> Option<SequenceProgress> {
    let mut walk = SequenceWalk::new(steps, within);
    for (from, to) in equal_times(events) {
        walk.add(events, from, to);
    }
    let newest = events.last()?.time;
    let open = walk.beginnings.iter().enumerate().rev();
    let mut open = open.filter_map(|(index, beginning)| {
        let until = later(beginning.as_ref()?.start, within);
        (until > newest).then_some(SequenceProgress {
            matched: index + 1,
            until,
        })
    });
    open.next()
}

/// The ranges of events with the same time.
fn equal_times(events: &[SeriesEvent]) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let time = events.get(from)?.time;
        let length = events[from..].partition_point(|event| event.time <= time);
        let range = (from, from + length);
        from += length;
        Some(range)
    })
}

/// For each number of steps, the latest beginning that has them.
struct SequenceWalk {
    within: i64,
    /// At index n with n + 1 steps.
    beginnings: Vec<Option<Beginning>>,
}

impl SequenceWalk {
    fn new(steps: usize, within: i64) -> Self {
        Self {
            within,
            beginnings: vec![None; steps],
        }
    }

    /// Adds the events of one time. Returns the sequence that they complete.
    fn add(&mut self, events: &[SeriesEvent], from: usize, to: usize) -> Option<EventGroup> {
        let time = events[from].time;
        let steps = self.beginnings.len();
        let before = self.beginnings.clone();
        for first in 0..steps {
            let beginning = match first.checked_sub(1) {
                None => Beginning {
                    start: time,
                    events: Vec::new(),
                },
                Some(index) => match &before[index] {
                    Some(known) if later(known.start, self.within) > time => known.clone(),
                    Some(_) | None => continue,
                },
            };
            self.continue_from(first, &beginning, &events[from..to], from);
        }
        let complete = self.beginnings[steps - 1].take()?;
        self.beginnings.fill(None);
        Some(EventGroup {
            start: complete.start,
            end: later(time, 1),
            members: complete.events,
        })
    }

    /// Lets events of the same time match the steps from `first` on, each event one step.
    fn continue_from(
        &mut self,
        first: usize,
        beginning: &Beginning,
        events: &[SeriesEvent],
        offset: usize,
    ) {
        let sets: Vec<StepSet> = events.iter().map(SeriesEvent::steps).collect();
        let mut matched = vec![None; sets.len()];
        for step in first..self.beginnings.len() {
            let mut tried = vec![false; sets.len()];
            if !assign(step, &sets, &mut matched, &mut tried) {
                return;
            }
            let known = self.beginnings[step].as_ref();
            if known.is_some_and(|known| known.start >= beginning.start) {
                continue;
            }
            let mut new = beginning.clone();
            for step in first..=step {
                let event = matched.iter().position(|of| *of == Some(step));
                new.events.extend(event.map(|event| offset + event));
            }
            self.beginnings[step] = Some(new);
        }
    }
}

/// Gives a step an event that matches it, if need be by giving another step another event.
fn assign(
    step: usize,
    sets: &[StepSet],
    matched: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for event in 0..sets.len() {
        if sets[event] & (1 << step) == 0 || tried[event] {
            continue;
        }
        tried[event] = true;
        let is_free = match matched[event] {
            None => true,
            Some(other) => assign(other, sets, matched, tried),
        };
        if is_free {
            matched[event] = Some(step);
            return true;
        }
    }
    false
}
