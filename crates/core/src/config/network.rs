//! Parses IP addresses and networks: `10.0.0.0/8`, `192.0.2.7`, `::1`.
//! Host names, and networks with host bits set, are errors.

use ::core::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;

/// Parses a network. A single address is a network with one address.
pub fn parse(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(network) => Some(network),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

pub fn list_schema() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["10.0.0.0/8", "192.0.2.7"]]})
}

/// Reads the networks under a key; reports and leaves out invalid ones.
pub fn lower_list(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Vec<IpNet> {
    let nodes: Vec<&Node> = match node.as_list() {
        Some(list) => list.iter().collect(),
        None => vec![node],
    };
    let lowered = nodes.into_iter().map(|node| lower(node, key, diagnostics));
    lowered.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn lower(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<IpNet> {
    let text = diagnostics.text(node, key)?;
    let Some(network) = parse(&text) else {
        let message = format!("`{text}` is not an address or a network");
        let help = "write `192.0.2.7`, `10.0.0.0/8`, `::1` or `fd00::/8`";
        return diagnostics.reject_value(node.at, message, help);
    };
    if network.trunc() == network {
        return Some(network);
    }
    let message = format!("`{text}` has host bits set");
    let help = format!("write `{}`", network.trunc());
    diagnostics.reject_value(node.at, message, &help)
}

/// Whether only this machine reaches an address to listen on. A name may resolve to any address, except `localhost`.
pub fn is_loopback(address: &str) -> bool {
    match address.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_canonical().is_loopback(),
        Err(_) => match address.rsplit_once(':') {
            Some((host, _)) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                host.eq_ignore_ascii_case("localhost")
                    || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            None => false,
        },
    }
}
