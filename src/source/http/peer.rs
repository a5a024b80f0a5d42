//! Who is at the other end of a connection, and whom a proxy speaks for.
//! It refuses to believe a header about it unless the connection comes from a proxy that is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// An IPv4 address that came in as IPv6 is the IPv4 address.
    pub fn address(self) -> IpAddr {
        self.0.ip().to_canonical()
    }

    pub fn is_among(self, networks: &[IpNet]) -> bool {
        is_among(self.address(), networks)
    }

    /// Who sent a request: the peer, or whom the trusted proxies between say. Each proxy adds the
    /// address that it was reached from at the right; what stands left of the first that is not
    /// trusted may be anybody's invention.
    pub fn sender(self, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
        let mut sender = self.address();
        let told = headers.get_all("x-forwarded-for");
        let told = told.iter().filter_map(|value| value.to_str().ok());
        let told: Vec<&str> = told.flat_map(|value| value.split(',')).collect();
        for address in told.into_iter().rev() {
            if !is_among(sender, proxies) {
                break;
            }
            let Some(address) = read(address.trim()) else {
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

/// Some proxies add the port.
fn read(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>();
    let address = address.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn sender(peer: &str, told: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for told in told {
            headers.append("x-forwarded-for", HeaderValue::from_static(told));
        }
        let proxies = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let peer = Peer(peer.parse().unwrap());
        peer.sender(&headers, &proxies).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        for (peer, told, wanted) in [
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
            assert_eq!(sender(peer, told), wanted, "{peer} {told:?}");
        }
    }
}
