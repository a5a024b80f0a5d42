//! Keeps what the rules of a set share, compiled once: event patterns, named flows, step settings.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::compile::flow::cache::FlowCache;
use crate::compile::flow::on_dead::{lower_default_on_dead, lower_on_outage};
use crate::compile::unlisted_type::UnlistedType;
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::event::type_pattern::TypePattern;
use crate::flow::step::{Flow, StepSettings};
use crate::language::event_fields::EventFields;
use crate::language::interner::{InternPool, Interner};
use crate::loop_guard::LoopGuard;

#[derive(Default)]
pub struct CompileCache {
    /// Moved to the name resolver of the current compiler and back.
    pub interner: Interner,
    /// The configuration's `on_dead`, for rules without one.
    pub default_on_dead: Option<Arc<Flow>>,
    /// The configuration's `on_outage`.
    pub on_outage: Option<Arc<Flow>>,
    pub settings: InternPool<StepSettings>,
    pub flows: FlowCache,
    pub guards: InternPool<LoopGuard>,
    /// Sources that are known to exist.
    pub sources: HashSet<String>,
    /// What is known of each pair of a source and an event type that it does not have.
    pub unknown_types: HashMap<(String, String), UnlistedType>,
    /// The patterns and event fields for a source with the texts under `event_type`.
    pub patterns: HashMap<Vec<String>, (Arc<[TypePattern]>, EventFields)>,
}

impl CompileCache {
    /// Creates the cache for the rules of one set. Reports mistakes in the configuration's `on_dead`
    /// and `on_outage`.
    pub fn new(config: &Config, diagnostics: &mut Diagnostics) -> Self {
        Self {
            default_on_dead: lower_default_on_dead(config, diagnostics),
            on_outage: lower_on_outage(config, diagnostics),
            ..Self::default()
        }
    }
}
