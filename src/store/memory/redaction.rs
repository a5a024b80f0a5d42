//! Fields of events let go, once no run can need them.
//! It refuses to touch an event with a run that is not over, or that a person may still retry.

use std::sync::Arc;

use super::{Inner, Kept};
use crate::core::event::redacted::redacted;
use crate::core::run::RunId;
use crate::store::lets_go;

impl Inner {
    /// Fields of the event of a run, where no run needs them any more.
    pub(super) fn let_go(&mut self, run: RunId) {
        let Some(kept) = self.runs.get(&run).filter(|_| !self.redact.is_empty()) else {
            return;
        };
        let whole = Arc::clone(&kept.record.event);
        let of_event = |kept: &&mut Kept| Arc::ptr_eq(&kept.record.event, &whole);
        let mut records = self.runs.values().map(|kept| &kept.record);
        if records.any(|record| Arc::ptr_eq(&record.event, &whole) && !lets_go(&record.state)) {
            return;
        }
        if let Some(event) = redacted(&whole, &self.redact) {
            let event = Arc::new(event);
            for kept in self.runs.values_mut().filter(of_event) {
                kept.record.event = Arc::clone(&event);
            }
        }
    }
}
