//! How many connections each address has, so that one sender cannot take the places of all.
//! It refuses the connection beyond an address's share, and forgets an address with its last one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use super::peer::Peer;

pub struct AddressLimiter {
    per_address: usize,
    trusted: Vec<IpNet>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of an address, counted until it is dropped.
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

    /// None where the address has its share already. The inner None counts nothing: behind a trusted
    /// proxy are many senders, and this machine's own programs are trusted.
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

/// Whoever has one IPv6 address has the 64 bits behind it too.
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
    fn an_address_has_its_share_and_no_more() {
        let crowd = AddressLimiter::new(2, &["10.0.0.0/8".parse().unwrap()]);
        let first = crowd.enter(peer("192.0.2.7:1"));
        let second = crowd.enter(peer("[::ffff:192.0.2.7]:2"));
        assert!(first.is_some() && second.is_some());
        assert!(crowd.enter(peer("192.0.2.7:3")).is_none());
        assert!(crowd.enter(peer("192.0.2.8:3")).is_some());
        drop(first);
        assert!(crowd.enter(peer("192.0.2.7:3")).is_some());
        drop(second);
        assert!(crowd.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_sender() {
        let crowd = AddressLimiter::new(1, &[]);
        let _first = crowd.enter(peer("[2001:db8::1]:1"));
        assert!(crowd.enter(peer("[2001:db8::2:3]:1")).is_none());
        assert!(crowd.enter(peer("[2001:db8:0:1::1]:1")).is_some());
    }

    #[test]
    fn proxies_and_this_machine_are_not_counted() {
        let crowd = AddressLimiter::new(1, &["10.0.0.0/8".parse().unwrap()]);
        for address in ["10.1.1.1:1", "127.0.0.1:1", "[::1]:1"] {
            let _first = crowd.enter(peer(address));
            assert!(
                matches!(crowd.enter(peer(address)), Some(None)),
                "{address}"
            );
        }
    }
}
