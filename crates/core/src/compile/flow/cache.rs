//! Caches lowered named flows by event types and variables, and the diagnostics reported for them.
//! A flow with a diagnostic is not cached: it is lowered for each rule that runs it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::compile::compiler::Compiler;
use crate::compile::flow::named_flows::NamedFlow;
use crate::diagnostic::{Diagnostic, Span};
use crate::flow::step::Flow;
use crate::language::event_fields::EventTypesKey;
use crate::language::names::Local;
use crate::rule::version::IncludedDocument;

#[derive(Default)]
pub struct FlowCache {
    lowered: HashMap<(Arc<str>, EventTypesKey), Vec<CachedFlow>>,
    /// The names of the flows that some rule runs.
    used: BTreeSet<Arc<str>>,
    reported: HashSet<(Span, String)>,
    cycles: BTreeSet<Vec<Arc<str>>>,
}

/// A lowered flow without diagnostics.
#[derive(Clone)]
pub struct CachedFlow {
    pub inputs: FlowInputs,
    /// The number of flows around it when it was lowered.
    pub depth: usize,
    pub flow: Arc<Flow>,
    /// The documents of the flows that it calls.
    pub parts: Vec<IncludedDocument>,
}

/// What a named flow can read of its caller, in addition to the event.
#[derive(Clone)]
pub struct FlowInputs {
    /// The rule's variables.
    pub base: Arc<Value>,
    /// The same, overridden by the flow's own.
    pub vars: Arc<Value>,
    /// Variables whose value the caller sets when the flow runs.
    pub parameters: BTreeSet<String>,
    pub locals: Vec<Local>,
    /// The source of the rule's events, the default of awaited events.
    pub source: Option<String>,
}

impl FlowInputs {
    /// Returns the variables whose values are known when the flow is lowered.
    pub fn known(&self) -> Arc<Value> {
        if self.parameters.is_empty() {
            return Arc::clone(&self.vars);
        }
        let mut known = self.vars.as_object().cloned().unwrap_or_default();
        known.retain(|name, _| !self.parameters.contains(name));
        Arc::new(Value::Object(known))
    }

    fn equals(&self, other: &Self) -> bool {
        let same = |a: &Arc<Value>, b: &Arc<Value>| Arc::ptr_eq(a, b) || a == b;
        let vars = same(&self.base, &other.base) && same(&self.vars, &other.vars);
        vars && self.parameters == other.parameters
            && self.locals == other.locals
            && self.source == other.source
    }
}

impl FlowCache {
    pub fn mark_used(&mut self, name: &Arc<str>) {
        self.used.insert(Arc::clone(name));
    }

    pub fn is_used(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// Records a diagnostic as reported. Returns whether it is new.
    pub fn mark_reported(&mut self, diagnostic: &Diagnostic) -> bool {
        self.reported
            .insert((diagnostic.at, diagnostic.message.clone()))
    }

    /// Records a cycle of flows as reported. Returns whether it is new.
    pub fn mark_cycle_reported(&mut self, names: Vec<Arc<str>>) -> bool {
        self.cycles.insert(names)
    }

    pub fn get(
        &self,
        named: &NamedFlow,
        inputs: &FlowInputs,
        cx: &Compiler<'_>,
    ) -> Option<CachedFlow> {
        let key = (Arc::clone(&named.name), cx.names.fields.identity()?);
        let mut lowered = self.lowered.get(&key)?.iter();
        let same =
            |lowered: &&CachedFlow| lowered.inputs.equals(inputs) && cx.depth <= lowered.depth;
        lowered.find(same).cloned()
    }

    pub fn insert(&mut self, named: &NamedFlow, fields: EventTypesKey, lowered: CachedFlow) {
        let key = (Arc::clone(&named.name), fields);
        self.lowered.entry(key).or_default().push(lowered);
    }
}
