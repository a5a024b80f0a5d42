//! Decides whether an event completes a group: a window of a `count`, or a `sequence`.
//! Groups follow from the set of events alone, so the order in which events arrive changes nothing.

pub mod check;
#[cfg(test)]
mod model;
mod settle;

use std::time::Duration;

use jiff::Timestamp;

use crate::gate::count::{CountProgress, EventCount};
use crate::gate::sequence::{self, SequenceProgress, StepSet};
use crate::run::RunId;

/// How much older than the newest event of its value an event may be, beside the time of the group, and how far ahead
/// of the clock.
pub const LATENESS: Duration = Duration::from_secs(600);
/// The most events that are kept for one value.
pub const MAX_SERIES_EVENTS: u32 = 10_000;

/// What the events of one value complete, and within which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSeries {
    pub kind: SeriesKind,
    /// In microseconds.
    pub within: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesKind {
    Count(EventCount),
    /// With the number of its steps.
    Sequence(usize),
}

/// An event that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesEvent {
    pub time: Timestamp,
    /// Its row in the store.
    pub event: i64,
    /// The value that counts once, or the steps that it matches as a number.
    pub item: String,
    /// The run that it started when it arrived.
    pub started: Option<RunId>,
}

/// What is known of the events of one value beside the events themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesState {
    /// Groups begin at this time or later; earlier ones are complete for ever.
    pub floor: Timestamp,
    /// An event before this time is too late.
    pub accepts_from: Timestamp,
    pub newest: Timestamp,
    pub oldest: Timestamp,
    /// The end of the last group. Another one begins then at the earliest.
    pub end: Timestamp,
    /// Groups since `floor` for which a run was started.
    pub started: u32,
    /// Events that are kept.
    pub events: u32,
    /// The run of the last group.
    pub last_run: Option<RunId>,
}

impl Default for SeriesState {
    fn default() -> Self {
        Self {
            floor: Timestamp::MIN,
            accepts_from: Timestamp::MIN,
            newest: Timestamp::MIN,
            oldest: Timestamp::MAX,
            end: Timestamp::MIN,
            started: 0,
            events: 0,
            last_run: None,
        }
    }
}

/// Events that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventGroup {
    pub start: Timestamp,
    /// The first time at which another group may begin.
    pub end: Timestamp,
    /// The indexes of its events, the oldest first.
    pub members: Vec<usize>,
}

/// What an event does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesArrival {
    /// It is older than any that can still change a group.
    TooLate {
        accepts_from: Timestamp,
    },
    /// It belongs to a group for which a run was started.
    Counted {
        run: Option<RunId>,
        again_from: Timestamp,
    },
    Waits(SeriesProgress),
    /// It completes a group: the rows of its events, the oldest first.
    Completes {
        events: Vec<i64>,
        /// The time of the last of them.
        last: Timestamp,
    },
}

/// How far the events have come that complete nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesProgress {
    Count(CountProgress),
    /// None if no event of the first step came in time.
    Sequence(Option<SequenceProgress>),
}

/// An arrival, and what the store changes for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalOutcome {
    pub arrival: SeriesArrival,
    /// Whether the event can matter for later ones.
    pub is_kept: bool,
    pub state: SeriesState,
    /// Events that no longer matter, by time and row.
    pub forgotten: Vec<(Timestamp, i64)>,
}

impl SeriesEvent {
    /// The steps of a sequence that it matches.
    pub fn steps(&self) -> StepSet {
        self.item.parse().unwrap_or_default()
    }
}

/// The time at which an event counts: its own, unless that is missing or far ahead of the clock.
pub fn counted_at(time: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let latest = later(now, micros(LATENESS));
    time.filter(|time| *time <= latest).unwrap_or(now)
}

pub fn later(time: Timestamp, by: i64) -> Timestamp {
    let time = time.as_microsecond().saturating_add(by);
    Timestamp::from_microsecond(time).unwrap_or(Timestamp::MAX)
}

