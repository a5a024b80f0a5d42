//! Defines the compiled rule, and the lane and the gate checks of a rule for one event.
//! The condition is evaluated in `matching`; the flow is run by `flow`.

pub mod expected_runs;
mod schedules;
pub mod sequence_step;
pub mod shadow_version;
pub mod test;
mod tick;
pub mod version;
pub mod vocabulary;

use std::sync::Arc;

use serde_json::Value;

use crate::config::mode::Mode;
use crate::diagnostic::{Diagnostics, Span};
use crate::document;
use crate::document::Node;
use crate::event::Event;
use crate::event::type_pattern::TypePattern;
use crate::flow::step::{Flow, Step};
use crate::flow::waiters::PlannedWaiter;
use crate::gate::sequence::StepSet;
use crate::gate::series::check::{SeriesGate, SeriesItem};
use crate::gate::{DebounceKeep, Gate, GateCheck, GateKind};
use crate::language::condition::Condition;
use crate::loop_guard::{LoopCheck, LoopGuard};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};
use crate::rule::sequence_step::SequenceStep;
use crate::rule::version::RuleVersion;
use crate::schedule::every::Every;

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    /// The location of its name.
    pub at: Span,
    pub event_source: String,
    pub event_types: Arc<[TypePattern]>,
    /// When it ticks, if its events are its own ticks.
    pub every: Option<Arc<Every>>,
    pub mode: Mode,
    pub when: Condition,
    /// The configuration's variables, overridden by the rule's own; an object.
    pub vars: Arc<Value>,
    pub lane: Lane,
    /// Its loop guard, which is checked before the gates; None if its runs cannot cause events.
    pub guard: Option<Arc<LoopGuard>>,
    /// In the order in which they are checked.
    pub gates: Vec<Gate>,
    /// The steps of its `sequence`, if it has one instead of `event_type`.
    pub sequence: Option<Arc<[SequenceStep]>>,
    pub flow: Flow,
    /// What runs when a run of this rule is dead: the rule's own, or the configuration's.
    pub on_dead: Option<Arc<Flow>>,
    /// What runs when a receiver fails for which runs of this rule wait: the configuration's.
    pub on_outage: Option<Arc<Flow>>,
    /// Its text and configuration.
    pub version: RuleVersion,
    /// Whether its document has tests.
    pub has_tests: bool,
    /// Whether its flow waits for events.
    pub awaits_events: bool,
    /// The rule that it is compared with: the shadow version of this rule, or the rule that this is the shadow version of.
    pub counterpart: Option<Arc<str>>,
}

/// Which runs of a rule execute one at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Lane {
    /// Those of the same ticket.
    Key,
    Per(Arc<Path>),
    /// All runs of the rule: those of ticks, so that a slow one does not overlap the next.
    Rule,
    None,
}

impl Rule {
    pub fn listens_to(&self, source: &str, event_type: &str) -> bool {
        self.event_source == source && self.event_types.iter().any(|p| p.covers(event_type))
    }

