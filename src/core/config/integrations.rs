//! What ZIS bundles find here under the names that they use: connections, the account's own Zendesk, the
//! settings of `LoadConfig`. It refuses names of connections that there are not.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::core::config::{Config, section};
use crate::core::diagnostic::{Code, Position};
use crate::core::flow::call::Call;
use crate::core::rule::document::vocabulary::{Vocabulary, mapping, text, word};
use crate::core::rule::document::{Entry, Node};
use crate::core::rule::lowering::Lowering;
use crate::core::rule::synonyms;
use crate::core::run::{CallResult, Reply};

/// One integration, by its key.
#[derive(Debug, Clone, Default)]
pub struct Integration {
    /// What a bundle calls a connection, and ours.
    pub connections: BTreeMap<String, Named>,
    /// Where `path` in an action goes.
    pub zendesk: Option<Named>,
    /// The settings that there are before any was changed, by scope; objects.
    pub configs: BTreeMap<String, Value>,
}

/// A connection of ours, named.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub at: Position,
}

pub const INTEGRATION: Vocabulary = Vocabulary {
    name: "an integration",
    words: &[
        word(
            "connections",
            "The names of connections in its bundles, each with the connection that is meant; the one of the same name unless given.",
            connections,
        ),
        word(
            "zendesk",
            "The connection that `path` in an action goes to; `zendesk` unless given.",
            text,
        ),
        word(
            "configs",
            "What `LoadConfig` gives for each scope, before `PatchConfig` changed it.",
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
    /// What the connection of a bundle is called here.
    pub fn connection_of(&self, integration: &str, theirs: &str) -> String {
        let integration = self.integrations.get(integration);
        let named = integration.and_then(|integration| integration.connections.get(theirs));
        named.map_or_else(|| theirs.to_owned(), |named| named.name.clone())
    }

    /// The connection to an integration's own Zendesk.
    pub fn zendesk_of(&self, integration: &str) -> String {
        let integration = self.integrations.get(integration);
        let named = integration.and_then(|integration| integration.zendesk.as_ref());
        named.map_or_else(|| "zendesk".to_owned(), |named| named.name.clone())
    }

    /// The settings of a scope as the configuration has them; an object.
    pub fn settings_of(&self, integration: &str, scope: &str) -> Option<&Value> {
        self.integrations.get(integration)?.configs.get(scope)
    }
}

/// The settings of bundles in a plan or a test: those of the configuration, with what was changed on the
/// way laid over them.
pub struct PlannedSettings<'c> {
    config: &'c Config,
    changed: BTreeMap<(String, String), Map<String, Value>>,
}

impl<'c> PlannedSettings<'c> {
    pub fn new(config: &'c Config) -> Self {
        Self {
            config,
            changed: BTreeMap::new(),
        }
    }

    /// What reading or changing settings gives; None of other calls.
    pub fn outcome(&mut self, call: &Call) -> Option<CallResult> {
        let Call::Config(call) = call else {
            return None;
        };
        let place = (call.integration.clone(), call.scope.clone());
        let changed = self.changed.entry(place).or_default();
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

pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> BTreeMap<String, Integration> {
    let entries = section(node, "integrations", cx);
    let lowered = entries.iter().filter_map(|entry| {
        let integration = lower_one(&entry.value, cx)?;
        Some((entry.key.clone(), integration))
    });
    lowered.collect()
}

fn lower_one(node: &Node, cx: &mut Lowering<'_>) -> Option<Integration> {
    cx.entries(node, &INTEGRATION)?;
    let connections = section(node, "connections", cx).iter();
    let connections = connections
        .filter_map(|entry| Some((entry.key.clone(), named(&entry.value, &entry.key, cx)?)))
        .collect();
    let zendesk = node
        .get("zendesk")
        .and_then(|zendesk| named(zendesk, "zendesk", cx));
    let configs = section(node, "configs", cx).iter();
    let configs = configs.filter_map(|entry| settings(entry, cx)).collect();
    Some(Integration {
        connections,
        zendesk,
        configs,
    })
}

fn named(node: &Node, key: &str, cx: &mut Lowering<'_>) -> Option<Named> {
    let name = cx.text(node, key)?;
    Some(Named { name, at: node.at })
}

fn settings(entry: &Entry, cx: &mut Lowering<'_>) -> Option<(String, Value)> {
    if entry.value.as_map().is_none() {
        cx.wrong_type(&entry.value, &entry.key, "a mapping of settings");
        return None;
    }
    Some((entry.key.clone(), entry.value.to_json()))
}

/// Reports the connections that there are not.
pub fn check(config: &Config, cx: &mut Lowering<'_>) {
    for integration in config.integrations.values() {
        let named = integration.connections.values().chain(&integration.zendesk);
        for named in named.filter(|named| !config.connections.contains_key(&named.name)) {
            let message = format!("no connection is called `{}`", named.name);
            let known = config.connections.keys().map(String::as_str);
            let help = match synonyms::nearest(&named.name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "define it under `connections`".into(),
            };
            cx.error(Code::UnknownConnection, named.at, message, &help);
        }
    }
}
