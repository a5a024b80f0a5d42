//! Commits events with their planned runs: answers redeliveries, applies the limits, checks the gates. Several
//! events are committed all or none.

use jiff::Timestamp;
use rusqlite::params;

use super::codec::event::encode_event;
use super::codec::gate_checks::encode_checks;
use super::codec::micros;
use super::gates::causation::{LoopDecision, LoopOutcome, encode_actors, encode_writes};
use super::gates::series::PendingArrival;
use super::gates::window::{OpenWindow, WindowMember};
use super::transaction::WriteTransaction;
use super::waiters::plan::NewWaitingRun;
use crate::store::{
    ArrivalKind, Committed, IncomingEvent, LoopFindings, PlannedRun, ReplayId, RunStatus,
    StoreError,
};
use flowtrigger_core::event::json::size::JsonSize;
use flowtrigger_core::gate::debounce::DebounceCheck;
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::run::{RunId, RunState};

/// An incoming event with its JSON, encoded before the writer thread gets it.
pub struct EncodedEvent {
    pub incoming: IncomingEvent,
    pub body: String,
    /// The estimated memory of the event.
    pub memory: usize,
}

impl EncodedEvent {
    pub fn new(incoming: IncomingEvent) -> Self {
        let body = encode_event(&incoming.event);
        Self {
            memory: JsonSize::of(body.as_bytes()).memory(),
            body,
            incoming,
        }
    }
}

/// A run to insert.
pub struct NewRun<'a> {
    pub event: i64,
    pub rule: i64,
    pub queue: i64,
    pub generation: u32,
    /// The replay that plans it.
    pub replay: Option<ReplayId>,
    pub lane: Option<&'a str>,
    pub state: &'a RunState,
    pub error: Option<String>,
    /// Its gate checks, as JSON.
    pub checks: Option<String>,
    pub lineage: Causation,
    /// The actors that it writes as, as JSON.
    pub actors: Option<String>,
    /// The steps that write to the sender's system, as JSON.
    pub writes: Option<String>,
    /// Of a run that is compared with another rule: whether that one matched the event too.
    pub counterpart: Option<bool>,
    pub now: Timestamp,
}