    /// Returns all steps that it may run, those of `on_dead` and `on_outage` included.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let notices = self.on_dead.iter().chain(&self.on_outage);
        let notices = notices.flat_map(|flow| flow.all_steps());
        self.flow.all_steps().into_iter().chain(notices)
    }

    /// Whether the key of its events is a ticket.
    pub fn is_about_tickets(&self) -> bool {
        self.event_types.iter().all(|pattern| match pattern {
            TypePattern::Name(name) | TypePattern::Family(name) => {
                name.starts_with("ticket") || name.starts_with("messaging_ticket.")
            }
        })
    }

    /// Returns the rule's tests as written. They are read from its text each time, so that loaded rules use
    /// no memory for them.
    pub fn tests(&self) -> Vec<Node> {
        let tests = self.has_tests.then(|| self.written("tests")).flatten();
        let tests = tests.as_ref().and_then(Node::as_list);
        tests.unwrap_or_default().to_vec()
    }

    /// Returns the text under `description`.
    pub fn description(&self) -> Option<String> {
        self.written("description")?.scalar_text()
    }

    /// Returns the location of the value of a key of its document; that of its name if it has no such key.
    pub fn location_of(&self, key: &str) -> Span {
        self.written(key).map_or(self.at, |value| value.at)
    }

    /// Returns the value of a key of its document.
    fn written(&self, key: &str) -> Option<Node> {
        // The mistakes were reported when the rule was compiled.
        let ignored = &mut Diagnostics::default();
        let document = document::read_chunk(self.at.file, &self.version.chunk(), ignored);
        document?.get(key).cloned()
    }

    /// Returns the lane of a run of this rule for an event. None if it waits for no other run.
    pub fn lane_of(&self, event: &Event) -> Option<String> {
        match &self.lane {
            Lane::None => None,
            Lane::Rule => Some("ticks".to_owned()),
            Lane::Key => event.key.clone().map(|key| event.scoped(key)),
            Lane::Per(path) => self.value_at(path, event).map(|value| event.scoped(value)),
        }
    }

    /// Whether its flow can read `events`: all events of its debounce window, or those that were counted.
    pub fn reads_events(&self) -> bool {
        self.gates.iter().any(keeps_all)
    }

    /// Returns the local names of a run whose debounce window has only this event: an object, or null if
    /// there are none.
    pub fn locals_of(&self, event: &Event) -> Value {
        let events = self.reads_events().then_some(event);
        crate::gate::debounce::locals(events)
    }

    /// Returns what a run for the event waits for, from its planning on.
    pub fn waiters_of(&self, event: &Event) -> Vec<PlannedWaiter> {
        match self.awaits_events {
            true => self.flow.waiters_of(event),
            false => Vec::new(),
        }
    }

    /// Returns the checks of its gates for an event. A gate whose `per` field is absent is not checked.
    pub fn asks_of(&self, event: &Event) -> Vec<GateCheck> {
        let gates = self.gates.iter();
        gates.filter_map(|gate| self.ask_of(gate, event)).collect()
    }

    /// Returns the check of one gate for an event. None if its `per` field is absent.
    pub fn ask_of(&self, gate: &Gate, event: &Event) -> Option<GateCheck> {
        let kind = match &gate.kind {
            GateKind::Series(series) => GateKind::Series(self.read_series(series, gate, event)),
            GateKind::During(_)
            | GateKind::Dedupe
            | GateKind::Debounce { .. }
            | GateKind::Throttle { .. } => gate.kind.clone(),
        };
        let value = match &gate.per {
            Some(path) => match self.value_at(path, event) {
                Some(value) => event.scoped(format!("{} {value}", path.text)),
                // Such an event is not counted.
                None if matches!(kind, GateKind::Series(_)) => String::new(),
                None => return None,
            },
            None => String::new(),
        };
        // Shadow runs count separately, so that they never suppress a live run.
        let value = match (self.mode, value.as_str()) {
            (Mode::Live | Mode::Disabled, _) => value,
            (Mode::Shadow, "") => "runs in shadow".into(),
            (Mode::Shadow, value) => format!("{value} in shadow"),
        };
        // A schedule counts nothing.
        let value = match &gate.kind {
            GateKind::During(during) => during.text(),
            GateKind::Dedupe
            | GateKind::Debounce { .. }
            | GateKind::Throttle { .. }
            | GateKind::Series(_) => value,
        };
        Some(GateCheck {
            kind,
            window: gate.window.clone(),
            value,
            time: event.time,
        })
    }

    /// What an event is among those that its count or its sequence keeps. One without a value is not counted.
    fn read_series(&self, series: &SeriesGate, gate: &Gate, event: &Event) -> SeriesGate {
        let scope = Scope::new(event, &self.vars);
        let lacks = |path: &&Arc<Path>| {
            matches!(
                path.resolve(&scope),
                Resolved::Absent | Resolved::One(Value::Null)
            )
        };
        let needed = [gate.per.as_ref(), series.distinct.as_ref()];
        let lacking = needed.into_iter().flatten().find(lacks);
        let item = match (lacking, &series.distinct) {
            (Some(path), _) => SeriesItem::Lacks(path.text.clone()),
            (None, Some(path)) => SeriesItem::Is(self.value_at(path, event).unwrap_or_default()),
            (None, None) => SeriesItem::Is(self.steps_matched(&scope).to_string()),
        };
        SeriesGate {
            item,
            ..series.clone()
        }
    }

    /// The steps of its sequence that an event matches.
    fn steps_matched(&self, scope: &Scope<'_>) -> StepSet {
        let steps = self.sequence.iter().flat_map(|steps| steps.iter());
        let bits = steps
            .enumerate()
            .map(|(index, step)| match step.matches(scope) {
                true => 1 << index,
                false => 0,
            });
        bits.sum()
    }

    /// Returns the check of the loop guard for an event. None for a rule that does not act, because its
    /// runs cannot cause events.
    pub fn loop_ask_of(&self, event: &Event) -> Option<LoopCheck> {
        let acts = match self.mode {
            Mode::Live => true,
            Mode::Shadow | Mode::Disabled => false,
        };
        Some(self.guard.as_ref().filter(|_| acts)?.ask(event))
    }

    fn value_at(&self, path: &Path, event: &Event) -> Option<String> {
        let scope = Scope::new(event, &self.vars);
        match path.resolve(&scope) {
            Resolved::Absent => None,
            Resolved::One(value) => Some(value.to_string()),
            Resolved::Many(values) => Some(Value::Array(values).to_string()),
        }
    }
}

fn keeps_all(gate: &Gate) -> bool {
    match gate.kind {
        GateKind::Debounce { keep, .. } => keep == DebounceKeep::All,
        GateKind::Series(_) => true,
        GateKind::During(_) | GateKind::Dedupe | GateKind::Throttle { .. } => false,
    }
}
