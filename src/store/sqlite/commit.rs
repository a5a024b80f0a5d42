//! Events and their runs into the file: redeliveries told, bounds kept, all or none.
//! It judges no rule; what is planned was judged before.

use jiff::Timestamp;
use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::codec::{asks_text, micros};
use super::kept_event::event_text;
use super::ledger::Ledger;
use super::lineage::actors_text;
use super::windows::{Gathered, Window};
use crate::core::gate::Debounce;
use crate::core::loop_guard::Lineage;
use crate::core::run::{RunId, State};
use crate::store::{
    Arrival, Committed, Occasion, Placed, Planned, StoreError, is_in_line, lets_go,
};

/// Runs that wait for a time, for each one that the backlog may hold.
const PARKED: i64 = 10;

/// An arrival on its way in, its event written out as it is kept: that is done before the one thread
/// that writes has it.
pub struct Coming {
    arrival: Arrival,
    body: String,
}

impl Coming {
    pub fn of(arrival: Arrival) -> Self {
        Self {
            body: event_text(&arrival.event),
            arrival,
        }
    }
}

/// A run about to be written.
pub struct NewRun<'a> {
    pub event: i64,
    pub rule: i64,
    pub queue: i64,
    pub generation: u32,
    pub lane: Option<&'a str>,
    pub state: &'a State,
    pub error: Option<String>,
    pub asks: Option<String>,
    pub lineage: Lineage,
    /// Whom it writes as, as JSON.
    pub actors: Option<String>,
    pub now: Timestamp,
}

