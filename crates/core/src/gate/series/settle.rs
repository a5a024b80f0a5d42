//! What of a series no longer changes: groups that are complete for ever, and events that can be in no other.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    EventGroup, EventSeries, MAX_SERIES_EVENTS, SeriesEvent, SeriesKind, SeriesState, count,
    earlier, later,
};

/// What is kept when they are too many.
const KEPT_EVENTS: usize = 7_500;

impl EventSeries {
    /// Takes groups that no event can change any more for complete, and forgets events that can be in no other.
    pub(super) fn settle(
        &self,
        state: &mut SeriesState,
        events: &[SeriesEvent],
    ) -> Vec<(Timestamp, i64)> {
        let accepts_from = earlier(state.newest, self.lateness());
        let mut kept: Vec<&SeriesEvent> = events.iter().collect();
        let mut forgotten = self.settle_before(accepts_from, state, events, &mut kept);
        if count(kept.len()) >= MAX_SERIES_EVENTS {
            forgotten.extend(self.reduce(state, events, &mut kept));
        }
        state.events = count(kept.len());
        state.oldest = kept.first().map_or(state.newest, |event| event.time);
        forgotten
    }

    fn settle_before(
        &self,
        accepts_from: Timestamp,
        state: &mut SeriesState,
        events: &[SeriesEvent],
        kept: &mut Vec<&SeriesEvent>,
    ) -> Vec<(Timestamp, i64)> {
        state.accepts_from = state.accepts_from.max(accepts_from);
        let groups = self.groups(events);
        let over = groups
            .iter()
            .filter(|group| group.end <= state.accepts_from);
        let over: Vec<&EventGroup> = over.collect();
        state.started = state.started.saturating_sub(count(over.len()));
        if let Some(last) = over.last() {
            state.floor = last.end;
        }
        let (floor, from) = (state.floor, state.accepts_from);
        let matters =
            |event: &SeriesEvent| event.time >= floor && later(event.time, self.within) > from;
        let forgotten = kept.iter().filter(|event| !matters(event));
        let forgotten = forgotten.map(|event| (event.time, event.event)).collect();
        kept.retain(|event| matters(event));
        forgotten
    }

    /// Too many events are kept: older ones than the newest are not accepted any more, and of those that complete
    /// nothing the newest remain.
    fn reduce(
        &self,
        state: &mut SeriesState,
        events: &[SeriesEvent],
        kept: &mut Vec<&SeriesEvent>,
    ) -> Vec<(Timestamp, i64)> {
        let mut forgotten = self.settle_before(state.newest, state, events, kept);
        if state.end > state.floor {
            state.floor = state.end;
            state.started = 0;
        }
        let mut values = HashSet::new();
        let (floor, is_distinct) = (state.floor, self.is_distinct());
        let mut left = KEPT_EVENTS;
        let mut remains: Vec<&SeriesEvent> = Vec::new();
        for event in kept.iter().rev() {
            let is_new = !is_distinct || values.insert(event.item.as_str());
            match event.time >= floor && is_new && left > 0 {
                true => {
                    left -= 1;
                    remains.push(event);
                }
                false => forgotten.push((event.time, event.event)),
            }
        }
        remains.reverse();
        *kept = remains;
        forgotten
    }

    fn is_distinct(&self) -> bool {
        match self.kind {
            SeriesKind::Count(count) => count.is_distinct,
            SeriesKind::Sequence(_) => false,
        }
    }
}
