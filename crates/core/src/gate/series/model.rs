//! Property tests of counts and sequences: whatever the order of arrival, runs start as a plain model says.
//! The model tries every set of groups.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{EventSeries, SeriesArrival, SeriesEvent, SeriesKind, SeriesState};
use crate::gate::count::EventCount;
use crate::run::RunId;

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// Second and item.
type ModelEvent = (i64, u8);

/// The most disjoint windows of `within` seconds that hold enough: the first event is in none, or begins one.
fn model_windows(count: EventCount, within: i64, events: &[ModelEvent]) -> usize {
    let Some((start, _)) = events.first() else {
        return 0;
    };
    let without = model_windows(count, within, &events[1..]);
    let inside = events.iter().filter(|(second, _)| *second < start + within);
    let held = match count.is_distinct {
        true => inside.map(|(_, item)| item).collect::<BTreeSet<_>>().len(),
        false => inside.count(),
    };
    if held < count.at_least as usize {
        return without;
    }
    let after: Vec<ModelEvent> = events
        .iter()
        .copied()
        .filter(|(second, _)| *second >= start + within)
        .collect();
    without.max(1 + model_windows(count, within, &after))
}

/// The most sequences that follow one another, each of different events in the order of their times.
fn model_sequences(steps: usize, within: i64, events: &[ModelEvent]) -> usize {
    let mut best = 0;
    let mut chosen: Vec<usize> = Vec::new();
    try_sequences(steps, within, events, &mut chosen, &mut |end| {
        let after: Vec<ModelEvent> = events.iter().copied().filter(|(s, _)| *s > end).collect();
        best = best.max(1 + model_sequences(steps, within, &after));
    });
    best
}

fn try_sequences(
    steps: usize,
    within: i64,
    events: &[ModelEvent],
    chosen: &mut Vec<usize>,
    found: &mut dyn FnMut(i64),
) {
    let second = |index: usize| events[index].0;
    if chosen.len() == steps {
        let (first, last) = (second(chosen[0]), second(chosen[steps - 1]));
        if last < first + within {
            found(last);
        }
        return;
    }
    for (index, (time, item)) in events.iter().enumerate() {
        let in_order = chosen.last().is_none_or(|last| second(*last) <= *time);
        if in_order && !chosen.contains(&index) && u32::from(*item) & (1 << chosen.len()) != 0 {
            chosen.push(index);
            try_sequences(steps, within, events, chosen, found);
            chosen.pop();
        }
    }
}

/// A store of one value: keeps the events that are not forgotten, and gives those that are needed.
#[derive(Default)]
struct Kept {
    state: SeriesState,
    events: Vec<SeriesEvent>,
}

impl Kept {
    fn arrive(
        &mut self,
        series: &EventSeries,
        (second, item): ModelEvent,
        row: i64,
    ) -> SeriesArrival {
        let new = SeriesEvent {
            time: at(second),
            event: row,
            item: item.to_string(),
            started: None,
        };
        let from = series.needed_from(&self.state, new.time);
        let first = self.events.partition_point(|event| event.time < from);
        let needed = self.events[first..].to_vec();
        let outcome = series.arrive(&self.state, needed, new.clone());
        self.state = outcome.state;
        if outcome.is_kept {
            let started = matches!(outcome.arrival, SeriesArrival::Completes { .. });
            let started = started.then_some(RunId(row.unsigned_abs()));
            let index = self.events.partition_point(|event| event.time <= new.time);
            self.events.insert(index, SeriesEvent { started, ..new });
        }
        self.events
            .retain(|event| !outcome.forgotten.contains(&(event.time, event.event)));
        outcome.arrival
    }
}

/// The number of groups that completed, after checks of each arrival.
fn completed(series: &EventSeries, arrivals: &[ModelEvent]) -> usize {
    let mut kept = Kept::default();
    let mut completed = 0;
    for (row, event) in (1_i64..).zip(arrivals) {
        match kept.arrive(series, *event, row) {
            SeriesArrival::Completes { events, .. } => {
                completed += 1;
                assert!(events.contains(&row), "{events:?} without {row}");
            }
            SeriesArrival::TooLate { .. } => panic!("{event:?} is too late"),
            SeriesArrival::Counted { .. } | SeriesArrival::Waits(_) => {}
        }
        assert_eq!(kept.state.events as usize, kept.events.len());
    }
    completed
}

fn count_of(at_least: u32, is_distinct: bool) -> EventCount {
    EventCount {
        at_least,
        is_distinct,
    }
}

