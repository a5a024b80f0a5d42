//! Resolves the names in conditions and templates: fields of events, variables, earlier steps.
//! Only names and types are known here; values exist when a rule runs.

pub(crate) mod locals;
pub(crate) mod paths;
pub(crate) mod steps;
pub(crate) mod text_fields;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::event::catalogue::Catalogue;
use crate::language::event_fields::EventFields;
use crate::language::interner::Interner;
use crate::language::names::Names;
use crate::schedule::Schedule;

/// Checks the paths of a rule against the names in scope.
pub struct NameResolver<'a> {
    pub catalogue: &'a Catalogue,
    /// Whether all of the configuration could be read. If not, names may be defined in the missing part.
    pub config_complete: bool,
    /// The fields of the rule's events.
    pub fields: EventFields,
    pub in_scope: Names,
    /// The schedules of the configuration, by name.
    pub schedules: Arc<BTreeMap<String, Arc<Schedule>>>,
    /// The headers that sources read, in lower case.
    pub headers: BTreeSet<String>,
    /// Values shared with the rules that were lowered before.
    pub interner: Interner,
    pub diagnostics: &'a mut Diagnostics,
}

impl<'a> NameResolver<'a> {
    /// Creates a resolver with only the variables in scope and a complete configuration.
    pub fn new(
        catalogue: &'a Catalogue,
        vars: Arc<Value>,
        fields: EventFields,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self {
            catalogue,
            config_complete: true,
            fields,
            in_scope: Names::new(vars),
            schedules: Arc::default(),
            headers: BTreeSet::new(),
            interner: Interner::default(),
            diagnostics,
        }
    }

    /// Reports a name that nothing in the configuration defines. If the configuration is incomplete, the
    /// name may be defined in the missing part, and only the mistake in the configuration is reported.
    pub fn not_configured(&mut self, code: Code, at: Span, message: impl Into<String>, help: &str) {
        if self.config_complete {
            self.error(code, at, message, help);
        }
    }
}

impl Report for NameResolver<'_> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        self.diagnostics
    }
}
