//! What comes to a store: an event with the runs that are planned for it, and what became of it.
//! It refuses to decide anything; whether a run begins is for the store.

use std::sync::Arc;

use jiff::Timestamp;

use super::{EditionId, Placed};
use crate::core::config::Mode;
use crate::core::event::{Brief, Event};
use crate::core::gate::{Ask, Debounce};
use crate::core::loop_guard::LoopAsk;
use crate::core::rule::jobspec::Rule;
use crate::core::run::State;

/// An event that came, with what is to run for it.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub event: Arc<Event>,
    pub received: Timestamp,
    /// What judged it.
    pub edition: EditionId,
    pub planned: Vec<Planned>,
    pub occasion: Occasion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The event came from outside.
    Delivery,
    /// A person wants a known event acted on again: its runs get a generation of their own, and no
    /// gate is asked.
    Replay,
}

/// One rule that matched.
#[derive(Debug, Clone)]
pub struct Planned {
    pub rule: Arc<Rule>,
    /// Shadow: recorded and never acted. Never disabled: such a rule does not match.
    pub mode: Mode,
    /// The value that runs of this rule are kept apart by; None waits for no other run.
    pub lane: Option<String>,
    /// What the loop guard is asked, before its gates; None where nothing follows from the run.
    pub loop_ask: Option<LoopAsk>,
    /// What its gates are asked, in their order.
    pub asks: Vec<Ask>,
}

impl Planned {
    /// The debounce that gathers its event; none for what never acts.
    pub(super) fn debounce(&self) -> Option<Debounce<'_>> {
        let live = (self.mode == Mode::Live).then_some(&self.asks)?;
        live.iter().find_map(Debounce::of)
    }

    /// Where a run begins that every gate lets through.
    pub(super) fn first_state(&self) -> State {
        match self.mode {
            Mode::Live => State::Queued,
            Mode::Shadow => State::Shadow,
            Mode::Disabled => State::Cancelled,
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The event was known: these are its earlier runs.
    pub redelivered: bool,
    pub runs: Vec<Placed>,
}

/// An event that led to no run.
#[derive(Debug, Clone)]
pub enum Unmatched {
    Built(Arc<Event>),
    /// As it came; nothing was built of it. Only what the built-in catalogue alone can read.
    Scanned {
        brief: Box<Brief>,
        raw: Box<str>,
    },
}

impl From<Arc<Event>> for Unmatched {
    fn from(event: Arc<Event>) -> Self {
        Unmatched::Built(event)
    }
}
