//! Fields of events let go, once no run can need them.
//! It refuses to touch an event with a run that is not over, or that a person may still retry.

use std::sync::Arc;

use super::{Inner, Kept};
use crate::core::event::Event;
use crate::core::rule::path::redact::redacted;
use crate::core::run::RunId;
use crate::store::{Record, lets_go};

impl Inner {
    /// Fields of the events of a run, where no run needs them any more.
    pub(super) fn let_go(&mut self, run: RunId) {
        let Some(kept) = self.runs.get(&run).filter(|_| !self.redact.is_empty()) else {
            return;
        };
        let own = std::iter::once(&kept.record.event);
        let all: Vec<Arc<Event>> = own.chain(&kept.record.events).cloned().collect();
        for event in all {
            self.let_go_of(&event);
        }
    }

    fn let_go_of(&mut self, whole: &Arc<Event>) {
        let reads = |record: &Record| {
            let mut all = std::iter::once(&record.event).chain(&record.events);
            all.any(|event| Arc::ptr_eq(event, whole))
        };
        let mut records = self.runs.values().map(|kept| &kept.record);
        if records.any(|record| !lets_go(&record.state) && reads(record)) {
            return;
        }
        let Some(event) = redacted(whole, &self.redact).map(Arc::new) else {
            return;
        };
        for Kept { record, .. } in self.runs.values_mut() {
            let all = std::iter::once(&mut record.event).chain(&mut record.events);
            for known in all.filter(|known| Arc::ptr_eq(known, whole)) {
                *known = Arc::clone(&event);
            }
        }
    }
}
