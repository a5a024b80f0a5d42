//! The time and waiting for it, behind a trait so that tests can provide their own time. A step back of the
//! wall clock is detected by comparison with a monotonic clock.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// A source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall clock, which people and other programs may set.
    fn now(&self) -> Timestamp;

    /// The monotonic clock: the time since some fixed moment. It counts the time in which the machine is suspended.
    fn elapsed(&self) -> Duration;

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clocks of the machine.
#[derive(Debug)]
pub struct SystemClock {
    /// The monotonic clock when this was made.
    start: Duration,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: monotonic_time(),
        }
    }
}

/// The clock of the standard library stops while a Linux machine is suspended, and a lease does not.
fn monotonic_time() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    clock_gettime(clock).try_into().unwrap_or_default()
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        monotonic_time().saturating_sub(self.start)
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Clock synchronisation corrects by less than this at a time.
const MAX_DRIFT: SignedDuration = SignedDuration::from_secs(2);

/// Both clocks, read together.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockReading {
    wall: Timestamp,
    steady: Duration,
}

impl ClockReading {
    pub fn now(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            steady: clock.elapsed(),
        }
    }

    /// How far the wall clock was set back since this reading, as a negative duration. A step forward is
    /// None: it can only end waits early.
    pub fn set_back(&self, later: &ClockReading) -> Option<SignedDuration> {
        let steady = later.steady.saturating_sub(self.steady);
        let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
        let jump = later
            .wall
            .duration_since(self.wall)
            .checked_sub(steady)
            .unwrap_or(SignedDuration::MIN);
        (jump < -MAX_DRIFT).then_some(jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(wall: i64, steady: u64) -> ClockReading {
        ClockReading {
            wall: Timestamp::from_second(1_800_000_000 + wall).unwrap(),
            steady: Duration::from_secs(steady),
        }
    }

    #[test]
    fn only_a_step_back_is_detected() {
        let start = pair(0, 0);
        for (wall, steady) in [(30, 30), (28, 30), (3_600, 1), (0, 2)] {
            assert_eq!(start.set_back(&pair(wall, steady)), None, "{wall} {steady}");
        }
        let hour = SignedDuration::from_secs(-3_600);
        assert_eq!(start.set_back(&pair(-3_570, 30)), Some(hour));
        let three = SignedDuration::from_secs(-3);
        assert_eq!(start.set_back(&pair(0, 3)), Some(three));
    }
}
