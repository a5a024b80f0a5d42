//! What `flowtrigger.yaml` and the environment set: mode, variables, connections, secrets, sources.
//! It holds where a secret is found, never its value.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::core::diagnostic::Position;
use crate::core::event::catalogue::Catalogue;
use crate::core::event::user_described::Description;
use crate::core::flow::call::SecretPlace;
use crate::core::flow::step::AuthTemplate;
use crate::core::rule::jobspec::Mode;
use crate::core::rule::template::Template;

#[derive(Debug, Clone)]
pub struct Config {
    /// Caps the mode of every rule.
    pub mode: Mode,
    /// `vars.…`; an object.
    pub vars: Value,
    pub connections: BTreeMap<String, Connection>,
    pub secrets: BTreeMap<String, SecretPlace>,
    /// The sources that a user describes, by the name in their URL.
    pub sources: BTreeMap<String, Description>,
    pub catalogue: Catalogue,
}

/// Where requests of a rule go and with which credentials, kept out of the rules.
#[derive(Debug, Clone)]
pub struct Connection {
    pub name: String,
    pub at: Position,
    pub base_url: String,
    pub auth: Option<AuthTemplate>,
    pub headers: Vec<(String, Template)>,
    pub timeout: Option<Duration>,
    /// Who our own requests act as at the help desk.
    pub actor_id: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Live,
            vars: Value::Object(serde_json::Map::new()),
            connections: BTreeMap::new(),
            secrets: BTreeMap::new(),
            sources: BTreeMap::new(),
            catalogue: Catalogue::built_in().clone(),
        }
    }
}
