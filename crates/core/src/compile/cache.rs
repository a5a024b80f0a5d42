//! What the rules of a set have in common, compiled once: event patterns, named flows, settings of steps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::compile::flow::cache::FlowCache;
use crate::compile::flow::on_dead::lower_default_on_dead;
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::flow::step::{Flow, StepSettings};
use crate::language::event_fields::EventFields;
use crate::language::interner::{InternPool, Interner};
use crate::loop_guard::LoopGuard;
use crate::rule::event_pattern::TypePattern;

#[derive(Default)]
pub struct CompileCache {
    /// Handed to the name resolver of each compiler in turn.
    pub interner: Interner,
    /// The configuration's `on_dead`, for rules without one.
    pub default_on_dead: Option<Arc<Flow>>,
    pub settings: InternPool<StepSettings>,
    pub flows: FlowCache,
    pub guards: InternPool<LoopGuard>,
    /// Sources that exist.
    pub sources: HashSet<String>,
    /// What to write instead of an event type that a source does not have.
    pub unknown_types: HashMap<(String, String), String>,
    /// What a source and the words under `event_type` stand for.
    pub listening: HashMap<Vec<String>, (Arc<[TypePattern]>, EventFields)>,
}

impl CompileCache {
    /// For the rules of one set. Reports mistakes in the configuration's `on_dead`.
    pub fn new(config: &Config, diagnostics: &mut Diagnostics) -> Self {
        Self {
            default_on_dead: lower_default_on_dead(config, diagnostics),
            ..Self::default()
        }
    }
}
