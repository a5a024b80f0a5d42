//! A clock that a test sets.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use flowtrigger::engine::{Clock, EngineOptions};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Wall time and steady time; both change only when the test changes them.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<watch::Sender<(Timestamp, Duration)>>);

impl Default for ManualClock {
    fn default() -> Self {
        Self::starting_at(Timestamp::from_second(1_800_000_000).expect("a time"))
    }
}

impl ManualClock {
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new((start, Duration::ZERO))))
    }

    /// Default options with this clock.
    pub fn options(&self) -> EngineOptions {
        EngineOptions {
            clock: Arc::new(self.clone()),
            ..EngineOptions::default()
        }
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.0.send_modify(|(wall, steady)| {
            *wall += time;
            *steady += time;
        });
    }

    /// Sets the wall clock forward or back; steady time does not change.
    pub fn set_by(&self, by: SignedDuration) {
        self.0.send_modify(|(wall, _)| *wall += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().0
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().1
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        // The dispatcher sleeps this long at most before work that is due: no test has to pass that time.
        if time <= Duration::from_millis(20) {
            return Box::pin(tokio::time::sleep(time));
        }
        let until = self.elapsed() + time;
        let mut clock = self.0.subscribe();
        Box::pin(async move {
            drop(clock.wait_for(|(_, steady)| *steady >= until).await);
        })
    }
}
