//! Ends a minute after the other: takes what was counted in it from memory, and gives it to the store.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::engine::Perform;
use crate::engine::handle::Engine;
use crate::engine::metrics::MINUTES_IN_MEMORY;
use crate::store::{Minute, Store};

/// How many minutes before the last one are read again.
const LATE_MINUTES: i64 = 5;

impl<S: Store, P: Perform> Engine<S, P> {
    /// Reads the minutes of the last day, so that charts go on after a restart.
    pub(super) async fn load_minutes(&self) {
        let now = self.shared.now();
        let since = Minute::number_of(now) - MINUTES_IN_MEMORY as i64;
        match self.shared.store.minutes_since(since).await {
            Ok(minutes) => self.shared.metrics.series().load(minutes),
            Err(error) => warn!(%error, "the numbers of the last day could not be read"),
        }
    }

    /// What was counted so far in the minute with this number, without the states of runs.
    pub fn current_minute(&self, minute: i64) -> Minute {
        self.shared.metrics.series().current(minute)
    }

    /// Starts the task that ends each minute when it is over. It ends when it is aborted.
    pub(super) fn start_minutes(&self) -> JoinHandle<()> {
        let engine = self.clone();
        tokio::spawn(async move {
            loop {
                let now = engine.shared.now();
                engine.shared.clock().sleep(left_of_minute(now)).await;
                engine.end_minute(Minute::number_of(now)).await;
            }
        })
    }

    /// Ends the current minute before it is over, because the daemon stops.
    pub(super) async fn end_last_minute(&self) {
        self.end_minute(Minute::number_of(self.shared.now())).await;
    }

    /// If the store cannot take the numbers, they are in memory, and it gets them at the end of a later minute.
    async fn end_minute(&self, minute: i64) {
        let store = &self.shared.store;
        let runs = store.counts().await.unwrap_or_default();
        let runs = runs.into_iter().filter(|(state, _)| Minute::counts(state));
        let runs = runs.map(|(state, count)| (state.to_owned(), count));
        let series = self.shared.metrics.series();
        let lost = store.storage().lost_events;
        series.add_unstored(series.end_minute(minute, runs, lost));
        let mut oldest = minute;
        while let Some(waiting) = series.take_unstored() {
            oldest = oldest.min(waiting.minute);
            if let Err(error) = store.record_minute(waiting.clone()).await {
                series.put_back(waiting);
                warn!(%error, "the numbers of a minute could not be stored; kept and tried again for an hour");
                break;
            }
        }
        if store.is_shared() {
            self.read_shared_minutes(oldest).await;
        }
    }

    /// Reads the last minutes as the store has them: with those of the other daemons, some of which end later.
    async fn read_shared_minutes(&self, minute: i64) {
        match self.shared.store.minutes_since(minute - LATE_MINUTES).await {
            Ok(minutes) => self.shared.metrics.series().replace(minutes),
            Err(error) => warn!(%error, "the numbers of other daemons could not be read"),
        }
    }
}

/// How long the minute of a time still lasts.
fn left_of_minute(now: Timestamp) -> Duration {
    let since = SignedDuration::from_micros(now.as_microsecond().rem_euclid(60_000_000));
    let left = SignedDuration::from_secs(60) - since;
    left.try_into().unwrap_or(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_lasts_until_the_next_one() {
        for (at, left) in [
            ("2026-11-28T10:00:00Z", 60_000),
            ("2026-11-28T10:00:00.250Z", 59_750),
            ("2026-11-28T10:00:59.999Z", 1),
            ("1969-12-31T23:59:59Z", 1_000),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(left_of_minute(at), Duration::from_millis(left), "{at}");
        }
    }
}
