//! A rule: which events, when, and what to run; and what it asks of one event.
//! It refuses to judge the event and to run anything.

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
use crate::gate::{Gate, GateCheck, GateKind, ModelWindow};
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
    /// Where its name stands.
    pub at: Span,
    pub event_source: String,
    pub event_types: Arc<[TypePattern]>,
    pub mode: Mode,
    pub when: Condition,
    /// The configuration's variables with the rule's own laid over them; an object.
    pub vars: Arc<Value>,
    pub lane: Lane,
    /// What the loop guard knows of it, which is asked first; None where nothing follows from its runs.
    pub guard: Option<Arc<LoopGuard>>,
    /// In the order in which they are asked.
    pub gates: Vec<Gate>,
    pub flow: Flow,
    /// What runs when a run of this rule is dead: the rule's own, or the configuration's.
    pub on_dead: Option<Arc<Flow>>,
    /// As it was written.
    pub version: RuleVersion,
    /// Whether its document holds tests of its own.
    pub has_tests: bool,
}

/// Which runs of a rule wait for each other.
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

    /// Everything that it may run.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let on_dead = self.on_dead.iter().flat_map(|flow| flow.all_steps());
        self.flow.all_steps().into_iter().chain(on_dead)
    }

    /// Whether the key of its events is a ticket.
    pub fn is_about_tickets(&self) -> bool {
        self.event_types.iter().all(|pattern| match pattern {
            TypePattern::Tag(name) | TypePattern::Family(name) => name.starts_with("ticket"),
        })
    }

    /// The rule's own tests, as written. They are read anew: whoever acts on events needs none of them.
    pub fn tests(&self) -> Vec<Node> {
        let tests = self.has_tests.then(|| self.written("tests")).flatten();
        let tests = tests.as_ref().and_then(Node::as_list);
        tests.unwrap_or_default().to_vec()
    }

    /// What its author says of it.
    pub fn description(&self) -> Option<String> {
        self.written("description")?.scalar_text()
    }

    /// What stands under a key of its document.
    fn written(&self, key: &str) -> Option<Node> {
        let told_before = &mut Diagnostics::default();
        let document = document::read_chunk(self.at.file, &self.version.chunk(), told_before);
        document?.get(key).cloned()
    }

    /// The lane of a run of this rule for an event; None where it waits for no other.
    pub fn lane_of(&self, event: &Event) -> Option<String> {
        match &self.lane {
            Lane::None => None,
            Lane::Key => event.key.clone(),
            Lane::Per(path) => self.value_at(path, event),
        }
    }

    /// Whether its flow reads `events`: all that a debounce gathers.
    pub fn reads_events(&self) -> bool {
        self.gates.iter().any(gathers_all)
    }

    /// What its gates give names to where nothing but this event was gathered: an object, or null where
    /// there is none.
    pub fn locals_of(&self, event: &Event) -> Value {
        let events = self.reads_events().then_some(event);
        crate::gate::debounce::locals(events)
    }

    /// What its gates are asked about an event. A gate whose value the event does not have is not
    /// asked.
    pub fn asks_of(&self, event: &Event) -> Vec<GateCheck> {
        let gates = self.gates.iter();
        gates.filter_map(|gate| self.ask_of(gate, event)).collect()
    }

    /// What one of its gates is asked about an event; None where the event lacks the value.
    pub fn ask_of(&self, gate: &Gate, event: &Event) -> Option<GateCheck> {
        let value = match &gate.per {
            Some(path) => format!("{} {}", path.text, self.value_at(path, event)?),
            None => String::new(),
        };
        // What never acts must not keep from acting: runs in shadow count among themselves.
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

    /// What the loop guard is asked about an event. What never acts is not asked about: nothing follows
    /// from it.
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

fn gathers_all(gate: &Gate) -> bool {
    match gate.kind {
        GateKind::Debounce { keep, .. } => keep == ModelWindow::All,
        GateKind::Dedupe | GateKind::Throttle { .. } => false,
    }
}
