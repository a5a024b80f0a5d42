//! Windows in which a debounce gathers events, by rule and value.
//! It decides nothing: what an event does to a window was decided before.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::seen::EventId;
use super::shift::moved;
use super::{Inner, Limits, queue};
use crate::core::event::Event;
use crate::core::gate::{Ask, Debounce, Gathering, Kept, replaced};
use crate::core::run::{RunId, State};
use crate::store::{Arrival, Occasion, Placed, Planned};

/// Those that are open: at most one for each run that debounces.
#[derive(Debug, Default)]
pub struct Windows(HashMap<Of, Gathering>);

/// Rule and value.
type Of = (String, String);

impl Windows {
    /// Its run debounces no more, for whatever reason.
    pub fn close(&mut self, rule: &str, asks: &[Ask], run: RunId) {
        let Some(debounce) = asks.iter().find_map(Debounce::of) else {
            return;
        };
        let of = (rule.to_owned(), debounce.value.to_owned());
        if self.0.get(&of).is_some_and(|open| open.run == run) {
            self.0.remove(&of);
        }
    }

    pub fn shift(&mut self, by: SignedDuration) {
        for open in self.0.values_mut() {
            open.since = moved(open.since, by);
            open.until = moved(open.until, by);
        }
    }
}

impl Inner {
    /// The window that an event comes into. One whose time has come is closed first, however late.
    pub fn window(&mut self, rule: &str, value: &str, now: Timestamp) -> Option<Gathering> {
        let of = (rule.to_owned(), value.to_owned());
        let open = *self.windows.0.get(&of)?;
        if open.until > now {
            return Some(open);
        }
        self.windows.0.remove(&of);
        let kept = self.runs.get_mut(&open.run)?;
        kept.record.state = State::Queued;
        let (queue, place) = (queue(&kept.record), kept.place?);
        self.lanes.come_back(&queue, place);
        None
    }

    /// What a run that was just kept does to the window of its event.
    pub fn gather(
        &mut self,
        (planned, run): (&Planned, &Placed),
        (debounce, open): (Debounce<'_>, Option<Gathering>),
        (now, limits): (Timestamp, Limits),
    ) {
        let rule = &planned.rule.name;
        let of = (rule.clone(), debounce.value.to_owned());
        let acts = match (&run.state, open) {
            (State::Debouncing { .. }, _) => run.id,
            (State::Suppressed { gate, .. }, Some(open)) if gate == DEBOUNCE => open.run,
            (_, _) => return,
        };
        let gathering = Gathering {
            run: acts,
            since: open.map_or(now, |open| open.since),
            until: debounce.until(open.as_ref(), now),
            events: open.map_or(1, |open| open.events.saturating_add(1)),
            bytes: 0,
        };
        self.windows.0.insert(of, gathering);
        match open.filter(|open| open.run != acts) {
            Some(open) => self.give_way(open.run, run.id, (planned, debounce.keep), limits),
            None => self.put_off(&gathering),
        }
    }

    /// The run that waited does not begin, and counts nowhere.
    fn give_way(
        &mut self,
        run: RunId,
        to: RunId,
        (planned, keep): (&Planned, Kept),
        limits: Limits,
    ) {
        let Some(kept) = self.runs.get_mut(&run) else {
            return;
        };
        let asks = std::mem::take(&mut kept.asks);
        let own = Arc::clone(&kept.record.event);
        let before = std::mem::replace(&mut kept.record.events, vec![own]);
        self.charges.give_all_back(&planned.rule.name, &asks, run);
        self.traces.forget(run);
        match (keep, self.runs.get_mut(&to)) {
            (Kept::All, Some(next)) => drop(next.record.events.splice(0..0, before)),
            (Kept::First | Kept::Last, _) | (Kept::All, None) => {}
        }
        let gate = DEBOUNCE.to_owned();
        let why = replaced(to);
        self.move_to(run, State::Suppressed { gate, why }, limits);
    }

    fn put_off(&mut self, gathering: &Gathering) {
        let until = gathering.until;
        let Some(kept) = self.runs.get_mut(&gathering.run) else {
            return;
        };
        kept.record.state = State::Debouncing { until };
        if let Some(place) = kept.place {
            let queue = queue(&kept.record);
            self.lanes.step_aside(&queue, place, until);
        }
    }

    /// What a run's flow reads under `events`: at least its own event, where it reads any.
    pub fn events_of(&self, planned: &Planned, arrival: &Arrival) -> Vec<Arc<Event>> {
        if !planned.rule.reads_events() {
            return Vec::new();
        }
        let own = || vec![Arc::clone(&arrival.event)];
        match arrival.occasion {
            Occasion::Delivery => own(),
            Occasion::Replay => self.gathered_before(planned, arrival).unwrap_or_else(own),
        }
    }

    /// A replay reads the same as the run before it.
    fn gathered_before(&self, planned: &Planned, arrival: &Arrival) -> Option<Vec<Arc<Event>>> {
        let id = EventId::new(&arrival.event.source, &arrival.event.id);
        let runs = self.seen.get(&id)?.iter().rev();
        let mut records = runs.filter_map(|placed| Some(&self.runs.get(&placed.id)?.record));
        let before = records.find(|record| {
            let acts = record.state.gate().is_none();
            acts && record.rule.name == planned.rule.name
        })?;
        Some(before.events.clone()).filter(|events| !events.is_empty())
    }
}

/// The gate's word.
const DEBOUNCE: &str = "debounce";
