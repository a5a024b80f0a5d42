//! The metrics that only a daemon on a shared store has: its lease, and the daemons beside it.

use std::time::Duration;

use prometheus_client::registry::Unit;

use super::Metrics;
use crate::store::Membership;

impl Metrics {
    /// Adds the metrics that only a daemon on a shared store has.
    pub fn register_lease(&self) {
        let name = |name: &str| format!("flowtrigger_{name}");
        self.with(|registry| {
            registry.register(
                name("claims_lost"),
                "Runs that another daemon took over while this one executed them",
                self.claims_lost.clone(),
            );
            registry.register(
                name("daemons"),
                "Daemons with a lease on the store, with this one",
                self.daemons.clone(),
            );
            registry.register_with_unit(
                name("last_beat_age"),
                "Time since the lease of this daemon was renewed",
                Unit::Seconds,
                self.beat_age.clone(),
            );
        });
    }

    pub fn count_claim_lost(&self) {
        self.claims_lost.inc();
    }

    /// `age` is the time since the last successful beat.
    pub fn set_lease(&self, membership: Membership, age: Duration) {
        let daemons = i64::try_from(membership.daemons).unwrap_or(i64::MAX);
        self.daemons.set(daemons);
        self.beat_age.set(age.as_secs_f64());
    }
}
