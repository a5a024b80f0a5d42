//! Where the daemon listens, whom it believes about who is behind a proxy, and what bounds senders.
//! It refuses a bound that no sender could keep to.

use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::config::network;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::size;
use crate::document::vocabulary::{Vocabulary, duration, text, word};
use crate::document::{Node, Yaml};

/// What stands under `listen`. None leaves it to the command line, or to what is usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listen {
    pub address: Option<String>,
    /// Where that is said.
    pub at: Span,
    /// Whose word about the sender's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections at a time.
    pub connections: Option<usize>,
    /// Of one address.
    pub connections_per_address: Option<usize>,
    /// Bytes of a body.
    pub body: Option<usize>,
    /// From the first byte of a request to its last.
    pub request: Option<Duration>,
}

pub const LISTEN: Vocabulary = Vocabulary {
    name: "`listen`",
    words: &[
        word(
            "address",
            "Host and port; `--listen` overrides it. Default: 127.0.0.1:8080. An address that other machines can reach requires `verify` for every source.",
            text,
        ),
        word(
            "trusted_proxies",
            "Proxies whose forwarded client address is trusted: addresses or networks.",
            network::list_schema,
        ),
        word(
            "connections",
            "The maximum number of open connections. Default: 1000.",
            connections,
        ),
        word(
            "connections_per_address",
            "The maximum number of open connections per client address, except trusted proxies and loopback. Default: 100.",
            connections,
        ),
        word(
            "body",
            "The maximum size of a body. Default: 1MiB.",
            size::schema,
        ),
        word(
            "request",
            "The maximum time to receive a request. Default: 15s.",
            duration,
        ),
    ],
};

const MOST_CONNECTIONS: u64 = 100_000;

fn connections() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_CONNECTIONS})
}

pub fn schema() -> Value {
    json!({"oneOf": [{"type": "string"}, LISTEN.schema(&[])]})
}

/// An address, or a mapping. What is wrong in it is reported, and what is usual holds.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Listen {
    let mut listen = Listen {
        at: node.at,
        ..Listen::default()
    };
    if !matches!(node.value, Yaml::Map(_)) {
        listen.address = diagnostics.text(node, "listen");
        return listen;
    }
    diagnostics.entries(node, &LISTEN);
    listen.address = node
        .get("address")
        .and_then(|address| diagnostics.text(address, "address"));
    if let Some(proxies) = node.get("trusted_proxies") {
        listen.trusted_proxies = network::lower_list(proxies, "trusted_proxies", diagnostics);
    }
    let mut count = |key: &str| {
        let number = diagnostics.whole_number(node.get(key)?, key, 1..=MOST_CONNECTIONS)?;
        Some(usize::try_from(number).expect("the range fits"))
    };
    listen.connections = count("connections");
    listen.connections_per_address = count("connections_per_address");
    listen.body = node
        .get("body")
        .and_then(|body| size::lower(body, "body", BODIES, diagnostics))
        .map(|body| usize::try_from(body).expect("the range fits"));
    listen.request = node
        .get("request")
        .and_then(|node| lower_time(node, diagnostics));
    listen
}

/// A help desk's largest events have some 100 KB; beyond 64 MiB a few senders would fill the memory.
const BODIES: std::ops::RangeInclusive<u64> = 16 * 1024..=64 * 1024 * 1024;

fn lower_time(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = diagnostics.duration(node, "request")?;
    if (Duration::from_secs(1)..=Duration::from_secs(300)).contains(&time) {
        return Some(time);
    }
    let message = "`request` is at least 1s and at most 5m";
    let help = "senders give up after 10 to 12 s themselves";
    diagnostics.error(Code::InvalidValue, node.at, message, help);
    None
}
