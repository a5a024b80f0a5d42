//! Reads `integrations` of the configuration: connections and settings for the names in ZIS bundles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::{Config, section};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{Vocabulary, mapping, text, words};
use crate::document::{Entry, Node};
use crate::flow::call::{Call, SettingsCall};
use crate::run::call_result::{CallFailure, CallResult, Reply};

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
    words: words! {
        "connections" connections =>
            "Connection names in the bundles, each with the connection to use. Default: the connection of the same name.";
        "zendesk" text => "The connection for actions that have a `path` only. Default: `zendesk`.";
        "configs" configs =>
            "The settings that `LoadConfig` returns for each scope until `PatchConfig` changes them.";
    },
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

    /// Returns the scope of an integration that `LoadConfig` loads by a name with `*`: the first by name of
    /// those that match. `changed` are the scopes that `PatchConfig` has set.
    pub fn matching_scope(
        &self,
        integration: &str,
        pattern: &str,
        changed: impl IntoIterator<Item = String>,
    ) -> Option<String> {
        let configured = self.integrations.get(integration);
        let configured = configured
            .into_iter()
            .flat_map(|of| of.configs.keys().cloned());
        let scopes = configured.chain(changed);
        scopes.filter(|scope| matches_pattern(pattern, scope)).min()
    }

    /// Returns the initial settings of a scope; an object.
    pub fn settings_of(&self, integration: &str, scope: &str) -> Option<&Value> {
        self.integrations.get(integration)?.configs.get(scope)
    }
}

/// Whether a text matches a pattern in which each `*` stands for any text.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = match rest.rsplit_once('*') {
        Some((middle, end)) => (middle, end),
        None => ("", rest),
    };
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

/// The failure of `LoadConfig` for a scope that neither the configuration nor a `PatchConfig` has set.
pub fn unset_scope(integration: &str, scope: &str) -> String {
    let example = scope_example(scope);
    let write = format!(
        "in flowtrigger.yaml under `integrations: {{ {integration}: {{ configs: {{ {example}: … }} }} }}`"
    );
    match scope.contains('*') {
        true => format!(
            "load settings of `{integration}`: no scope matches `{scope}`; write one {write}"
        ),
        false => {
            format!(
                "load the settings `{scope}` of `{integration}`: there are none; write them {write}"
            )
        }
    }
}

/// A scope that matches a pattern with `*`: `zeta_1` for `zeta*`. Other scopes as they are.
pub fn scope_example(scope: &str) -> String {
    match scope.strip_suffix('*') {
        Some(start) if start.ends_with(char::is_alphanumeric) => {
            format!("{}_1", start.replace('*', "1"))
        }
        Some(_) | None => scope.replace('*', "scope1"),
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

    fn matching_scope(&self, call: &SettingsCall) -> Option<String> {
        let changed = self.changed.keys();
        let changed = changed.filter(|(integration, _)| *integration == call.integration);
        let changed = changed.map(|(_, scope)| scope.clone());
        self.config
            .matching_scope(&call.integration, &call.scope, changed)
    }

    /// Returns the result of reading or changing settings; `None` for other calls.
    pub fn outcome(&mut self, call: &Call) -> Option<CallResult> {
        let Call::Config(call) = call else {
            return None;
        };
        let name = match call.scope.contains('*') {
            true => self
                .matching_scope(call)
                .unwrap_or_else(|| call.scope.clone()),
            false => call.scope.clone(),
        };
        let first = self.config.settings_of(&call.integration, &name);
        let scope = (call.integration.clone(), name);
        if first.is_none() && call.patch.is_none() && !self.changed.contains_key(&scope) {
            let message = unset_scope(&call.integration, &call.scope);
            return Some(Err(CallFailure::permanent(format!(
                "{message}; settings that `PatchConfig` stored are not read here, so simulate those with a mock"
            ))));
        }
        let changed = self.changed.entry(scope).or_default();
        if let Some(Value::Object(patch)) = &call.patch {
            changed.extend(patch.clone());
        }
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
        return diagnostics.reject_type(&entry.value, &entry.key, "a mapping of settings");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*", "", true),
            ("*/name", "acme:1/name", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), matches, "{pattern} {text}");
        }
    }
}
