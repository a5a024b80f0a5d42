//! What bounds every sender: connections, heads, bodies, times.
//! It refuses to be unbounded anywhere; each figure says what it costs at most.

use std::time::Duration;

use ipnet::IpNet;

use crate::core::config::Listen;

#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Connections at a time: each costs some 20 KB, so 1,000 stay under 20 MB. Others wait to be
    /// accepted.
    pub connections: usize,
    /// Of one address, or of one IPv6 network of 64 bits; others of it are hung up on. Proxies that
    /// are trusted, and this machine, are not counted.
    pub per_address: usize,
    /// Bytes of a request's line and headers together. Help desks send some 2 KB.
    pub head: usize,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of a body. The largest event that a help desk sends has some 100 KB.
    pub body: usize,
    /// Bytes of all bodies together that are being read, the first 16 KiB of each apart.
    pub bodies: usize,
    /// From the first byte of a request to its last, and from the first byte of an answer to its last.
    /// Senders give up after 10 to 12 s themselves.
    pub request: Duration,
    /// How long a connection may lie idle between requests.
    pub idle: Duration,
    /// Whose word about the sender's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            per_address: 100,
            head: 32 * 1024,
            headers: 100,
            body: 1024 * 1024,
            bodies: 64 * 1024 * 1024,
            request: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            trusted_proxies: Vec::new(),
        }
    }
}

impl HttpLimits {
    /// These, and what the configuration sets over them.
    pub fn with(self, listen: &Listen) -> Self {
        let body = listen.body.unwrap_or(self.body);
        Self {
            connections: listen.connections.unwrap_or(self.connections),
            per_address: listen.connections_per_address.unwrap_or(self.per_address),
            body,
            // One body of the longest kind must always fit.
            bodies: self.bodies.max(body),
            request: listen.request.unwrap_or(self.request),
            trusted_proxies: listen.trusted_proxies.clone(),
            ..self
        }
    }
}
