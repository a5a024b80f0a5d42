//! Events and their runs into the store's memory: redeliveries told, gates asked.
//! It judges no rule; what is planned was judged before, and that there is room for it.

use std::sync::Arc;

use serde_json::Value;

use super::{Inner, Kept, Limits, queue};
use crate::core::gate::Ask;
use crate::core::loop_guard::Lineage;
use crate::core::run::{RunId, State};
use crate::store::memory::seen::EventId;
use crate::store::{Arrival, Committed, Occasion, Placed, Planned, Record};

impl Inner {
    /// The runs that an arrival would add to the backlog.
    pub fn to_act(&self, arrival: &Arrival) -> usize {
        let id = EventId::new(&arrival.event.source, &arrival.event.id);
        if arrival.occasion == Occasion::Delivery && self.seen.get(&id).is_some() {
            return 0;
        }
        let acting = |planned: &&Planned| !planned.first_state().is_final();
        arrival.planned.iter().filter(acting).count()
    }

    pub fn commit(&mut self, arrival: Arrival, limits: Limits) -> Committed {
        let id = EventId::new(&arrival.event.source, &arrival.event.id);
        let earlier = self.seen.get(&id).cloned().unwrap_or_default();
        if arrival.occasion == Occasion::Delivery && !earlier.is_empty() {
            return Committed {
                redelivered: true,
                runs: earlier.iter().map(|placed| self.today(placed)).collect(),
            };
        }
        let generation = self.next_generation(&arrival, &earlier);
        let mut runs = Vec::with_capacity(arrival.planned.len());
        for planned in &arrival.planned {
            runs.push(self.place(planned, &arrival, generation, limits));
        }
        if !runs.is_empty() {
            let all: Vec<Placed> = earlier.into_iter().chain(runs.iter().cloned()).collect();
            self.remember(id, &all, limits);
        }
        Committed {
            redelivered: false,
            runs,
        }
    }

    fn next_generation(&self, arrival: &Arrival, earlier: &[Placed]) -> u32 {
        if arrival.occasion == Occasion::Delivery {
            return 0;
        }
        let runs = earlier
            .iter()
            .filter_map(|placed| self.runs.get(&placed.id));
        let newest = runs.map(|kept| kept.record.generation).max();
        newest.map_or(1, |newest| newest + 1)
    }

    fn place(
        &mut self,
        planned: &Planned,
        arrival: &Arrival,
        generation: u32,
        limits: Limits,
    ) -> Placed {
        let (rule, now) = (&planned.rule.name, arrival.received);
        // A replay asks no gate, counts at none, and begins a chain anew.
        let (asked, loop_ask, debounce) = match arrival.occasion {
            Occasion::Delivery => (
                planned.asks.as_slice(),
                planned.loop_ask.as_ref(),
                planned.debounce(),
            ),
            Occasion::Replay => (&[][..], None, None),
        };
        let (lineage, looping) = match loop_ask {
            Some(ask) => self.loop_guard(rule, ask, now),
            None => (Lineage::default(), None),
        };
        let open = debounce.and_then(|debounce| self.window(rule, debounce.value, now));
        let window = debounce.zip(open.as_ref());
        let closed = looping.or_else(|| self.charges.closed(rule, asked, window, now));
        let passed = closed.is_none();
        let first = || match debounce {
            Some(debounce) => State::Debouncing {
                until: debounce.until(open.as_ref(), now),
            },
            None => planned.first_state(),
        };
        let id = RunId(self.last_id + 1);
        let run = self.keep(
            Record {
                id,
                event: Arc::clone(&arrival.event),
                rule: Arc::clone(&planned.rule),
                received: now,
                edition: arrival.edition,
                lane: planned.lane.clone(),
                generation,
                error: Value::Null,
                events: self.events_of(planned, arrival),
                lineage,
                state: closed.unwrap_or_else(first),
                log: Vec::new(),
            },
            planned.asks.clone(),
            limits,
        );
        if passed {
            self.charges.charge(rule, asked, run.id, now);
            if let Some(ask) = &planned.loop_ask {
                let rule = loop_ask.map(|_| rule.as_str());
                self.trace(rule, ask, (run.id, lineage), now);
            }
        }
        if let Some(debounce) = debounce {
            self.gather((planned, &run), (debounce, open), (now, limits));
        }
        run
    }

    pub fn keep(&mut self, record: Record, asks: Vec<Ask>, limits: Limits) -> Placed {
        let id = record.id;
        self.last_id = id.0;
        let placed = Placed::of(&record);
        let (over, queue) = (record.state.is_final(), queue(&record));
        let place = match record.state.due() {
            Some(until) => Some(self.lanes.wait(&queue, id, until)),
            None => (!over).then(|| self.lanes.join(&queue, id)),
        };
        let kept = Kept {
            record,
            asks,
            place,
        };
        self.runs.insert(id, kept);
        if over {
            self.finish(id, limits);
        }
        placed
    }

    fn remember(&mut self, id: EventId, runs: &[Placed], limits: Limits) {
        let open = |placed: &Placed| {
            let run = self.runs.get(&placed.id);
            run.is_some_and(|kept| !kept.record.state.is_final())
        };
        self.seen.insert(id, runs.to_vec(), limits.seen, open);
    }
}
