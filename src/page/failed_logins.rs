//! Limits failed logins per address, so that a secret cannot be guessed: after ten failures an address waits until the
//! first of them is ten minutes old. An address without failures uses no memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::source::log_budget::LogBudget;

/// Failures of an address within [`WINDOW`], enough for a person who mistypes.
const MAX_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(600);
/// Addresses that are remembered. Beyond that the one with the oldest failure is forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// The failed logins of each address, and the log lines about them.
pub struct FailedLogins {
    failures: Mutex<HashMap<IpAddr, Failures>>,
    log: Mutex<LogBudget>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    first: Instant,
    count: u32,
}

impl Default for FailedLogins {
    fn default() -> Self {
        Self {
            failures: Mutex::default(),
            log: Mutex::new(LogBudget::new(Instant::now())),
        }
    }
}

impl FailedLogins {
    /// How long an address still has to wait; `None` if it may sign in.
    pub fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = failures.get(&counted(address))?;
        let left = WINDOW.saturating_sub(now.duration_since(failed.first));
        (failed.count >= MAX_FAILURES && !left.is_zero()).then_some(left)
    }

    /// Counts a failure.
    pub fn count(&self, address: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let address = counted(address);
        if failures.len() >= MAX_ADDRESSES && !failures.contains_key(&address) {
            failures.retain(|_, failed| now.duration_since(failed.first) < WINDOW);
            let oldest = failures.iter().min_by_key(|(_, failed)| failed.first);
            if failures.len() >= MAX_ADDRESSES
                && let Some(oldest) = oldest.map(|(oldest, _)| *oldest)
            {
                failures.remove(&oldest);
            }
        }
        let new = Failures {
            first: now,
            count: 0,
        };
        let failed = failures.entry(address).or_insert(new);
        if now.duration_since(failed.first) >= WINDOW {
            *failed = new;
        }
        failed.count += 1;
    }

    /// Returns the number of log lines omitted since the last one if another one may be written.
    pub fn admit_log_line(&self, now: Instant) -> Option<u64> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.admit(now)
    }
}

/// A host usually owns the whole /64 network of its IPv6 address.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_after_ten_failures() {
        let (logins, start) = (FailedLogins::default(), Instant::now());
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let same_network = "2001:db8::2".parse().unwrap();
        let other = "192.0.2.1".parse().unwrap();
        for _ in 0..MAX_FAILURES {
            assert_eq!(logins.wait(one, start), None);
            logins.count(one, start);
        }
        assert_eq!(logins.wait(same_network, start), Some(WINDOW));
        assert_eq!(logins.wait(other, start), None);
        let later = start + WINDOW;
        assert_eq!(logins.wait(one, later), None);
        logins.count(one, later);
        assert_eq!(logins.wait(one, later), None);
    }

    #[test]
    fn few_addresses_are_remembered() {
        let (logins, start) = (FailedLogins::default(), Instant::now());
        for number in 0..=MAX_ADDRESSES as u32 {
            let address = IpAddr::V4(number.into());
            logins.count(address, start + Duration::from_micros(number.into()));
        }
        assert_eq!(logins.failures.lock().unwrap().len(), MAX_ADDRESSES);
    }
}
