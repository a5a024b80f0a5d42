//! The address of a connection, and the sender's address behind trusted proxies.
//! Ignores `X-Forwarded-For` if the connection does not come from a trusted proxy.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The remote address of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// The address, with an IPv4-mapped IPv6 address as IPv4.
    pub fn address(self) -> IpAddr {
        self.0.ip().to_canonical()
    }

    pub fn is_among(self, networks: &[IpNet]) -> bool {
        is_among(self.address(), networks)
    }

    /// The address of the sender of a request: the peer, or the address that trusted proxies report.
    /// Each proxy appends the address that it was reached from. Addresses left of the first untrusted
    /// one can be forged.
    pub fn sender(self, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
        let mut sender = self.address();
        let forwarded = headers.get_all("x-forwarded-for");
        let forwarded = forwarded.iter().filter_map(|value| value.to_str().ok());
        let forwarded = forwarded
            .flat_map(|value| value.split(','))
            .collect::<Vec<&str>>();
        for address in forwarded.into_iter().rev() {
            if !is_among(sender, proxies) {
                break;
            }
            let Some(address) = parse(address.trim()) else {
                break;
            };
            sender = address;
        }
        sender
    }
}

fn is_among(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Some proxies append the port.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>();
    let address = address.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn sender(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        let proxies = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let peer = Peer(peer.parse().unwrap());
        peer.sender(&headers, &proxies).to_string()
    }

    #[test]
    fn only_trusted_proxies_set_the_address() {
        for (peer, forwarded, expected) in [
            ("192.0.2.7:1", &[][..], "192.0.2.7"),
            ("192.0.2.7:1", &["203.0.113.9"][..], "192.0.2.7"),
            ("10.1.1.1:1", &["203.0.113.9"][..], "203.0.113.9"),
            (
                "10.1.1.1:1",
                &["198.51.100.1, 203.0.113.9"][..],
                "203.0.113.9",
            ),
            (
                "10.1.1.1:1",
                &["198.51.100.1, 203.0.113.9, 10.2.2.2"][..],
                "203.0.113.9",
            ),
            (
                "10.1.1.1:1",
                &["198.51.100.1", "203.0.113.9"][..],
                "203.0.113.9",
            ),
            ("10.1.1.1:1", &["203.0.113.9:4711"][..], "203.0.113.9"),
            ("10.1.1.1:1", &["203.0.113.9, unknown"][..], "10.1.1.1"),
            ("10.1.1.1:1", &["10.9.9.9"][..], "10.9.9.9"),
            ("[::1]:1", &["2001:db8::1"][..], "2001:db8::1"),
            ("[::ffff:10.1.1.1]:1", &["203.0.113.9"][..], "203.0.113.9"),
            ("[::ffff:192.0.2.7]:1", &["203.0.113.9"][..], "192.0.2.7"),
        ] {
            assert_eq!(sender(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
