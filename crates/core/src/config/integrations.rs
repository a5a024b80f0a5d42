//! Reads `integrations` of the configuration: connections and settings for the names in ZIS bundles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::{Config, section};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{Vocabulary, keyword, mapping, text};
use crate::document::{Entry, Node};
use crate::flow::call::Call;
use crate::run::call_result::{CallResult, Reply};

/// One integration, by its key.
#[derive(Debug, Clone, Default)]
pub struct Integration {
    /// Connections by the name that the bundle uses.
    pub connections: BTreeMap<String, ConnectionRef>,
    /// The connection for actions that have a `path` only.
    pub zendesk: Option<ConnectionRef>,
    /// The initial settings by scope; objects.
    pub configs: BTreeMap<String, Value>,
}

/// The name of a connection and its span.
#[derive(Debug, Clone)]
pub struct ConnectionRef {
    pub name: String,
    pub at: Span,
}

impl ConnectionRef {
    /// Reports that no connection has this name.
    pub(super) fn report_unknown(&self, config: &Config, diagnostics: &mut Diagnostics) {
        let message = format!("no connection is called `{}`", self.name);
        let known = config.connections.keys().map(String::as_str);
        let help = match suggest::nearest(&self.name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it under `connections`".into(),
        };
        diagnostics.error(Code::UnknownConnection, self.at, message, &help);
    }
}

pub const INTEGRATION: Vocabulary = Vocabulary {
    name: "an integration",
    words: &[
        keyword(
            "connections",
            "Connection names in the bundles, each with the connection to use. Default: the connection of the same name.",
            connections,
        ),
        keyword(
            "zendesk",
            "The connection for actions that have a `path` only. Default: `zendesk`.",
            text,
        ),
        keyword(
            "configs",
            "The settings that `LoadConfig` returns for each scope until `PatchConfig` changes them.",
            configs,
        ),
    ],
};

fn connections() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "string"}})
}

fn configs() -> Value {
    json!({"type": "object", "additionalProperties": mapping()})
}

impl Config {
    /// Returns the name of the connection for a bundle's connection.
    pub fn connection_of(&self, integration: &str, theirs: &str) -> String {
        let integration = self.integrations.get(integration);
        let named = integration.and_then(|integration| integration.connections.get(theirs));
        named.map_or_else(|| theirs.to_owned(), |named| named.name.clone())
    }

    /// Returns the name of the connection to an integration's Zendesk account.
    pub fn zendesk_of(&self, integration: &str) -> String {
        let integration = self.integrations.get(integration);
        let named = integration.and_then(|integration| integration.zendesk.as_ref());
        named.map_or_else(|| "zendesk".to_owned(), |named| named.name.clone())
    }

    /// Returns the initial settings of a scope; an object.
    pub fn settings_of(&self, integration: &str, scope: &str) -> Option<&Value> {
        self.integrations.get(integration)?.configs.get(scope)
    }
}

/// The settings of bundles in a plan or a test: those of the configuration, overridden by changes so far.
pub struct SimulatedSettings<'c> {
    config: &'c Config,
    changed: BTreeMap<(String, String), Map<String, Value>>,
}

impl<'c> SimulatedSettings<'c> {
    pub fn new(config: &'c Config) -> Self {
        Self {
            config,
            changed: BTreeMap::new(),
        }
    }

    /// Returns the result of reading or changing settings; `None` for other calls.
    pub fn outcome(&mut self, call: &Call) -> Option<CallResult> {
        let Call::Config(call) = call else {
            return None;
        };
        let scope = (call.integration.clone(), call.scope.clone());
        let changed = self.changed.entry(scope).or_default();
        if let Some(Value::Object(patch)) = &call.patch {
            changed.extend(patch.clone());
        }
        let first = self.config.settings_of(&call.integration, &call.scope);
        let mut settings = first
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        settings.extend(changed.clone());
        Some(Ok(Reply {
            value: Value::Object(settings),
        }))
    }
}

pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<String, Integration> {
    let entries = section(node, "integrations", diagnostics);
    let lowered = entries.iter().filter_map(|entry| {
        let integration = lower_one(&entry.value, diagnostics)?;
        Some((entry.key.clone(), integration))
    });
    lowered.collect()
}

fn lower_one(node: &Node, diagnostics: &mut Diagnostics) -> Option<Integration> {
    diagnostics.entries(node, &INTEGRATION)?;
    let connections = section(node, "connections", diagnostics).iter();
    let connections = connections
        .filter_map(|entry| {
            Some((
                entry.key.clone(),
                named(&entry.value, &entry.key, diagnostics)?,
            ))
        })
        .collect();
    let zendesk = node
        .get("zendesk")
        .and_then(|zendesk| named(zendesk, "zendesk", diagnostics));
    let configs = section(node, "configs", diagnostics).iter();
    let configs = configs
        .filter_map(|entry| settings(entry, diagnostics))
        .collect();
    Some(Integration {
        connections,
        zendesk,
        configs,
    })
}

fn named(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<ConnectionRef> {
    let name = diagnostics.text(node, key)?;
    Some(ConnectionRef { name, at: node.at })
}

fn settings(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<(String, Value)> {
    if entry.value.as_map().is_none() {
        diagnostics.wrong_type(&entry.value, &entry.key, "a mapping of settings");
        return None;
    }
    Some((entry.key.clone(), entry.value.to_json()))
}

/// Reports unknown connections.
pub fn check(config: &Config, diagnostics: &mut Diagnostics) {
    for integration in config.integrations.values() {
        let named = integration.connections.values().chain(&integration.zendesk);
        for named in named.filter(|named| !config.connections.contains_key(&named.name)) {
            named.report_unknown(config, diagnostics);
        }
    }
}
