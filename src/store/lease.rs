//! The lease of a daemon on a shared store: its times, and the shares of limits that its members have.

use std::time::Duration;

/// A daemon that has not beaten for this long is taken over, by the clock of the store.
pub const LEASE: Duration = Duration::from_secs(10);
/// The time between two beats.
pub const BEAT: Duration = Duration::from_secs(2);
/// Without a successful beat for this long, by its own monotonic clock, a daemon starts nothing new. The rest of the
/// lease is for what it has started.
pub const START_NOTHING_AFTER: Duration = Duration::from_secs(7);

/// The daemons that share a store, as one of them sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The id of this daemon.
    pub daemon: u64,
    /// Daemons with a valid lease, with this one.
    pub daemons: usize,
    /// How many of them come before this one.
    pub rank: usize,
}

impl Membership {
    /// The only daemon of a store.
    pub fn alone() -> Self {
        Self {
            daemon: 0,
            daemons: 1,
            rank: 0,
        }
    }

    /// This daemon's part of a limit that holds for all daemons together. It is at least one: with more daemons than
    /// the limit allows, the sum is the number of daemons.
    pub fn share(&self, limit: usize) -> usize {
        let daemons = self.daemons.max(1);
        let rest = usize::from(self.rank < limit % daemons);
        (limit / daemons + rest).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_daemon_alone_has_the_whole_limit() {
        assert_eq!(Membership::alone().share(8), 8);
        assert_eq!(Membership::alone().share(0), 1);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_limit(limit in 1_usize..200, daemons in 1_usize..20) {
            let shares: Vec<usize> = (0..daemons)
                .map(|rank| Membership { daemon: 7, daemons, rank }.share(limit))
                .collect();
            prop_assert_eq!(shares.iter().sum::<usize>(), limit.max(daemons));
            let most = shares.iter().max().unwrap();
            prop_assert!(shares.iter().all(|share| share + 1 >= *most && *share > 0));
        }
    }
}