impl WriteTransaction<'_> {
    pub fn commit_all(&mut self, events: &[EncodedEvent]) -> Result<Vec<Committed>, StoreError> {
        let known: Vec<Option<i64>> = events
            .iter()
            .map(|event| self.known(&event.incoming))
            .collect::<Result<_, _>>()?;
        self.check_limits(events, &known)?;
        if let ([one], [known]) = (events, known.as_slice()) {
            return Ok(vec![self.commit(one, *known)?]);
        }
        let mut committed = Vec::with_capacity(events.len());
        for event in events {
            // Looked up again: an array may contain an event twice.
            let known = self.known(&event.incoming)?;
            committed.push(self.commit(event, known)?);
        }
        Ok(committed)
    }

    fn commit(
        &mut self,
        encoded: &EncodedEvent,
        known: Option<i64>,
    ) -> Result<Committed, StoreError> {
        let incoming = &encoded.incoming;
        let (event, generation) = match (known, incoming.occasion) {
            (Some(event), ArrivalKind::Delivery) => {
                return self.redelivered(event, incoming);
            }
            (Some(event), ArrivalKind::Replay(_)) => (event, self.next_generation(event)?),
            (None, _) if incoming.planned.is_empty() => return self.commit_unmatched(encoded),
            (None, ArrivalKind::Delivery) => (self.write_event(encoded)?, 0),
            (None, ArrivalKind::Replay(mark)) => match mark.event {
                Some(stored) => {
                    let event = self.mark_matched(stored)?;
                    (event, self.next_generation(event)?)
                }
                None => (self.write_event(encoded)?, 1),
            },
        };
        let continued = match known {
            Some(_) => Vec::new(),
            None => self.arrive_first(incoming, event)?,
        };
        let mut runs = Vec::with_capacity(incoming.planned.len());
        let (mut repeated, mut left_out) = (Vec::new(), Vec::new());
        let mut loops = LoopFindings::default();
        for planned in &incoming.planned {
            if let Some(replay) = incoming.occasion.replay()
                && let Some(run) = self.replayed_run(event, planned, replay)?
            {
                repeated.push(run);
                continue;
            }
            if let Some(seen) = incoming.occasion.seen()
                && let Some(run) = self.run_instead(event, planned, seen)?
            {
                left_out.push(run);
                continue;
            }
            runs.push(self.plan(planned, incoming, (event, generation), &mut loops)?);
        }
        let all_are_new = repeated.is_empty() && left_out.is_empty();
        if all_are_new && runs.iter().all(|run| run.state.is_redactable()) {
            self.redact_event(event)?;
        }
        Ok(Committed {
            redelivered: false,
            first: None,
            runs,
            repeated,
            left_out,
            loops,
            awaited: false,
            continued,
        })
    }

    fn plan(
        &mut self,
        planned: &PlannedRun,
        incoming: &IncomingEvent,
        (event, generation): (i64, u32),
        loops: &mut LoopFindings,
    ) -> Result<RunStatus, StoreError> {
        let now = self.state.committed_at.unwrap_or(incoming.received);
        let queue = self.queue(&planned.rule.name)?;
        let rule = self.version(&planned.rule)?;
        // The gates of a replay are neither checked nor changed, and it starts a new chain.
        let (checks, loop_check, debounce) = match incoming.occasion {
            ArrivalKind::Delivery => (
                planned.asks.as_slice(),
                planned.loop_ask.as_ref(),
                planned.debounce(),
            ),
            ArrivalKind::Replay(_) => (&[][..], None, None),
        };
        let LoopOutcome { lineage, decision } = match loop_check {
            Some(check) => self.check_loop(queue, check, now)?,
            None => LoopOutcome {
                lineage: Causation::default(),
                decision: LoopDecision::Admit,
            },
        };
        let is_held = matches!(decision, LoopDecision::Hold(_));
        // A held run joins no window.
        let debounce = debounce.filter(|_| !is_held);
        let window = match debounce {
            Some(debounce) => self.window(queue, debounce.value, now)?,
            None => None,
        };
        let suppressed = match &decision {
            LoopDecision::Suppress(state) => Some(state.clone()),
            LoopDecision::Admit | LoopDecision::AdmitHighRate | LoopDecision::Hold(_) => {
                let times = (incoming.received, now);
                self.suppressing_gate(queue, checks, (debounce, window.as_ref()), times)?
            }
        };
        let counted = match suppressed.is_none() {
            true => self.series_arrival(queue, checks, event, incoming.received)?,
            false => None,
        };
        let suppressed = suppressed.or_else(|| counted.as_ref()?.state());
        let passed = suppressed.is_none();
        let state = match (suppressed, decision.clone()) {
            (Some(state), _) => state,
            (None, LoopDecision::Hold(held)) => held,
            (
                None,
                LoopDecision::Admit | LoopDecision::AdmitHighRate | LoopDecision::Suppress(_),
            ) => self.first_state(planned, (debounce, window.as_ref()), queue, now),
        };
        let guard = planned.loop_ask.as_ref().map(|check| &check.guard);
        let run = self.write_run(&NewRun {
            event,
            rule,
            queue,
            generation,
            replay: incoming.occasion.replay(),
            lane: planned.lane.as_deref(),
            state: &state,
            error: None,
            checks: encode_checks(&planned.asks, incoming.received),
            lineage,
            actors: guard.and_then(|guard| encode_actors(guard)),
            writes: guard.map(|guard| encode_writes(guard)),
            counterpart: planned.counterpart,
            now,
        })?;
        let member = WindowMember { run, event, queue };
        if let Some(counted) = &counted {
            self.record_arrival(&member, counted, now)?;
        }
        if let Some(debounce) = debounce {
            self.add_to_window(&member, (debounce, window), &state, now)?;
        }
        if let ArrivalKind::Replay(_) = incoming.occasion {
            self.readd_to_window(run, event, queue)?;
        }
        if !planned.waiters.is_empty() {
            let new = NewWaitingRun { run, event, rule };
            let last = counted.as_ref().and_then(PendingArrival::completed_at);
            self.plan_waiters(new, planned, incoming, (&state, last))?;
        }
        if passed {
            self.admit(queue, checks, run, now)?;
            if let Some(check) = &planned.loop_ask {
                let counting = loop_check.filter(|_| !is_held).map(|_| queue);
                self.trace(counting, check, run, now)?;
            }
            match (&decision, loop_check) {
                (LoopDecision::Hold(_), Some(check)) => {
                    loops.held.push(run);
                    self.notify_about_held(queue, check, run, now)?;
                }
                (LoopDecision::AdmitHighRate, _) => loops.admitted.push(run),
                (LoopDecision::Hold(_) | LoopDecision::Admit | LoopDecision::Suppress(_), _) => {}
            }
        }
        Ok(RunStatus {
            id: run,
            rule: planned.rule.name.as_str().into(),
            state,
        })
    }

    /// The state of a run that every gate admits. A rule that lags far behind gets held runs before it fills
    /// the backlog that all rules share.
    fn first_state(
        &self,
        planned: &PlannedRun,
        (debounce, window): (Option<DebounceCheck<'_>>, Option<&OpenWindow>),
        queue: i64,
        now: Timestamp,
    ) -> RunState {
        if let Some(debounce) = debounce {
            let until = debounce.until(window.map(|window| &window.gathering), now);
            return RunState::Debouncing { until };
        }
        let first = planned.first_state();
        let counts = &self.state.unfinished;
        let unfinished = counts.get(&queue).copied().unwrap_or_default();
        let limit = self.state.settings.limits.per_rule_backlog as i64;
        match first {
            RunState::Queued if unfinished >= limit => RunState::Held {
                why: format!(
                    "{unfinished} runs of this rule are unfinished, its limit; `flowtrigger runs retry --all --state held --rule {}` queues the held ones once it has caught up",
                    planned.rule.name
                ),
            },
            first => first,
        }
    }

    pub fn write_run(&mut self, run: &NewRun<'_>) -> Result<RunId, StoreError> {
        let position = self.state.next_position()?;
        let id = self.state.next_run()?;
        self.connection
            .prepare_cached(
                "INSERT INTO runs (event, rule, queue, generation, lane, state, why, gate, error, asks,
                                   planned, changed, position, depth, cause, actors, due, writes, replay, counterpart, id, ready)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
            )?
            .execute(params![
                run.event,
                run.rule,
                run.queue,
                run.generation,
                run.lane,
                run.state.as_str(),
                run.state.why(),
                run.state.gate(),
                run.error,
                run.checks,
                micros(run.now),
                position,
                run.lineage.depth,
                run.lineage.cause.map(|cause| cause.0 as i64),
                run.actors,
                run.state.due().map(micros),
                run.writes,
                run.replay.map(|replay| replay.0 as i64),
                run.counterpart,
                id,
                run.state.holds_lane().then_some(1),
            ])?;
        let id = self.connection.last_insert_rowid();
        self.state
            .count_transition(run.queue, None, run.state.as_str());
        if run.state.holds_lane() && !self.takes_lane(id, run.queue, run.lane)? {
            self.set_ready(id, false)?;
        }
        let id = RunId(id as u64);
        self.note_untraced(id, run.state, run.now)?;
        Ok(id)
    }
}