/// Events with gaps, and for each of them how much later it arrives than it happened.
fn delayed(gaps: &[(i64, u8, i64)]) -> (Vec<ModelEvent>, Vec<ModelEvent>) {
    let mut second = 0;
    let mut events: Vec<(i64, ModelEvent)> = Vec::new();
    for (gap, item, delay) in gaps {
        second += gap;
        events.push((second + delay, (second, *item)));
    }
    let sorted = events.iter().map(|(_, event)| *event).collect();
    events.sort_by_key(|(arrives, _)| *arrives);
    (sorted, events.into_iter().map(|(_, event)| event).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_starts_as_many_runs_as_the_model_of_a_count(
        mut events in proptest::collection::vec((0..60_i64, 0..4_u8), 1..14),
        at_least in 2..5_u32,
        is_distinct in any::<bool>(),
        within in 1..40_i64,
        seed in any::<u64>(),
    ) {
        let count = count_of(at_least, is_distinct);
        let series = EventSeries::new(
            SeriesKind::Count(count), Duration::from_secs(within.unsigned_abs()));
        shuffle(&mut events, seed);
        let found = completed(&series, &events);
        events.sort_unstable();
        prop_assert_eq!(found, model_windows(count, within, &events));
        prop_assert_eq!(completed(&series, &events), found);
    }

    #[test]
    fn every_order_of_arrival_starts_as_many_runs_as_the_model_of_a_sequence(
        mut events in proptest::collection::vec((0..12_i64, 0..8_u8), 1..8),
        steps in 2..4_usize,
        within in 1..14_i64,
        seed in any::<u64>(),
    ) {
        let series = EventSeries::new(
            SeriesKind::Sequence(steps), Duration::from_secs(within.unsigned_abs()));
        shuffle(&mut events, seed);
        let found = completed(&series, &events);
        events.sort_unstable();
        prop_assert_eq!(found, model_sequences(steps, within, &events));
        prop_assert_eq!(completed(&series, &events), found);
    }

    /// Over a long time: events are forgotten, and those that arrive late still count as they should.
    #[test]
    fn forgotten_events_change_nothing(
        gaps in proptest::collection::vec((0..400_i64, 0..8_u8, 0..800_i64), 1..80),
        at_least in 2..5_u32,
        is_distinct in any::<bool>(),
        within in 200..900_i64,
    ) {
        let (sorted, arrivals) = delayed(&gaps);
        let duration = Duration::from_secs(within.unsigned_abs());
        let count = count_of(at_least, is_distinct);
        let series = EventSeries::new(SeriesKind::Count(count), duration);
        let all: Vec<SeriesEvent> = sorted.iter().map(|(second, item)| SeriesEvent {
            time: at(*second),
            event: 0,
            item: item.to_string(),
            started: None,
        }).collect();
        prop_assert_eq!(completed(&series, &arrivals), series.groups(&all).len());
        let series = EventSeries::new(SeriesKind::Sequence(3), duration);
        prop_assert_eq!(completed(&series, &arrivals), series.groups(&all).len());
    }
}

/// Sorts by a hash of the index, so that each seed is another order.
fn shuffle(events: &mut [ModelEvent], seed: u64) {
    let mut state = seed;
    for index in (1..events.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap_or_default() % (index + 1);
        events.swap(index, other);
    }
}

#[test]
fn a_flood_keeps_a_bounded_number_of_events() {
    let within = Duration::from_secs(100_000);
    let series = EventSeries::new(SeriesKind::Count(count_of(2, false)), within);
    let mut kept = Kept::default();
    let mut completed = 0;
    for row in 1..=10_100_i64 {
        let arrival = kept.arrive(&series, (row, 0), row);
        completed += u32::from(matches!(arrival, SeriesArrival::Completes { .. }));
    }
    assert_eq!((completed, kept.events.len()), (1, 0));
    let inside = kept.arrive(&series, (99_000, 0), 20_000);
    assert!(
        matches!(inside, SeriesArrival::Counted { .. }),
        "{inside:?}"
    );
    for (row, second) in [(20_001, 100_001), (20_002, 100_002)] {
        completed += u32::from(matches!(
            kept.arrive(&series, (second, 0), row),
            SeriesArrival::Completes { .. }
        ));
    }
    assert_eq!(completed, 2);
}

#[test]
fn of_too_many_events_the_newest_of_each_value_remains() {
    let within = Duration::from_secs(100_000);
    let series = EventSeries::new(SeriesKind::Count(count_of(3, true)), within);
    let event = |row: i64| SeriesEvent {
        time: at(row),
        event: row,
        // Two values, often.
        item: (row % 2).to_string(),
        started: None,
    };
    let mut kept = Kept {
        events: (1..=10_000).map(event).collect(),
        ..Kept::default()
    };
    kept.state.events = 10_000;
    kept.state.oldest = at(1);
    kept.state.newest = at(10_000);
    let waits = kept.arrive(&series, (10_001, 1), 10_001);
    assert!(matches!(waits, SeriesArrival::Waits(_)), "{waits:?}");
    assert_eq!(kept.events.len(), 2);
    let third = kept.arrive(&series, (20_000, 7), 20_000);
    assert!(
        matches!(third, SeriesArrival::Completes { .. }),
        "{third:?}"
    );
}

#[test]
fn an_event_that_is_too_old_is_not_counted() {
    let series = EventSeries::new(
        SeriesKind::Count(count_of(2, false)),
        Duration::from_secs(60),
    );
    let mut kept = Kept::default();
    for (row, second) in [(1, 0), (2, 1_000), (3, 2_000), (4, 1_990)] {
        kept.arrive(&series, (second, 0), row);
    }
    // Older than the newest by more than `in` and ten minutes.
    let late = kept.arrive(&series, (1_339, 0), 5);
    assert_eq!(
        late,
        SeriesArrival::TooLate {
            accepts_from: at(1_340)
        }
    );
    assert!(matches!(
        kept.arrive(&series, (1_340, 0), 6),
        SeriesArrival::Waits(_)
    ));
}
