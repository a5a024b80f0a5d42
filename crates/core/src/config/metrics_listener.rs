//! Reads `listen.metrics`: a listener for metrics and health alone, and the addresses that may read it.

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::config::{address, network};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::document::{Node, Yaml};

/// Where metrics are served, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsListener {
    pub address: String,
    /// The networks from which requests are answered.
    pub allow: Vec<IpNet>,
}

pub const METRICS: Vocabulary = Vocabulary {
    name: "`metrics`",
    words: words! {
        "address" text => "Host and port of the listener.";
        "allow" network::list_schema =>
            "The addresses or networks from which it may be read, without a proxy between. Default: this machine.";
    },
};

pub fn schema() -> Value {
    json!({"oneOf": [{"type": "string"}, METRICS.schema(&["address"])]})
}

/// Reads an address, or a mapping; `None` after an error was reported.
pub(super) fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<MetricsListener> {
    if !matches!(node.value, Yaml::Map(_)) {
        let listener = MetricsListener {
            address: lower_address(node, "listen.metrics", diagnostics)?,
            allow: loopback(),
        };
        warn_unreadable(&listener, node, diagnostics);
        return Some(listener);
    }
    diagnostics.entries(node, &METRICS)?;
    let Some(address) = node.get("address") else {
        let message = "`metrics` has no `address`";
        let help = "write `metrics: { address: \"0.0.0.0:9464\", allow: [10.1.0.0/16] }`";
        return diagnostics.reject(Code::MissingKey, node.at, message, help);
    };
    Some(MetricsListener {
        address: lower_address(address, "listen.metrics.address", diagnostics)?,
        allow: match node.get("allow") {
            Some(allow) => network::lower_list(allow, "allow", diagnostics),
            None => loopback(),
        },
    })
    .inspect(|listener| warn_unreadable(listener, node, diagnostics))
}

/// Warns about an address that other machines can reach, and that none of them may read.
fn warn_unreadable(listener: &MetricsListener, node: &Node, diagnostics: &mut Diagnostics) {
    let is_local = network::is_loopback(&listener.address);
    if is_local || node.get("allow").is_some() {
        return;
    }
    let message = format!(
        "other machines can reach the metrics at `{}`, and only this one may read them",
        listener.address
    );
    let help =
        "add `allow: [10.1.0.0/16]` with the addresses of the collectors, or listen on 127.0.0.1";
    diagnostics.push(Diagnostic::warning(Code::InvalidValue, node.at, message).help(help));
}

fn lower_address(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    address::lower(node, key, "127.0.0.1:9464", diagnostics)
}

fn loopback() -> Vec<IpNet> {
    let networks = ["127.0.0.0/8", "::1/128"].into_iter();
    networks.filter_map(network::parse).collect()
}
