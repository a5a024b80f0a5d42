//! Reads `listen` of the configuration: the daemon's address, certificate, trusted proxies and limits for senders.
//! Limits that no sender could meet are errors.

use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::config::metrics_listener::{self, MetricsListener};
use crate::config::tls::{self, ServerTls};
use crate::config::{address, network, public_url};
use crate::diagnostic::{Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::size;
use crate::document::vocabulary::{Vocabulary, duration, text, words};
use crate::document::{Node, Yaml};

/// The default listening address.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// The value of `listen`. `None` leaves a setting to the command line or its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listen {
    pub address: Option<String>,
    /// The address by which people reach the listener, without a slash at its end: the start of the links of answers.
    pub public_url: Option<String>,
    /// The span of `listen`.
    pub at: Span,
    /// The proxies whose forwarded client address is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Host names under which clients reach the daemon, in lower case.
    pub hosts: Vec<String>,
    /// The maximum number of open connections.
    pub connections: Option<usize>,
    /// The maximum number of open connections per client address.
    pub connections_per_address: Option<usize>,
    /// The maximum size of a body in bytes.
    pub body: Option<usize>,
    /// The maximum time from the first byte of a request to its last.
    pub request: Option<Duration>,
    /// The certificate of the listener. `None` for plain HTTP.
    pub tls: Option<ServerTls>,
    /// The listener for metrics. `None` serves them with the events.
    pub metrics: Option<MetricsListener>,
}

pub const LISTEN: Vocabulary = Vocabulary {
    name: "`listen`",
    words: words! {
        "address" text =>
            "Host and port; `--listen` overrides it. Default: 127.0.0.1:8080. An address that other machines can reach requires `verify` for every source.";
        "public_url" public_url::schema =>
            "The address by which people and senders reach this listener, for the links of answers and for signatures over the URL: `https://hooks.example.com`. Default: the address of the listener; of a signed URL, the `Host` header.";
        "trusted_proxies" network::list_schema =>
            "Proxies whose forwarded client address is trusted: addresses or networks.";
        "hosts" hosts_schema =>
            "Host names of this listener. Sources without verification, and `/metrics`, reject requests to other names with a dot, as web pages could send them. Default: none; addresses, `localhost` and names without a dot are always accepted.";
        "connections" connections => "The maximum number of open connections. Default: 1000.";
        "connections_per_address" connections =>
            "The maximum number of open connections per client address, except trusted proxies and loopback. Default: 100.";
        "body" size::schema => "The maximum size of a body. Default: 1MiB.";
        "request" duration => "The maximum time to receive a request. Default: 15s.";
        "tls" tls::server_schema =>
            "The files of the certificate with which the daemon serves HTTPS. Default: plain HTTP.";
        "metrics" metrics_listener::schema =>
            "A listener for `/metrics`, `/healthz` and `/readyz` alone: an address, or a mapping with `address` and `allow`. `/metrics` is then served there and no longer with the events. Default: `/metrics` is served with the events, to this machine only.";
    },
};

/// An address in messages.
pub(super) const EXAMPLE: &str = "127.0.0.1:8080";
const MAX_CONNECTIONS: u64 = 100_000;

fn hosts_schema() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["hooks.example.com"]]})
}

fn connections() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_CONNECTIONS})
}

pub fn schema() -> Value {
    json!({"oneOf": [{"type": "string"}, LISTEN.schema(&[])]})
}

/// Reads an address, or a mapping. An invalid value is reported and replaced by its default.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Listen {
    let mut listen = Listen {
        at: node.at,
        ..Listen::default()
    };
    if !matches!(node.value, Yaml::Map(_)) {
        listen.address = address::lower(node, "listen", EXAMPLE, diagnostics);
        return listen;
    }
    diagnostics.entries(node, &LISTEN);
    listen.address = node
        .get("address")
        .and_then(|node| address::lower(node, "listen.address", EXAMPLE, diagnostics));
    listen.public_url = node
        .get("public_url")
        .and_then(|node| public_url::lower(node, diagnostics));
    if let Some(proxies) = node.get("trusted_proxies") {
        listen.trusted_proxies = network::lower_list(proxies, "trusted_proxies", diagnostics);
    }
    if let Some(hosts) = node.get("hosts") {
        listen.hosts = lower_hosts(hosts, diagnostics);
    }
    let mut count = |key: &str| {
        let number = diagnostics.whole_number(node.get(key)?, key, 1..=MAX_CONNECTIONS)?;
        Some(usize::try_from(number).expect("the range fits"))
    };
    listen.connections = count("connections");
    listen.connections_per_address = count("connections_per_address");
    listen.body = node
        .get("body")
        .and_then(|body| size::lower(body, "body", BODY_RANGE, diagnostics))
        .map(|body| usize::try_from(body).expect("the range fits"));
    listen.request = node
        .get("request")
        .and_then(|node| lower_time(node, diagnostics));
    listen.tls = node
        .get("tls")
        .and_then(|tls| tls::lower_server(tls, diagnostics));
    listen.metrics = node
        .get("metrics")
        .and_then(|metrics| metrics_listener::lower(metrics, diagnostics));
    listen
}

/// Reports and leaves out what is not a host name.
pub(super) fn lower_hosts(node: &Node, diagnostics: &mut Diagnostics) -> Vec<String> {
    let nodes: &[Node] = node.as_list().unwrap_or(std::slice::from_ref(node));
    let mut hosts = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(name) = diagnostics.text(node, "hosts") else {
            continue;
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !name.is_empty() && name.chars().all(is_name) {
            hosts.push(name.to_ascii_lowercase());
            continue;
        }
        let message = format!("`{name}` is not a host name");
        let help = "write the name alone, without scheme, port and `*`: `hooks.example.com`";
        diagnostics.invalid(node.at, message, help);
    }
    hosts
}

/// The largest events of a help desk have about 100 KB; above 64 MiB a few senders could exhaust the memory.
const BODY_RANGE: std::ops::RangeInclusive<u64> = 16 * 1024..=64 * 1024 * 1024;

fn lower_time(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = diagnostics.duration(node, "request")?;
    if (Duration::from_secs(1)..=Duration::from_secs(300)).contains(&time) {
        return Some(time);
    }
    let message = "`request` is at least 1s and at most 5m";
    let help = "senders stop waiting after 10 to 12 s";
    diagnostics.reject_value(node.at, message, help)
}
