//! The context in which rules, gates, flows and bundles are compiled.

use crate::compile::cache::CompileCache;
use crate::compile::flow::call_stack::FlowStack;
use crate::compile::flow::named_flows::NamedFlows;
use crate::config::Config;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::flow::limits::MOST_NESTING;
use crate::language::event_fields::EventFields;
use crate::language::resolver::NameResolver;

pub struct Compiler<'a> {
    pub config: &'a Config,
    pub names: NameResolver<'a>,
    pub named_flows: &'a NamedFlows,
    /// The named flows around the steps being lowered, and the documents that the rule consists of besides
    /// its own.
    pub stack: FlowStack,
    /// How many flows are nested around the steps being lowered.
    pub depth: usize,
    /// The folder of the rule file; relative programs and files start there.
    pub folder: String,
    /// What the rules before were compiled to. Its interner is empty: `names` has it.
    pub cache: CompileCache,
}

impl<'a> Compiler<'a> {
    /// With the configuration's variables, no named flows and an empty cache, in the working directory.
    pub fn new(config: &'a Config, fields: EventFields, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            config,
            names: config.name_resolver(fields, diagnostics),
            named_flows: NamedFlows::none(),
            stack: FlowStack::default(),
            depth: 0,
            folder: ".".into(),
            cache: CompileCache::default(),
        }
    }

    /// With what the rules before were compiled to.
    pub fn with_cache(mut self, mut cache: CompileCache) -> Self {
        self.names.interner = std::mem::take(&mut cache.interner);
        self.cache = cache;
        self
    }

    /// The cache for the rules that follow.
    pub fn into_cache(self) -> CompileCache {
        CompileCache {
            interner: self.names.interner,
            ..self.cache
        }
    }

    /// Lowers what is inside a step: the names, tests and results in there have no effect outside. None
    /// where the nesting is too deep, after reporting it.
    pub fn within<T>(&mut self, at: Span, lower: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MOST_NESTING {
            let message = format!("more than {MOST_NESTING} flows stand within each other here");
            let help = "make a rule of its own of the inner ones, or put some of the steps behind each other";
            self.error(Code::InvalidValue, at, message, help);
            return None;
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
