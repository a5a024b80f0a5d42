//! Limits open connections per client address. An address without connections uses no memory.
//! Trusted proxies and loopback are exempt.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use super::peer::Peer;

/// Counts the connections of each address.
pub struct AddressLimiter {
    per_address: usize,
    trusted: Vec<IpNet>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One counted connection of an address. Dropping it ends the count.
pub struct AddressPermit {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl AddressLimiter {
    pub fn new(per_address: usize, trusted: &[IpNet]) -> Self {
        Self {
            per_address,
            trusted: trusted.to_vec(),
            counts: Arc::default(),
        }
    }

    /// Returns `None` if the address is at the limit, and `Some(None)` for an exempt address: many
    /// senders share a trusted proxy, and local programs are trusted.
    pub fn enter(&self, peer: Peer) -> Option<Option<AddressPermit>> {
        if peer.address().is_loopback() || peer.is_among(&self.trusted) {
            return Some(None);
        }
        let address = counted_address(peer.address());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Some(AddressPermit {
            address,
            counts: Arc::clone(&self.counts),
        }))
    }
}

/// A host usually owns the whole /64 network of its IPv6 address, so the network is counted.
fn counted_address(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer(address.parse().unwrap())
    }

    #[test]
    fn connections_beyond_the_limit_are_rejected() {
        let limiter = AddressLimiter::new(2, &["10.0.0.0/8".parse().unwrap()]);
        let first = limiter.enter(peer("192.0.2.7:1"));
        let second = limiter.enter(peer("[::ffff:192.0.2.7]:2"));
        assert!(first.is_some() && second.is_some());
        assert!(limiter.enter(peer("192.0.2.7:3")).is_none());
        assert!(limiter.enter(peer("192.0.2.8:3")).is_some());
        drop(first);
        assert!(limiter.enter(peer("192.0.2.7:3")).is_some());
        drop(second);
        assert!(limiter.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_sender() {
        let limiter = AddressLimiter::new(1, &[]);
        let _first = limiter.enter(peer("[2001:db8::1]:1"));
        assert!(limiter.enter(peer("[2001:db8::2:3]:1")).is_none());
        assert!(limiter.enter(peer("[2001:db8:0:1::1]:1")).is_some());
    }

    #[test]
    fn proxies_and_loopback_are_not_counted() {
        let limiter = AddressLimiter::new(1, &["10.0.0.0/8".parse().unwrap()]);
        for address in ["10.1.1.1:1", "127.0.0.1:1", "[::1]:1"] {
            let _first = limiter.enter(peer(address));
            assert!(
                matches!(limiter.enter(peer(address)), Some(None)),
                "{address}"
            );
        }
    }
}
