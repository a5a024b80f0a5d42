//! Limits of the HTTP server: connections, headers, bodies and times.

use std::time::Duration;

use ipnet::IpNet;

use flowtrigger_core::config::listen::Listen;
use flowtrigger_core::event::json::size::MAX_VALUES;

/// With a larger `listen.body`, a body may have more values: one per this many bytes.
const MIN_BYTES_PER_VALUE: usize = 16;

#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Open connections. Each costs about 20 KB, so 1,000 need less than 20 MB. Further connections
    /// wait to be accepted.
    pub connections: usize,
    /// Open connections of one address, or of one IPv6 /64 network. Further connections are closed.
    /// Trusted proxies and loopback are exempt.
    pub per_address: usize,
    /// Bytes of the request line and headers together. Help desks send about 2 KB.
    pub head: usize,
    /// Number of headers in a request.
    pub headers: usize,
    /// Bytes of a body. The largest event of a help desk has about 100 KB.
    pub body: usize,
    /// Bytes of all bodies that are being read, without the first 16 KiB of each.
    pub bodies: usize,
    /// JSON values of a body.
    pub values: usize,
    /// Estimated bytes of memory of the values and stored texts of all bodies that are being accepted, without ordinary
    /// events. Large bodies wait for each other: accepting one takes a few milliseconds.
    pub value_memory: usize,
    /// Time from the first to the last byte of a request, and of a response. Senders time out after
    /// 10 to 12 s.
    pub request: Duration,
    /// How long a connection may be idle between requests.
    pub idle: Duration,
    /// Proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Names under which clients reach this program, in lower case.
    pub hosts: Vec<String>,
    /// The address under which senders reach this program, for signatures over the URL.
    pub public_url: Option<String>,
    /// Whether metrics are served on a listener of their own, and not with the events.
    pub has_metrics_listener: bool,
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
            values: MAX_VALUES,
            value_memory: 8 * 1024 * 1024,
            request: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            trusted_proxies: Vec::new(),
            hosts: Vec::new(),
            public_url: None,
            has_metrics_listener: false,
        }
    }
}

impl HttpLimits {
    /// Applies the `listen` section of the configuration.
    pub fn with(self, listen: &Listen) -> Self {
        let body = listen.body.unwrap_or(self.body);
        Self {
            connections: listen.connections.unwrap_or(self.connections),
            per_address: listen.connections_per_address.unwrap_or(self.per_address),
            body,
            // One body of the maximum size must always fit.
            bodies: self.bodies.max(body),
            values: self.values.max(body / MIN_BYTES_PER_VALUE),
            request: listen.request.unwrap_or(self.request),
            trusted_proxies: listen.trusted_proxies.clone(),
            hosts: listen.hosts.clone(),
            public_url: listen.public_url.clone(),
            has_metrics_listener: listen.metrics.is_some(),
            ..self
        }
    }
}