impl Ledger<'_> {
    pub fn commit_all(&mut self, coming: &[Coming]) -> Result<Vec<Committed>, StoreError> {
        let known: Vec<Option<i64>> = coming
            .iter()
            .map(|coming| self.known(&coming.arrival))
            .collect::<Result<_, _>>()?;
        self.check_room(coming, &known)?;
        if let ([one], [known]) = (coming, known.as_slice()) {
            return Ok(vec![self.commit(one, *known)?]);
        }
        let mut committed = Vec::with_capacity(coming.len());
        for coming in coming {
            // Looked up again: an array may hold an event twice.
            let known = self.known(&coming.arrival)?;
            committed.push(self.commit(coming, known)?);
        }
        Ok(committed)
    }

    /// The row of an event that led to runs before.
    fn known(&self, arrival: &Arrival) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id FROM events INDEXED BY events_by_id
                 WHERE event_id = ?2 AND source = ?1 AND matched = 1",
            )?
            .query_row([&arrival.event.source, &arrival.event.id], |row| row.get(0))
            .optional()?)
    }

    /// No event and no run is written before this says that there is room for all of it.
    fn check_room(&mut self, coming: &[Coming], known: &[Option<i64>]) -> Result<(), StoreError> {
        let arrivals = coming.iter().map(|coming| &coming.arrival);
        let new = arrivals
            .zip(known)
            .filter(|(arrival, known)| known.is_none() || arrival.occasion == Occasion::Replay);
        let planned = new.flat_map(|(arrival, _)| &arrival.planned);
        let (mut coming, mut parked_full) = (0, false);
        for planned in planned.filter(|planned| !planned.first_state().is_final()) {
            coming += 1;
            parked_full |= self.parked_is_full(&planned.rule.name)?;
        }
        let (unfinished, parked) = (self.memory.unfinished(), self.memory.parked());
        let backlog = self.memory.settings.limits.backlog as i64;
        // What waits for a time costs room on the disk alone, but not without end.
        let full = unfinished + coming > backlog || parked + coming > backlog * PARKED;
        match coming > 0 && (full || parked_full) {
            true => Err(StoreError::Full {
                unfinished: usize::try_from(unfinished + parked).unwrap_or_default(),
            }),
            false => Ok(()),
        }
    }

    /// A rule whose runs are parked has as much room for them as all rules have for their backlog;
    /// beyond it its own events are refused, and no other rule's.
    fn parked_is_full(&mut self, rule: &str) -> Result<bool, StoreError> {
        let queue = self.queue(rule)?;
        let memory = &self.memory;
        let of = |counts: &HashMap<i64, i64>| counts.get(&queue).copied().unwrap_or_default();
        let limits = &memory.settings.limits;
        Ok(of(&memory.open) >= limits.per_rule_backlog as i64
            && of(&memory.held) >= limits.backlog as i64)
    }

    fn commit(&mut self, coming: &Coming, known: Option<i64>) -> Result<Committed, StoreError> {
        let arrival = &coming.arrival;
        let (event, generation) = match (known, arrival.occasion) {
            (Some(event), Occasion::Delivery) => return self.redelivered(event, arrival.received),
            (Some(event), Occasion::Replay) => (event, self.next_generation(event)?),
            (None, _) if arrival.planned.is_empty() => return Ok(Committed::default()),
            (None, Occasion::Delivery) => (self.write_event(coming)?, 0),
            (None, Occasion::Replay) => (self.write_event(coming)?, 1),
        };
        let mut runs = Vec::with_capacity(arrival.planned.len());
        for planned in &arrival.planned {
            runs.push(self.plan(planned, arrival, event, generation)?);
        }
        if runs.iter().all(|placed| lets_go(&placed.state)) {
            self.let_go(event)?;
        }
        Ok(Committed {
            redelivered: false,
            runs,
        })
    }

    fn redelivered(&mut self, event: i64, now: Timestamp) -> Result<Committed, StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE events SET redelivered = redelivered + 1, last_received = ?2 WHERE id = ?1",
            )?
            .execute(params![event, micros(now)])?;
        Ok(Committed {
            redelivered: true,
            runs: self.placed_of(event)?,
        })
    }

    fn next_generation(&self, event: i64) -> Result<u32, StoreError> {
        let sql = "SELECT coalesce(max(generation), 0) + 1 FROM runs WHERE event = ?1";
        Ok(self.connection.query_row(sql, [event], |row| row.get(0))?)
    }

    fn write_event(&mut self, coming: &Coming) -> Result<i64, StoreError> {
        let Coming { arrival, body } = coming;
        let event = &arrival.event;
        self.connection
            .prepare_cached(
                "INSERT INTO events (source, type, event_id, key, received, revision, matched, size, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8)",
            )?
            .execute(params![
                event.source,
                event.event_type,
                event.id,
                event.key,
                micros(arrival.received),
                arrival.edition.0 as i64,
                body.len() as i64,
                body,
            ])?;
        let row = self.connection.last_insert_rowid();
        self.remember(row, event, body.len());
        Ok(row)
    }

    fn plan(
        &mut self,
        planned: &Planned,
        arrival: &Arrival,
        event: i64,
        generation: u32,
    ) -> Result<Placed, StoreError> {
        let now = arrival.received;
        let queue = self.queue(&planned.rule.name)?;
        let rule = self.version(&planned.rule)?;
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
            Some(ask) => self.loop_guard(queue, ask, now)?,
            None => (Lineage::default(), None),
        };
        let window = match debounce {
            Some(debounce) => self.window(queue, debounce.value, now)?,
            None => None,
        };
        let closed = match looping {
            Some(closed) => Some(closed),
            None => self.closed(queue, asked, (debounce, window.as_ref()), now)?,
        };
        let first = || self.first_state(planned, (debounce, window.as_ref()), queue, now);
        let state = closed.unwrap_or_else(first);
        let passed = !matches!(state, State::Suppressed { .. });
        let run = self.write_run(&NewRun {
            event,
            rule,
            queue,
            generation,
            lane: planned.lane.as_deref(),
            state: &state,
            error: None,
            asks: asks_text(&planned.asks),
            lineage,
            actors: planned
                .loop_ask
                .as_ref()
                .and_then(|ask| actors_text(&ask.guard)),
            now,
        })?;
        if let Some(debounce) = debounce {
            let coming = Gathered { run, event, queue };
            self.gather(&coming, (debounce, window), &state, now)?;
        }
        if arrival.occasion == Occasion::Replay {
            self.gather_again(run, event, queue)?;
        }
        if passed {
            self.charge(queue, asked, run, now)?;
            if let Some(ask) = &planned.loop_ask {
                self.trace(loop_ask.map(|_| queue), ask, run, now)?;
            }
        }
        Ok(Placed {
            id: run,
            rule: planned.rule.name.as_str().into(),
            state,
        })
    }

    /// A rule that lags far behind is parked, before it fills what all rules share.
    fn first_state(
        &self,
        planned: &Planned,
        (debounce, window): (Option<Debounce<'_>>, Option<&Window>),
        queue: i64,
        now: Timestamp,
    ) -> State {
        if let Some(debounce) = debounce {
            let until = debounce.until(window.map(|window| &window.gathering), now);
            return State::Debouncing { until };
        }
        let first = planned.first_state();
        let open = self.memory.open.get(&queue).copied().unwrap_or_default();
        let most = self.memory.settings.limits.per_rule_backlog as i64;
        match first {
            State::Queued if open >= most => State::Held {
                why: format!(
                    "{open} runs of this rule are unfinished, its limit; `flowtrigger runs retry --all --state held --rule {}` queues those that are held once it has caught up",
                    planned.rule.name
                ),
            },
            first => first,
        }
    }

    pub fn write_run(&mut self, run: &NewRun<'_>) -> Result<RunId, StoreError> {
        self.memory.turn += 1;
        let turn = self.memory.turn;
        self.connection
            .prepare_cached(
                "INSERT INTO runs (event, rule, queue, generation, lane, state, why, gate, error, asks,
                                   planned, changed, position, depth, cause, actors, due)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                run.event,
                run.rule,
                run.queue,
                run.generation,
                run.lane,
                run.state.word(),
                run.state.why(),
                run.state.gate(),
                run.error,
                run.asks,
                micros(run.now),
                turn,
                run.lineage.depth,
                run.lineage.cause.map(|cause| cause.0 as i64),
                run.actors,
                run.state.due().map(micros),
            ])?;
        let id = self.connection.last_insert_rowid();
        self.memory.moved(run.queue, None, run.state.word());
        if is_in_line(run.state) {
            self.join(id, run.queue, run.lane)?;
        }
        Ok(RunId(id as u64))
    }
}
