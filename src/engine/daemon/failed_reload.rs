//! Keeps why the last reload failed, so that people see that what they saved is not in force.

use std::sync::Arc;

use super::reload::mistakes;
use crate::engine::handle::Engine;
use crate::engine::{EngineError, Perform};
use crate::source::admin::FailedReload;
use crate::store::Store;
use flowtrigger_core::diagnostic::{Diagnostic, Diagnostics, Severity};

impl<S: Store, P: Perform> Engine<S, P> {
    /// Notes the result of a reload: the error, or `None` if the new rules are in force. Returns whether the one before
    /// failed for the same reason.
    pub(super) fn note_reload(&self, error: Option<&EngineError>) -> bool {
        let before = self.shared.failed_reload.load_full();
        let now = self.shared.now();
        let failed = error.map(|error| {
            let (files, diagnostics) = match mistakes(error) {
                Some(loaded) => (
                    Arc::clone(&loaded.rulebook.files),
                    Arc::new(errors(&loaded.diagnostics)),
                ),
                None => Default::default(),
            };
            Arc::new(FailedReload {
                at: now,
                since: before.as_ref().map_or(now, |before| before.since),
                reason: error.to_string(),
                files,
                diagnostics,
            })
        });
        let is_repeated = matches!((&before, &failed), (Some(a), Some(b)) if is_same(a, b));
        self.shared.store.note_reload(failed.is_some());
        self.shared.failed_reload.store(failed);
        is_repeated
    }
}

/// Whether two reloads failed for the same reason.
fn is_same(before: &FailedReload, after: &FailedReload) -> bool {
    before.reason == after.reason
        && before.diagnostics.to_json(&before.files) == after.diagnostics.to_json(&after.files)
}

/// Without the warnings, among which an error is hard to find.
fn errors(found: &Diagnostics) -> Diagnostics {
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    found.iter().filter(is_error).cloned().collect()
}
