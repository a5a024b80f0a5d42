//! Keeps why the last reload failed, so that people see that what they saved is not in force.

use std::sync::Arc;

use crate::engine::handle::Engine;
use crate::engine::{EngineError, Perform};
use crate::source::admin::FailedReload;
use crate::store::Store;
use flowtrigger_core::diagnostic::{Diagnostic, Diagnostics, Severity};

impl<S: Store, P: Perform> Engine<S, P> {
    /// Notes the result of a reload: the error, or `None` if the new rules are in force.
    pub(super) fn note_reload(&self, error: Option<&EngineError>) {
        let failed = error.map(|error| {
            let (files, diagnostics) = match error {
                EngineError::Rules(reading) => (
                    Arc::clone(&reading.rulebook.files),
                    Arc::new(errors(&reading.diagnostics)),
                ),
                EngineError::Secrets(_)
                | EngineError::Listen(_)
                | EngineError::Store(_)
                | EngineError::Open(_)
                | EngineError::Action(_)
                | EngineError::Folder(_)
                | EngineError::Socket(_)
                | EngineError::Pushed(_)
                | EngineError::PushedWithoutDatabase
                | EngineError::Serve(_)
                | EngineError::Signals(_)
                | EngineError::Interrupted => Default::default(),
            };
            Arc::new(FailedReload {
                at: self.shared.now(),
                reason: error.to_string(),
                files,
                diagnostics,
            })
        });
        self.shared.store.note_reload(failed.is_some());
        self.shared.failed_reload.store(failed);
    }
}

/// Without the warnings, among which an error is hard to find.
fn errors(found: &Diagnostics) -> Diagnostics {
    let mut errors = Diagnostics::default();
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    let all = found.iter().filter(is_error).cloned();
    all.for_each(|error| errors.push(error));
    errors
}
