//! Holds the context in which rules, gates, flows and bundles are compiled.

use crate::compile::cache::CompileCache;
use crate::compile::flow::call_stack::FlowStack;
use crate::compile::flow::named_flows::NamedFlows;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, Report, Span};
use crate::flow::limits::MAX_NESTING;
use crate::language::event_fields::EventFields;
use crate::language::resolver::NameResolver;

pub struct Compiler<'a> {
    pub config: &'a Config,
    pub names: NameResolver<'a>,
    pub named_flows: &'a NamedFlows,
    /// The source of the rule's events. None for what no rule contains.
    pub source: Option<String>,
    /// The named flows around the steps being lowered, and the documents that the rule includes.
    pub stack: FlowStack,
    /// How many flows are nested around the steps being lowered.
    pub depth: usize,
    /// The folder of the rule file. Relative programs and files start there.
    pub folder: String,
    /// Shared parts of the rules compiled so far. Its interner is empty while `names` holds it.
    pub cache: CompileCache,
}

impl<'a> Compiler<'a> {
    /// Creates a compiler with the configuration's variables, no named flows and an empty cache, for the
    /// working directory.
    pub fn new(config: &'a Config, fields: EventFields, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            config,
            names: config.name_resolver(fields, diagnostics),
            named_flows: NamedFlows::none(),
            source: None,
            stack: FlowStack::default(),
            depth: 0,
            folder: ".".into(),
            cache: CompileCache::default(),
        }
    }

    /// Uses the cache of the rules compiled so far.
    pub fn with_cache(mut self, mut cache: CompileCache) -> Self {
        self.names.interner = std::mem::take(&mut cache.interner);
        self.cache = cache;
        self
    }

    /// Returns the cache for the next rule.
    pub fn into_cache(self) -> CompileCache {
        CompileCache {
            interner: self.names.interner,
            ..self.cache
        }
    }

    /// Lowers what is nested in a step: its names, tests and results have no effect outside. Returns None
    /// and reports an error if the nesting is too deep.
    pub fn within<T>(&mut self, at: Span, lower: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MAX_NESTING {
            let message = format!("more than {MAX_NESTING} nested flows");
            let help = "move the inner flows to a separate rule, or run some of the steps one after the other";
            return self.reject_value(at, message, help);
        }
        let outer = self.names.in_scope.enter();
        self.depth += 1;
        let lowered = lower(self);
        self.depth -= 1;
        self.names.in_scope.leave(outer);
        lowered
    }
}

impl Report for Compiler<'_> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        self.names.diagnostics
    }
}
