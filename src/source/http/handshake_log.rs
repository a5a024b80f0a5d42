//! Logs answered handshakes, so that an operator sees whether a sender has checked the address of a source. Limits the lines
//! of each source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::info;

use crate::source::Endpoint;
use crate::source::log_budget::LogBudget;

#[derive(Default)]
pub struct HandshakeLog {
    /// By source.
    budgets: Mutex<HashMap<Arc<str>, LogBudget>>,
}

impl HandshakeLog {
    pub fn record(&self, endpoint: &Endpoint, method: &str, address: Option<IpAddr>) {
        let source = &endpoint.source;
        let Some(omitted) = self.admit(source, Instant::now()) else {
            return;
        };
        let omitted = (omitted > 0).then_some(omitted);
        let address = address.map(|address| address.to_string());
        info!(%source, address, method, omitted, "handshake answered");
    }

    /// Returns the number of lines omitted since the last one if another line may be written.
    fn admit(&self, source: &Arc<str>, now: Instant) -> Option<u64> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(Arc::clone(source));
        budget.or_insert_with(|| LogBudget::new(now)).admit(now)
    }
}
