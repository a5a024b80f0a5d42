//! The wall clock of a store: that of the machine, or a virtual one of a simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where a store reads the time that its callers do not pass: for changes of state and for maintenance.
#[derive(Debug, Clone, Default)]
pub enum StoreClock {
    #[default]
    Machine,
    Virtual(VirtualClock),
}

/// A clock that stands still until it is set. Starts at the Unix epoch.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<AtomicI64>);

impl StoreClock {
    pub fn now(&self) -> Timestamp {
        match self {
            StoreClock::Machine => Timestamp::now(),
            StoreClock::Virtual(clock) => clock.now(),
        }
    }
}

impl VirtualClock {
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_microsecond(), Ordering::Release);
    }

    pub fn now(&self) -> Timestamp {
        let micros = self.0.load(Ordering::Acquire);
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }
}
