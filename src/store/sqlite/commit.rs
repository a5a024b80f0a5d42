//! Events and their runs into the file: redeliveries told, gates asked, bounds kept, all or none.
//! It judges no rule; what is planned was judged before.

use jiff::Timestamp;
use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::codec::{self, asks_text, micros};
use super::kept_event::event_text;
use super::ledger::Ledger;
use super::lineage::actors_text;
use crate::core::gate::{Ask, Facts, Kind, Opening};
use crate::core::loop_guard::Lineage;
use crate::core::run::{RunId, State};
use crate::store::{Arrival, Committed, Occasion, Placed, Planned, StoreError, lets_go};

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
        let unfinished = self.memory.unfinished();
        let full = unfinished + coming > self.memory.settings.limits.backlog as i64;
        match coming > 0 && (full || parked_full) {
            true => Err(StoreError::Full {
                unfinished: usize::try_from(unfinished).unwrap_or_default(),
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
                "UPDATE events SET redelivered = redelivered + 1, last_came = ?2 WHERE id = ?1",
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
                "INSERT INTO events (source, type, event_id, key, received, edition, matched, size, body)
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
        let (asked, loop_ask) = match arrival.occasion {
            Occasion::Delivery => (planned.asks.as_slice(), planned.loop_ask.as_ref()),
            Occasion::Replay => (&[][..], None),
        };
        let (lineage, looping) = match loop_ask {
            Some(ask) => self.loop_guard(queue, ask, now)?,
            None => (Lineage::default(), None),
        };
        let closed = match looping {
            Some(closed) => Some(closed),
            None => self.closed(queue, asked, now)?,
        };
        let state = closed.unwrap_or_else(|| self.first_state(planned, queue));
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
    fn first_state(&self, planned: &Planned, queue: i64) -> State {
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
        let (turn, over) = (self.memory.turn, run.state.is_final());
        self.connection
            .prepare_cached(
                "INSERT INTO runs (event, rule, queue, generation, lane, state, why, gate, error, asks,
                                   planned, changed, turn, depth, cause, actors)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15)",
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
            ])?;
        let id = self.connection.last_insert_rowid();
        self.memory.moved(run.queue, None, run.state.word());
        if !over {
            self.join(id, run.queue, run.lane)?;
        }
        Ok(RunId(id as u64))
    }

    /// The first gate that is closed.
    fn closed(
        &self,
        queue: i64,
        asks: &[Ask],
        now: Timestamp,
    ) -> Result<Option<State>, StoreError> {
        for ask in asks {
            let facts = facts(self.connection, queue, ask, now)?;
            if let Opening::Closed { why } = ask.decide(&facts) {
                let gate = ask.kind.word().to_owned();
                return Ok(Some(State::Suppressed { gate, why }));
            }
        }
        Ok(None)
    }

    fn charge(
        &self,
        queue: i64,
        asks: &[Ask],
        run: RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for ask in asks {
            let until = micros(now).saturating_add(codec::duration_micros(ask.window));
            self.connection
                .prepare_cached("INSERT INTO charges VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    queue,
                    ask.kind.word(),
                    ask.value,
                    micros(now),
                    run.0 as i64,
                    until
                ])?;
        }
        Ok(())
    }

    /// What never did its work counts no more for a `dedupe`.
    pub fn give_back(&self, run: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM charges WHERE run = ?1 AND gate = ?2")?
            .execute(params![run, Kind::Dedupe.word()])?;
        Ok(())
    }
}

/// What is known of the runs that count at a gate.
pub fn facts(
    connection: &rusqlite::Connection,
    queue: i64,
    ask: &Ask,
    now: Timestamp,
) -> rusqlite::Result<Facts> {
    let (gate, since) = (ask.kind.word(), ask.since(now));
    counted(connection, queue, gate, &ask.value, since)
}

/// The runs of a rule that count for a value since a time.
pub fn counted(
    connection: &rusqlite::Connection,
    queue: i64,
    gate: &str,
    value: &str,
    since: Timestamp,
) -> rusqlite::Result<Facts> {
    connection
        .prepare_cached(
            "SELECT count(*), min(at), run FROM charges
             WHERE queue = ?1 AND gate = ?2 AND value = ?3 AND at > ?4",
        )?
        .query_row(params![queue, gate, value, micros(since)], |row| {
            let (runs, at, run): (u32, Option<i64>, Option<i64>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let oldest = at
                .zip(run)
                .map(|(at, run)| (RunId(run as u64), codec::time(at)));
            Ok(Facts { runs, oldest })
        })
}
