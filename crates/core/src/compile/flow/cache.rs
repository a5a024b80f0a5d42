//! Named flows that were lowered before for the same events and variables, and what was told of them.
//! It refuses to speak for a flow with a mistake in it: that is lowered for each rule that runs it.

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
    /// The names of those that some rule runs.
    run: BTreeSet<Arc<str>>,
    told: HashSet<(Span, String)>,
    cycles: BTreeSet<Vec<Arc<str>>>,
}

/// A flow with nothing to say about it.
#[derive(Clone)]
pub struct CachedFlow {
    pub seen: FlowInputs,
    /// How many flows stood around it.
    pub depth: usize,
    pub flow: Arc<Flow>,
    /// The documents of the flows that it runs.
    pub parts: Vec<IncludedDocument>,
}

/// What a named flow sees of who runs it, beside the event.
#[derive(Clone)]
pub struct FlowInputs {
    /// The rule's variables.
    pub base: Arc<Value>,
    /// Those with the flow's own laid over them.
    pub vars: Arc<Value>,
    /// Variables whose value is told when the flow is run.
    pub given: BTreeSet<String>,
    pub locals: Vec<Local>,
}

impl FlowInputs {
    /// The variables whose values are known.
    pub fn known(&self) -> Arc<Value> {
        if self.given.is_empty() {
            return Arc::clone(&self.vars);
        }
        let mut known = self.vars.as_object().cloned().unwrap_or_default();
        known.retain(|name, _| !self.given.contains(name));
        Arc::new(Value::Object(known))
    }

    fn is_like(&self, other: &Self) -> bool {
        let same = |a: &Arc<Value>, b: &Arc<Value>| Arc::ptr_eq(a, b) || a == b;
        let vars = same(&self.base, &other.base) && same(&self.vars, &other.vars);
        vars && self.given == other.given && self.locals == other.locals
    }
}

impl FlowCache {
    pub fn run(&mut self, name: &Arc<str>) {
        self.run.insert(Arc::clone(name));
    }

    pub fn is_run(&self, name: &str) -> bool {
        self.run.contains(name)
    }

    /// Whether this is to be told: it was not before.
    pub fn tell(&mut self, diagnostic: &Diagnostic) -> bool {
        self.told
            .insert((diagnostic.at, diagnostic.message.clone()))
    }

    /// The same for flows that run each other in a circle.
    pub fn tell_cycle(&mut self, names: Vec<Arc<str>>) -> bool {
        self.cycles.insert(names)
    }

    pub fn get(
        &self,
        named: &NamedFlow,
        seen: &FlowInputs,
        cx: &Compiler<'_>,
    ) -> Option<CachedFlow> {
        let key = (Arc::clone(&named.name), cx.names.fields.identity()?);
        let mut lowered = self.lowered.get(&key)?.iter();
        let same = |lowered: &&CachedFlow| lowered.seen.is_like(seen) && cx.depth <= lowered.depth;
        lowered.find(same).cloned()
    }

    pub fn keep(&mut self, named: &NamedFlow, fields: EventTypesKey, lowered: CachedFlow) {
        let key = (Arc::clone(&named.name), fields);
        self.lowered.entry(key).or_default().push(lowered);
    }
}
