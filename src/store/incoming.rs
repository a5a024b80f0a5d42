//! What a store is given: an event with its planned runs, or one that matched no rule; and the result of the
//! commit.

use std::sync::Arc;

use jiff::Timestamp;

use super::sqlite::codec::event::{decode_event, encode_scanned_event};
use super::{DeliveryPart, ReplayId, ReplayMark, RevisionId, RowError, RunStatus, SeenRuns};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::flow::waiters::PlannedWaiter;
use flowtrigger_core::gate::GateCheck;
use flowtrigger_core::gate::debounce::DebounceCheck;
use flowtrigger_core::loop_guard::LoopCheck;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{RunId, RunState};

/// An event with the runs that are planned for it.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    pub event: Arc<Event>,
    pub received: Timestamp,
    /// The revision that evaluated it.
    pub revision: RevisionId,
    pub planned: Vec<PlannedRun>,
    pub occasion: ArrivalKind,
    /// The request that delivered it; `None` if none did.
    pub delivery: Option<DeliveryPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalKind {
    /// The event was received from its sender.
    Delivery,
    /// A person replays a known event: its runs get a new generation, and its gates are not checked.
    Replay(ReplayMark),
}

impl ArrivalKind {
    /// The replay that the event is a part of.
    pub(super) fn replay(self) -> Option<ReplayId> {
        match self {
            ArrivalKind::Delivery => None,
            ArrivalKind::Replay(mark) => mark.replay,
        }
    }

    /// The runs that a replay took into account.
    pub(super) fn seen(self) -> Option<SeenRuns> {
        match self {
            ArrivalKind::Delivery => None,
            ArrivalKind::Replay(mark) => mark.seen,
        }
    }
}

/// A run of one rule that matched.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    pub rule: Arc<Rule>,
    /// Shadow: recorded and never executed. Never disabled: such a rule does not match.
    pub mode: Mode,
    /// Runs of this rule with the same value are executed one at a time; `None` waits for no other run.
    pub lane: Option<String>,
    /// The check of the loop guard, before the gates; `None` if the run can cause no event.
    pub loop_ask: Option<LoopCheck>,
    /// The checks of its gates, in their order.
    pub asks: Vec<GateCheck>,
    /// The events that its flow waits for.
    pub waiters: Vec<PlannedWaiter>,
    /// Of a rule that is compared with another one: whether that one matches the event too.
    pub counterpart: Option<bool>,
}

impl PlannedRun {
    /// The runs of all rules that match an event.
    pub fn of_rules(rules: &[Arc<Rule>], event: &Event) -> Vec<Self> {
        let planned = rules.iter().map(|rule| Self {
            counterpart: rule.counterpart.as_deref().map(|other| {
                let mut rules = rules.iter();
                rules.any(|rule| rule.name == other)
            }),
            ..Self::new(rule, event)
        });
        planned.collect()
    }

    /// The run of a rule that matches an event.
    pub fn new(rule: &Arc<Rule>, event: &Event) -> Self {
        Self {
            rule: Arc::clone(rule),
            mode: rule.mode,
            lane: rule.lane_of(event),
            loop_ask: rule.loop_ask_of(event),
            asks: rule.asks_of(event),
            waiters: rule.waiters_of(event),
            counterpart: None,
        }
    }

    /// The debounce that collects its event; none for a run that is never executed.
    pub(super) fn debounce(&self) -> Option<DebounceCheck<'_>> {
        let live = (self.mode == Mode::Live).then_some(&self.asks)?;
        live.iter().find_map(DebounceCheck::from_gate_check)
    }

    /// The state of the run if every gate admits it.
    pub(super) fn first_state(&self) -> RunState {
        match self.mode {
            Mode::Live => RunState::Queued,
            Mode::Shadow => RunState::Shadow,
            Mode::Disabled => RunState::Cancelled,
        }
    }
}

/// The result of a commit for one event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The event was known: `runs` are its earlier runs.
    pub redelivered: bool,
    /// The first delivery of a redelivered event.
    pub first: Option<FirstDelivery>,
    pub runs: Vec<RunStatus>,
    /// Earlier runs of the same replay, in place of new ones.
    pub repeated: Vec<RunStatus>,
    /// Runs of other commands, in place of new ones: planned or continued since the replay has read the event.
    pub left_out: Vec<RunStatus>,
    pub loops: LoopFindings,
    /// The event is stored although it has no runs, because runs may wait for its type.
    pub awaited: bool,
    /// Runs whose steps waited for the event, and continue.
    pub continued: Vec<RunStatus>,
}

/// The runs of an event at which the loop guard found a high rate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoopFindings {
    /// Held until an operator decides.
    pub held: Vec<RunId>,
    /// Started, because the rule does not write to the system that sent the event.
    pub admitted: Vec<RunId>,
}

/// An event as it was received first, compared with a redelivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstDelivery {
    pub id: String,
    pub body: BodyComparison,
}

/// Whether a redelivery has the body of the first delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyComparison {
    Equal,
    Different,
    /// Fields of the first one were redacted.
    Unknown,
}

/// An event that matched no rule.
#[derive(Debug, Clone)]
pub enum UnmatchedEvent {
    Built(Arc<Event>),
    /// As received, without being built. Only for formats that the built-in catalogue can decode.
    Scanned {
        brief: Arc<EventSummary>,
        raw: Box<str>,
    },
}

impl UnmatchedEvent {
    /// The event, built if it is not.
    pub fn into_event(self) -> Result<Arc<Event>, RowError> {
        match self {
            UnmatchedEvent::Built(event) => Ok(event),
            UnmatchedEvent::Scanned { brief, raw } => {
                decode_event(&encode_scanned_event(&brief, &raw)).map(Arc::new)
            }
        }
    }
}

impl From<Arc<Event>> for UnmatchedEvent {
    fn from(event: Arc<Event>) -> Self {
        UnmatchedEvent::Built(event)
    }
}
