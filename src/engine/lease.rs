//! Says whether the lease of this daemon on a shared store permits a start. Without a recent beat nothing starts, because
//! another daemon may have taken over the runs of this one. A store that is not shared needs no lease, and everything may start.

use std::time::Duration;

use tokio::sync::watch;

use crate::engine::clock::Clock;
use crate::store::Membership;
use crate::store::lease::{BEAT, START_NOTHING_AFTER};

/// Whether this daemon may start work, and its part of the limits.
#[derive(Debug)]
pub struct Lease(watch::Sender<LeaseState>);

#[derive(Debug, Clone)]
struct LeaseState {
    shared: bool,
    membership: Membership,
    /// When the last successful beat began, by the monotonic clock. The store counts from a later moment.
    beaten: Option<Duration>,
    term: LeaseTerm,
    /// Why the last beat failed.
    failure: Option<String>,
}

/// A time without a gap between beats in which the daemon's claims could be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaseTerm(u64);

impl Lease {
    pub fn new(shared: bool) -> Self {
        Self(watch::Sender::new(LeaseState {
            shared,
            membership: Membership::alone(),
            beaten: None,
            term: LeaseTerm::default(),
            failure: None,
        }))
    }

    pub fn membership(&self) -> Membership {
        self.0.borrow().membership
    }

    pub fn term(&self) -> LeaseTerm {
        self.0.borrow().term
    }

    /// Whether work may start at a time of the monotonic clock. It is asked before each start: a process that was
    /// stopped for a while must not act on an answer from before.
    pub fn permits(&self, now: Duration) -> bool {
        self.0.borrow().permits(now)
    }

    /// The time since the last successful beat; `None` before the first one, and without a lease.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.0.borrow().beaten?))
    }

    /// Why nothing may start.
    pub fn check(&self, now: Duration) -> Result<(), String> {
        let state = self.0.borrow();
        if state.permits(now) {
            return Ok(());
        }
        let why = state.failure.as_deref().unwrap_or("no answer");
        Err(match state.beaten {
            Some(beaten) => format!(
                "the lease of this daemon has not been renewed for {} s, so no run starts here: {why}; it is tried again every {} s",
                now.saturating_sub(beaten).as_secs(),
                BEAT.as_secs()
            ),
            None => format!("this daemon has no lease yet, so no run starts here: {why}"),
        })
    }

    /// Returns when the lease has changed: after each beat.
    pub async fn changed(&self) {
        let mut state = self.0.subscribe();
        if !state.borrow_and_update().shared || state.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until work may start.
    pub async fn permitted(&self, clock: &dyn Clock) {
        let mut state = self.0.subscribe();
        while !state.borrow_and_update().permits(clock.elapsed()) {
            if state.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// A beat that began at this time has succeeded. Returns the membership before.
    pub fn renew(&self, membership: Membership, began: Duration) -> Membership {
        let mut before = membership;
        self.0.send_modify(|state| {
            before = state.membership;
            let gap = state.beaten.map(|beaten| began.saturating_sub(beaten));
            let is_same = membership.daemon == before.daemon;
            if gap.is_none_or(|gap| gap >= START_NOTHING_AFTER) || !is_same {
                state.term.0 += 1;
            }
            state.membership = membership;
            state.beaten = Some(began);
            state.failure = None;
        });
        before
    }

    pub fn fail(&self, why: String) {
        self.0.send_modify(|state| state.failure = Some(why));
    }
}

impl LeaseState {
    fn permits(&self, now: Duration) -> bool {
        let fresh = |beaten| now.saturating_sub(beaten) < START_NOTHING_AFTER;
        !self.shared || self.beaten.is_some_and(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn without_a_shared_store_everything_may_start() {
        let lease = Lease::new(false);
        assert!(lease.permits(second(1_000)));
        assert_eq!(lease.check(second(1_000)), Ok(()));
        assert_eq!(lease.age(second(5)), None);
    }

    #[test]
    fn nothing_starts_without_a_recent_beat() {
        let lease = Lease::new(true);
        assert!(!lease.permits(second(0)), "before the first beat");
        lease.renew(Membership::alone(), second(10));
        assert!(lease.permits(second(16)));
        assert!(!lease.permits(second(17)));
        assert_eq!(lease.age(second(17)), Some(second(7)));
        lease.fail("connection refused".into());
        let why = lease.check(second(17)).unwrap_err();
        assert!(
            why.contains("for 7 s") && why.contains("connection refused"),
            "{why}"
        );
        lease.renew(Membership::alone(), second(18));
        assert_eq!(lease.check(second(20)), Ok(()));
    }

    #[test]
    fn a_gap_or_another_id_starts_a_new_term() {
        let lease = Lease::new(true);
        lease.renew(Membership::alone(), second(10));
        let first = lease.term();
        lease.renew(Membership::alone(), second(16));
        assert_eq!(lease.term(), first);
        lease.renew(Membership::alone(), second(23));
        let second_term = lease.term();
        assert_ne!(second_term, first);
        let other = Membership {
            daemon: 5,
            ..Membership::alone()
        };
        lease.renew(other, second(24));
        assert_ne!(lease.term(), second_term);
    }
}
