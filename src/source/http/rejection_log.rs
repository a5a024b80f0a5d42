//! Logs rejected requests: the sender, the failed check and what to do about it.
//! Limits the lines per source and reason, so that rejected requests cannot flood the log; the rest are counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::warn;

use super::authenticate::SenderCheck;
use crate::source::RejectedRequest;
use crate::source::log_budget::LogBudget;
use crate::source::signature::Rejection;

#[derive(Default)]
pub struct RejectionLog {
    /// By source, empty for none, and by the code of the reason.
    budgets: Mutex<HashMap<LogKey, LogBudget>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LogKey {
    source: Arc<str>,
    reason: &'static str,
}

impl RejectionLog {
    /// Logs a request that was rejected for another reason than its sender: see [`Self::record_sender`].
    pub fn record(&self, rejected: &RejectedRequest) {
        let RejectedRequest {
            source,
            method,
            path,
            peer,
            reason,
            status,
            size,
            detail,
        } = rejected;
        if Rejection::CODES.contains(reason) {
            return;
        }
        let key = LogKey {
            source: source.clone().unwrap_or_default(),
            reason,
        };
        let Some(omitted) = self.admit(key, Instant::now()) else {
            return;
        };
        let address = peer.map(|peer| peer.to_string());
        let omitted = (omitted > 0).then_some(omitted);
        let source = source.as_deref();
        warn!(
            source,
            address,
            method = method.as_str(),
            path = path.as_str(),
            status,
            size,
            reason,
            detail = detail.as_str(),
            omitted,
            "request rejected"
        );
    }

    /// Logs a request whose sender failed verification, with the likely mistake. Returns what to do about it.
    pub fn record_sender(
        &self,
        check: &SenderCheck<'_>,
        rejection: &Rejection,
        body: &[u8],
    ) -> String {
        let source = &check.endpoint.source;
        let key = LogKey {
            source: Arc::clone(source),
            reason: rejection.code(),
        };
        let Some(omitted) = self.admit(key, Instant::now()) else {
            return rejection.help();
        };
        let address = check.address.map(|address| address.to_string());
        let secrets = secret_names(check);
        let help = help(check, rejection, body);
        let omitted = (omitted > 0).then_some(omitted);
        let reason = rejection.code();
        warn!(%source, address, reason, secrets, help = help.as_str(), omitted, "request rejected: {rejection}");
        help
    }

    /// Returns the number of lines omitted since the last one if another line may be written.
    fn admit(&self, key: LogKey, now: Instant) -> Option<u64> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(key).or_insert_with(|| LogBudget::new(now));
        budget.admit(now)
    }
}

/// The names of the source's secrets.
fn secret_names(check: &SenderCheck<'_>) -> Option<String> {
    let verifier = check.endpoint.verifier.as_ref()?;
    Some(verifier.secrets().collect::<Vec<_>>().join(", "))
}

/// The likely mistake, or else general advice. Looked for only when a line is written, because a hint
/// computes several signatures.
fn help(check: &SenderCheck<'_>, rejection: &Rejection, body: &[u8]) -> String {
    let hint = || {
        let verifier = check.endpoint.verifier.as_ref()?;
        verifier.hint(check.credentials.as_ref()?, body)
    };
    let hint = match *rejection == Rejection::WrongSignature {
        true => hint(),
        false => None,
    };
    hint.unwrap_or_else(|| rejection.help())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log_budget::LOG_INTERVAL;

    #[test]
    fn a_flood_is_logged_in_few_lines_and_counted() {
        let log = RejectionLog::default();
        let key = |source: &str, reason| LogKey {
            source: source.into(),
            reason,
        };
        let flooded = || key("support", "sender_stale");
        let start = Instant::now();
        let written: Vec<_> = (0..1_000).map(|_| log.admit(flooded(), start)).collect();
        assert_eq!(written.iter().flatten().count(), 10);
        assert_eq!(log.admit(key("upmind", "sender_stale"), start), Some(0));
        assert_eq!(log.admit(key("support", "unsound"), start), Some(0));
        assert_eq!(log.admit(flooded(), start + LOG_INTERVAL / 2), None);
        assert_eq!(log.admit(flooded(), start + LOG_INTERVAL), Some(991));
        assert_eq!(log.admit(flooded(), start + LOG_INTERVAL), None);
        let later = start + LOG_INTERVAL * 1_000;
        let written = (0..1_000).filter_map(|_| log.admit(flooded(), later));
        assert_eq!(written.count(), 10);
    }
}