fn earlier(time: Timestamp, by: i64) -> Timestamp {
    let time = time.as_microsecond().saturating_sub(by);
    Timestamp::from_microsecond(time).unwrap_or(Timestamp::MIN)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl EventSeries {
    pub fn new(kind: SeriesKind, within: Duration) -> Self {
        let within = micros(within);
        Self { kind, within }
    }

    /// How much older than the newest event another one may be.
    pub fn lateness(&self) -> i64 {
        self.within.saturating_add(micros(LATENESS))
    }

    /// The age, before the newest event, of events that are looked through to forget some.
    pub fn settle_after(&self) -> i64 {
        let thrice = self.within.saturating_mul(3);
        thrice.saturating_add(micros(LATENESS))
    }

    /// Whether an event is decided on by the newest events alone.
    fn is_next(&self, state: &SeriesState, time: Timestamp) -> bool {
        time >= state.newest
            && state.oldest >= earlier(time, self.settle_after())
            && state.events < MAX_SERIES_EVENTS
    }

    /// The first time of the events that [`EventSeries::arrive`] needs.
    pub fn needed_from(&self, state: &SeriesState, time: Timestamp) -> Timestamp {
        match self.is_next(state, time) {
            true => later(earlier(time, self.within), 1).max(state.end),
            false => state.floor,
        }
    }

    /// Decides on a new event, given the earlier ones from [`EventSeries::needed_from`] on, sorted by time.
    pub fn arrive(
        &self,
        state: &SeriesState,
        mut events: Vec<SeriesEvent>,
        new: SeriesEvent,
    ) -> ArrivalOutcome {
        let (time, is_next) = (new.time, self.is_next(state, new.time));
        let mut state = *state;
        if let Some(arrival) = before_all(&state, time) {
            return ArrivalOutcome {
                arrival,
                is_kept: false,
                state,
                forgotten: Vec::new(),
            };
        }
        let index = events.partition_point(|event| event.time <= time);
        events.insert(index, new);
        let arrival = match is_next {
            true => self.arrive_next(&mut state, &events, index),
            false => self.arrive_among(&mut state, &events, index),
        };
        state.newest = state.newest.max(time);
        state.oldest = state.oldest.min(time);
        state.events += 1;
        let forgotten = match is_next {
            true => Vec::new(),
            false => self.settle(&mut state, &events),
        };
        ArrivalOutcome {
            arrival,
            is_kept: true,
            state,
            forgotten,
        }
    }

    /// An event that is not older than any other: all earlier groups stay as they are.
    fn arrive_next(
        &self,
        state: &mut SeriesState,
        events: &[SeriesEvent],
        index: usize,
    ) -> SeriesArrival {
        if events[index].time < state.end {
            return SeriesArrival::Counted {
                run: state.last_run,
                again_from: state.end,
            };
        }
        match self.groups(events).into_iter().next() {
            Some(group) => complete(state, group, events),
            None => SeriesArrival::Waits(self.progress(events, index)),
        }
    }

    /// An event between others: the groups are found again. One event adds one group at most.
    fn arrive_among(
        &self,
        state: &mut SeriesState,
        events: &[SeriesEvent],
        index: usize,
    ) -> SeriesArrival {
        let time = events[index].time;
        let groups = self.groups(events);
        let end = groups.last().map_or(state.floor, |group| group.end);
        let around = groups
            .iter()
            .find(|group| group.start <= time && time < group.end)
            .cloned();
        let arrival = match around {
            Some(group) if groups.len() > state.started as usize => complete(state, group, events),
            Some(group) => SeriesArrival::Counted {
                run: started_in(&group, events),
                again_from: group.end,
            },
            None => SeriesArrival::Waits(self.progress_between(&groups, events, index)),
        };
        state.started = state.started.max(count(groups.len()));
        state.end = end;
        arrival
    }

    /// How far the events have come that are in no group, around the one at `index`.
    fn progress_between(
        &self,
        groups: &[EventGroup],
        events: &[SeriesEvent],
        index: usize,
    ) -> SeriesProgress {
        let time = events[index].time;
        let before = groups.iter().rev().find(|group| group.end <= time);
        let from = before.map_or(0, |group| {
            events.partition_point(|event| event.time < group.end)
        });
        let to = match self.kind {
            SeriesKind::Count(_) => events.len(),
            // What came later may be behind the next sequence.
            SeriesKind::Sequence(_) => {
                let next = groups.iter().find(|group| group.start > time);
                next.map_or(events.len(), |group| {
                    events.partition_point(|event| event.time < group.start)
                })
            }
        };
        self.progress(&events[from..to], index - from)
    }

    fn progress(&self, events: &[SeriesEvent], index: usize) -> SeriesProgress {
        match self.kind {
            SeriesKind::Count(count) => {
                SeriesProgress::Count(count.progress(self.within, events, index))
            }
            SeriesKind::Sequence(steps) => {
                SeriesProgress::Sequence(sequence::progress(steps, self.within, events))
            }
        }
    }

    /// The groups of events that are sorted by time.
    pub fn groups(&self, events: &[SeriesEvent]) -> Vec<EventGroup> {
        match self.kind {
            SeriesKind::Count(count) => count.groups(self.within, events),
            SeriesKind::Sequence(steps) => sequence::groups(steps, self.within, events),
        }
    }
}

/// What becomes of an event that is before all that can still change.
fn before_all(state: &SeriesState, time: Timestamp) -> Option<SeriesArrival> {
    let (accepts_from, again_from) = (state.accepts_from, state.floor);
    match (time < accepts_from, time < again_from) {
        (true, _) => Some(SeriesArrival::TooLate { accepts_from }),
        (false, true) => Some(SeriesArrival::Counted {
            run: state.last_run,
            again_from,
        }),
        (false, false) => None,
    }
}

/// A run starts for the group.
fn complete(state: &mut SeriesState, group: EventGroup, events: &[SeriesEvent]) -> SeriesArrival {
    state.started += 1;
    state.end = group.end;
    let members = group.members.iter().map(|index| &events[*index]);
    SeriesArrival::Completes {
        events: members.clone().map(|event| event.event).collect(),
        last: members.map(|event| event.time).max().unwrap_or(group.end),
    }
}

/// The run that was started for a group, if one of its events did so.
fn started_in(group: &EventGroup, events: &[SeriesEvent]) -> Option<RunId> {
    let within = |event: &&SeriesEvent| event.time >= group.start && event.time < group.end;
    events.iter().filter(within).find_map(|event| event.started)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
