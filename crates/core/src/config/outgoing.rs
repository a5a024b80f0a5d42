//! Reads `outgoing` of the configuration: allowed non-public destinations, the proxy, and what happens in
//! an outage of a receiver.

use serde_json::{Value, json};

use crate::config::breaker::BreakerSetting;
use crate::config::{breaker, network, retry};
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::egress::policy::{EgressAllow, EgressPolicy, EgressProxy};
use crate::language::resolver::NameResolver;
use crate::run::retry::RetryPolicy;

/// What happens in an outage, for hosts without a connection and for connections that do not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutageDefaults {
    pub retry: Option<RetryPolicy>,
    pub breaker: Option<BreakerSetting>,
}

pub const OUTGOING: Vocabulary = Vocabulary {
    name: "`outgoing`",
    words: words! {
        "allow" allow =>
            "Destinations that requests may reach although they are not public: addresses, networks (`10.1.0.0/16`), hosts (`crm.internal`, `*.internal`).";
        "proxy" text => "The proxy for requests: its URL, or `environment`. Default: none.";
        "retry" retry::schema =>
            "The `retry` of connections that have none, and of requests without a connection. Default: for 8h.";
        "breaker" breaker::schema =>
            "The `breaker` of connections that have none, and of hosts without a connection. Default: on.";
    },
};

fn allow() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["10.1.0.0/16", "*.internal"]]})
}

pub fn schema() -> Value {
    OUTGOING.schema(&[])
}

/// Reads what `outgoing` says about outages; reports and leaves out invalid values.
pub fn lower_outages(node: &Node, names: &mut NameResolver<'_>) -> OutageDefaults {
    let retry = node.get("retry");
    let breaker = node.get("breaker");
    OutageDefaults {
        retry: retry.and_then(|node| retry::lower(node, names)),
        breaker: breaker.map(|node| breaker::lower(node, names.diagnostics)),
    }
}

/// Reads the destinations of `outgoing` and its proxy; reports and leaves out invalid entries.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> EgressPolicy {
    if diagnostics.entries(node, &OUTGOING).is_none() {
        return EgressPolicy::default();
    }
    let nodes: Vec<&Node> = match node.get("allow") {
        Some(allow) => allow
            .as_list()
            .map_or(vec![allow], |list| list.iter().collect()),
        None => Vec::new(),
    };
    let allow: Vec<_> = nodes
        .into_iter()
        .map(|node| lower_allowed(node, diagnostics))
        .collect();
    EgressPolicy {
        allow: allow.into_iter().flatten().collect(),
        proxy: node
            .get("proxy")
            .and_then(|node| lower_proxy(node, diagnostics)),
        unconfigured: false,
    }
}

fn lower_allowed(node: &Node, diagnostics: &mut Diagnostics) -> Option<EgressAllow> {
    let text = diagnostics.text(node, "allow")?;
    if let Some(network) = network::parse(&text) {
        return Some(EgressAllow::Network(network.trunc()));
    }
    let name = text.to_ascii_lowercase();
    let (under, host) = match name.strip_prefix("*.") {
        Some(host) => (true, host),
        None => (false, name.as_str()),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_host = !host.is_empty() && !host.starts_with('.') && host.chars().all(allowed);
    // A name that ends in a number is a misspelt address.
    let is_number = |label: &str| label.chars().all(|c| c.is_ascii_digit());
    if is_host && !host.rsplit('.').next().is_some_and(is_number) {
        return Some(match under {
            true => EgressAllow::Under(format!(".{host}")),
            false => EgressAllow::Host(host.to_owned()),
        });
    }
    let message = format!("`{text}` is not an address, a network or a host");
    let help =
        "write `10.1.0.0/16`, `127.0.0.1`, `crm.internal` or `*.internal`; a port cannot be given";
    diagnostics.reject_value(node.at, message, help)
}

fn lower_proxy(node: &Node, diagnostics: &mut Diagnostics) -> Option<EgressProxy> {
    let text = diagnostics.text(node, "proxy")?;
    if text == "environment" {
        return Some(EgressProxy::Environment);
    }
    match url::Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() => {
            Some(EgressProxy::Address(text))
        }
        Ok(_) | Err(_) => {
            let message = "`proxy` takes the URL of a proxy, or `environment`";
            let help = "write `http://proxy.internal:3128`, without credentials in it";
            diagnostics.reject_value(node.at, message, help)
        }
    }
}
