//! Reads `outgoing` of the configuration: what requests may reach beyond the public internet, and the proxy.

use serde_json::{Value, json};

use super::network;
use crate::core::diagnostic::Code;
use crate::core::egress::{Allowed, Outgoing, Proxy};
use crate::core::rule::document::Node;
use crate::core::rule::document::vocabulary::{Vocabulary, text, word};
use crate::core::rule::lowering::Lowering;

pub const OUTGOING: Vocabulary = Vocabulary {
    name: "`outgoing`",
    words: &[
        word(
            "allow",
            "What requests may reach although it is not public: addresses, networks (`10.1.0.0/16`), hosts (`crm.internal`, `*.internal`).",
            allow,
        ),
        word(
            "proxy",
            "The proxy that requests go through: its URL, or `environment`; none unless given.",
            text,
        ),
    ],
};

fn allow() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["10.1.0.0/16", "*.internal"]]})
}

pub fn schema() -> Value {
    OUTGOING.schema(&[])
}

/// What is wrong in it is reported and left out.
pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Outgoing {
    if cx.entries(node, &OUTGOING).is_none() {
        return Outgoing::default();
    }
    let nodes: Vec<&Node> = match node.get("allow") {
        Some(allow) => allow
            .as_list()
            .map_or(vec![allow], |list| list.iter().collect()),
        None => Vec::new(),
    };
    let allow: Vec<_> = nodes
        .into_iter()
        .map(|node| lower_allowed(node, cx))
        .collect();
    Outgoing {
        allow: allow.into_iter().flatten().collect(),
        proxy: node.get("proxy").and_then(|node| lower_proxy(node, cx)),
        unconfigured: false,
    }
}

fn lower_allowed(node: &Node, cx: &mut Lowering<'_>) -> Option<Allowed> {
    let text = cx.text(node, "allow")?;
    if let Some(network) = network::parse(&text) {
        return Some(Allowed::Network(network.trunc()));
    }
    let name = text.to_ascii_lowercase();
    let (under, host) = match name.strip_prefix("*.") {
        Some(host) => (true, host),
        None => (false, name.as_str()),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_host = !host.is_empty() && !host.starts_with('.') && host.chars().all(allowed);
    // What ends in a number is an address that is written wrong.
    let is_number = |label: &str| label.chars().all(|c| c.is_ascii_digit());
    if is_host && !host.rsplit('.').next().is_some_and(is_number) {
        return Some(match under {
            true => Allowed::Under(format!(".{host}")),
            false => Allowed::Host(host.to_owned()),
        });
    }
    let message = format!("`{text}` is no address, no network and no host");
    let help = "write `10.1.0.0/16`, `127.0.0.1`, `crm.internal` or `*.internal`; ports are not told apart";
    cx.error(Code::InvalidValue, node.at, message, help);
    None
}

fn lower_proxy(node: &Node, cx: &mut Lowering<'_>) -> Option<Proxy> {
    let text = cx.text(node, "proxy")?;
    if text == "environment" {
        return Some(Proxy::Environment);
    }
    match url::Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() => {
            Some(Proxy::Address(text))
        }
        Ok(_) | Err(_) => {
            let message = "`proxy` takes the URL of a proxy, or `environment`";
            let help = "write `http://proxy.internal:3128`, without credentials in it";
            cx.error(Code::InvalidValue, node.at, message, help);
            None
        }
    }
}
