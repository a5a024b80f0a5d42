//! Tells the log of senders that were not let in: who, which check failed, how to mend it.
//! It refuses to be flooded: a source has some lines at once and few after, and the rest are counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::authenticate::SenderCheck;
use crate::source::signature::Rejection;

/// Lines of one source at once, so that a person who tries something sees each.
const LOG_BURST: u32 = 10;
/// After that one in so long: some 5 MB a day at most.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct RejectionLog {
    of: Mutex<HashMap<Arc<str>, LogBudget>>,
}

/// What one source may still tell.
struct LogBudget {
    left: u32,
    since: Instant,
    left_out: u64,
}

impl RejectionLog {
    pub fn tell(&self, sender: &SenderCheck<'_>, refused: &Rejection, body: &[u8]) {
        let source = &sender.entrance.source;
        let Some(left_out) = self.may(source, Instant::now()) else {
            return;
        };
        let address = sender.address.map(|address| address.to_string());
        let (check, help) = (refused.word(), help(sender, refused, body));
        let left_out = (left_out > 0).then_some(left_out);
        let secrets = secrets(sender);
        warn!(%source, address, check, secrets, help, left_out, "a request was refused: {refused}");
    }

    /// How many were left out since the last line, where one may be written.
    fn may(&self, source: &Arc<str>, now: Instant) -> Option<u64> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = of.entry(Arc::clone(source)).or_insert(LogBudget {
            left: LOG_BURST,
            since: now,
            left_out: 0,
        });
        lines.refill(now);
        if lines.left == 0 {
            lines.left_out += 1;
            return None;
        }
        lines.left -= 1;
        Some(std::mem::take(&mut lines.left_out))
    }
}

impl LogBudget {
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let more = u32::try_from(passed.as_secs() / LOG_INTERVAL.as_secs()).unwrap_or(LOG_BURST);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(LOG_BURST);
            self.since = now;
        }
    }
}

/// The names of what its senders must know.
fn secrets(sender: &SenderCheck<'_>) -> Option<String> {
    let verifier = sender.entrance.verifier.as_ref()?;
    Some(verifier.secrets().collect::<Vec<_>>().join(", "))
}

/// What is known of the mistake beyond that it is one. It is looked for only where it will be told.
fn help(sender: &SenderCheck<'_>, refused: &Rejection, body: &[u8]) -> String {
    let looked_for = (*refused == Rejection::WrongSignature).then_some(());
    let found = looked_for.and_then(|()| {
        let (verifier, shown) = (sender.entrance.verifier.as_ref()?, sender.shown.as_ref()?);
        verifier.hint(shown, body)
    });
    found.unwrap_or_else(|| refused.help())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_some_lines_and_its_number() {
        let refusals = RejectionLog::default();
        let (flooded, other): (Arc<str>, Arc<str>) = ("support".into(), "upmind".into());
        let start = Instant::now();
        let told: Vec<_> = (0..1_000).map(|_| refusals.may(&flooded, start)).collect();
        assert_eq!(told.iter().flatten().count(), 10);
        assert_eq!(refusals.may(&other, start), Some(0));
        assert_eq!(refusals.may(&flooded, start + LOG_INTERVAL / 2), None);
        assert_eq!(refusals.may(&flooded, start + LOG_INTERVAL), Some(991));
        assert_eq!(refusals.may(&flooded, start + LOG_INTERVAL), None);
        let later = start + LOG_INTERVAL * 1_000;
        let told = (0..1_000).filter_map(|_| refusals.may(&flooded, later));
        assert_eq!(told.count(), 10);
    }
}
