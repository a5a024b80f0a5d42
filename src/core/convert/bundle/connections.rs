//! The connections that the actions of a bundle name, under the names that the configuration gives them.
//! It refuses one name for two hosts.

use std::collections::BTreeMap;

use crate::core::config::Config;

/// The connections of the rules, by our names.
pub struct Connections<'b> {
    config: &'b Config,
    /// The key of the bundle's integration.
    integration: &'b str,
    /// Where each leads, where an action tells.
    origins: BTreeMap<String, Option<String>>,
}

impl<'b> Connections<'b> {
    pub fn new(config: &'b Config, integration: &'b str) -> Self {
        Self {
            config,
            integration,
            origins: BTreeMap::new(),
        }
    }

    /// Where an action with a path goes: to the connection that it names, or to the own Zendesk.
    pub fn of_path(&mut self, theirs: Option<&str>) -> String {
        let name = match theirs {
            Some(theirs) => self.config.connection_of(self.integration, theirs),
            None => self.config.zendesk_of(self.integration),
        };
        self.origins.entry(name.clone()).or_default();
        name
    }

    /// The connection with which an action goes to a host.
    pub fn of_host(&mut self, theirs: &str, origin: &str) -> Result<String, String> {
        let name = self.config.connection_of(self.integration, theirs);
        let known = self.origins.entry(name.clone()).or_default();
        if known.as_ref().is_some_and(|known| known != origin) {
            return Err(format!(
                "the connection `{name}` leads to `{origin}` here and elsewhere in the bundle to another host"
            ));
        }
        *known = Some(origin.to_owned());
        Ok(name)
    }

    /// Those that the configuration has not, or leads elsewhere, with what to set.
    pub fn to_configure(&self) -> impl Iterator<Item = String> {
        let missing = self.origins.iter().filter(|(name, origin)| {
            let there = self.config.connections.get(*name);
            let same = |base_url: &str| {
                let rest = origin
                    .as_deref()
                    .map(|origin| base_url.strip_prefix(origin));
                rest.is_none_or(|rest| rest.is_some_and(|rest| rest.is_empty() || rest == "/"))
            };
            !there.is_some_and(|connection| same(&connection.base_url))
        });
        missing.map(|(name, origin)| match origin {
            Some(origin) => format!("connections.{name}: base_url {origin}, with the credentials of the connection that ZIS knows by this name"),
            None if *name == self.config.zendesk_of(self.integration) => {
                format!("connections.{name}: base_url of your Zendesk, with its credentials")
            }
            None => format!("connections.{name}: base_url of what ZIS reaches by this name, with the credentials of that connection"),
        })
    }
}
