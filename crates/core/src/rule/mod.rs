//! Defines the compiled rule, and the lane and the gate checks of a rule for one event.
//! The condition is evaluated in `matching`; the flow is run by `flow`.

pub mod event_pattern;
pub mod test;
pub mod version;
pub mod vocabulary;

use std::sync::Arc;

use serde_json::Value;

use crate::config::mode::Mode;
use crate::diagnostic::{Diagnostics, Span};
use crate::document;
use crate::document::Node;
use crate::event::Event;
use crate::flow::step::{Flow, Step};
use crate::gate::{DebounceKeep, Gate, GateCheck, GateKind};
use crate::language::condition::Condition;
use crate::loop_guard::{LoopCheck, LoopGuard};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};
use crate::rule::event_pattern::TypePattern;
use crate::rule::version::RuleVersion;

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    /// The location of its name.
    pub at: Span,
    pub event_source: String,
    pub event_types: Arc<[TypePattern]>,
    pub mode: Mode,
    pub when: Condition,
    /// The configuration's variables, overridden by the rule's own; an object.
    pub vars: Arc<Value>,
    pub lane: Lane,
    /// Its loop guard, which is checked before the gates; None if its runs cannot cause events.
    pub guard: Option<Arc<LoopGuard>>,
    /// In the order in which they are checked.
    pub gates: Vec<Gate>,
    pub flow: Flow,
    /// What runs when a run of this rule is dead: the rule's own, or the configuration's.
    pub on_dead: Option<Arc<Flow>>,
    /// Its text and configuration.
    pub version: RuleVersion,
    /// Whether its document has tests.
    pub has_tests: bool,
}

/// Which runs of a rule execute one at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Lane {
    /// Those of the same ticket.
    Key,
    Per(Arc<Path>),
    None,
}

impl Rule {
    pub fn listens_to(&self, source: &str, event_type: &str) -> bool {
        self.event_source == source && self.event_types.iter().any(|p| p.covers(event_type))
    }

    /// Returns all steps that it may run, those of `on_dead` included.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let on_dead = self.on_dead.iter().flat_map(|flow| flow.all_steps());
        self.flow.all_steps().into_iter().chain(on_dead)
    }

    /// Whether the key of its events is a ticket.
    pub fn is_about_tickets(&self) -> bool {
        self.event_types.iter().all(|pattern| match pattern {
            TypePattern::Name(name) | TypePattern::Family(name) => name.starts_with("ticket"),
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
            Lane::Key => event.key.clone().map(|key| event.scoped(key)),
            Lane::Per(path) => self.value_at(path, event).map(|value| event.scoped(value)),
        }
    }

    /// Whether its flow can read `events`: all events of its debounce window.
    pub fn reads_events(&self) -> bool {
        self.gates.iter().any(keeps_all)
    }

    /// Returns the local names of a run whose debounce window has only this event: an object, or null if
    /// there are none.
    pub fn locals_of(&self, event: &Event) -> Value {
        let events = self.reads_events().then_some(event);
        crate::gate::debounce::locals(events)
    }

    /// Returns the checks of its gates for an event. A gate whose `per` field is absent is not checked.
    pub fn asks_of(&self, event: &Event) -> Vec<GateCheck> {
        let gates = self.gates.iter();
        gates.filter_map(|gate| self.ask_of(gate, event)).collect()
    }

    /// Returns the check of one gate for an event. None if its `per` field is absent.
    pub fn ask_of(&self, gate: &Gate, event: &Event) -> Option<GateCheck> {
        let value = match &gate.per {
            Some(path) => {
                let value = self.value_at(path, event)?;
                event.scoped(format!("{} {value}", path.text))
            }
            None => String::new(),
        };
        // Shadow runs count separately, so that they never suppress a live run.
        let value = match (self.mode, value.as_str()) {
            (Mode::Live | Mode::Disabled, _) => value,
            (Mode::Shadow, "") => "runs in shadow".into(),
            (Mode::Shadow, value) => format!("{value} in shadow"),
        };
        Some(GateCheck {
            kind: gate.kind,
            window: gate.window,
            value,
        })
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
        GateKind::Dedupe | GateKind::Throttle { .. } => false,
    }
}
