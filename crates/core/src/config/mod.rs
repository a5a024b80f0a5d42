//! What `flowtrigger.yaml` and the environment set: mode, variables, connections, secrets, sources, bounds.
//! It holds where a secret is found, never its value.

pub mod archive;
pub mod commands;
pub mod connection;
pub mod custom_source;
pub mod environment;
pub mod integrations;
pub mod limits;
pub mod listen;
pub mod loop_guard;
pub mod mode;
pub mod network;
pub mod outgoing;
pub mod rate_limit;
pub mod redact;
pub mod retention;
pub mod source;
pub mod verification;
pub mod vocabulary;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Report, Span};
use crate::document;
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::egress::policy::EgressPolicy;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::EventType;
use crate::event::format::custom::CustomFormat;
use crate::fingerprint::{Fingerprint, fingerprint};
use crate::language::event_fields::EventFields;
use crate::language::resolver::NameResolver;
use crate::loop_guard::limits::LoopLimits;
use crate::path::Path;
use crate::secret::SecretSource;

#[derive(Debug, Clone)]
pub struct Config {
    /// Caps the mode of every rule.
    pub mode: Mode,
    /// `vars.…`; an object.
    pub vars: Arc<Value>,
    pub connections: BTreeMap<String, Connection>,
    pub secrets: BTreeMap<String, SecretSource>,
    /// What ZIS bundles find here, by the key of their integration.
    pub integrations: BTreeMap<String, Integration>,
    /// Where events come in, by the source's name: the built-in ones, or those that are named.
    pub sources: BTreeMap<String, EventSource>,
    pub catalogue: Catalogue,
    pub archive: Archive,
    pub retention: Retention,
    pub limits: RunLimits,
    pub listen: Listen,
    pub outgoing: EgressPolicy,
    pub commands: Commands,
    /// None where it is off.
    pub loop_guard: Option<LoopLimits>,
    /// The fields of events that are not kept once their runs are over.
    pub redact: Vec<Path>,
    /// The steps that run when a run is dead whose rule has no `on_dead`, as written.
    pub on_dead: Option<Node>,
    /// As it was written.
    pub source: Arc<ConfigSource>,
    /// Whether all of it could be read. Where not, rules may name what stands in the missing part.
    pub whole: bool,
}

pub use crate::config::archive::{ARCHIVE, Archive, ArchiveScope};
pub use crate::config::commands::{COMMANDS, Commands};
pub use crate::config::connection::{AUTH, CONNECTION, Connection};
pub use crate::config::environment::applied;
pub use crate::config::integrations::{INTEGRATION, Integration, SimulatedSettings};
pub use crate::config::limits::{LIMITS, RunLimits};
pub use crate::config::listen::{LISTEN, Listen};
pub use crate::config::loop_guard::LOOP_GUARD;
pub use crate::config::mode::Mode;
pub use crate::config::outgoing::OUTGOING;
pub use crate::config::rate_limit::{RATE, RateLimit};
pub use crate::config::retention::{RETENTION, Retention};
pub use crate::config::source::{EventSource, SOURCE, SourceFormat};
pub use crate::config::verification::hmac::{
    Algorithm, HMAC, HmacScheme, KeyEncoding, SignatureCount, SignatureEncoding, SignedContent,
    SignedPart, TimestampFormat, TimestampHeader,
};
pub use crate::config::verification::preset::{github, standard_webhooks, upmind, zendesk};
pub use crate::config::verification::{BASIC, Scheme, VERIFY, Verification};
pub use crate::config::vocabulary::{CONFIG, SECRET};

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Live,
            vars: Arc::new(Value::Object(serde_json::Map::new())),
            connections: BTreeMap::new(),
            secrets: BTreeMap::new(),
            integrations: BTreeMap::new(),
            sources: built_in_sources(),
            catalogue: Catalogue::built_in().clone(),
            archive: Archive::default(),
            retention: Retention::default(),
            limits: RunLimits::default(),
            listen: Listen::default(),
            outgoing: EgressPolicy::default(),
            commands: Commands::default(),
            loop_guard: Some(LoopLimits::default()),
            redact: Vec::new(),
            on_dead: None,
            source: Arc::default(),
            whole: true,
        }
    }
}

fn built_in_sources() -> BTreeMap<String, EventSource> {
    let named = source::built_in().map(|entrance| (entrance.name.clone(), entrance));
    named.collect()
}

impl Config {
    /// The sources that the configuration describes.
    pub fn descriptions(&self) -> impl Iterator<Item = &CustomFormat> {
        self.sources.values().filter_map(EventSource::description)
    }

    /// Resolves names against the event types and variables of this configuration.
    pub fn name_resolver<'a>(
        &'a self,
        fields: EventFields,
        diagnostics: &'a mut Diagnostics,
    ) -> NameResolver<'a> {
        NameResolver {
            config_complete: self.whole,
            ..NameResolver::new(&self.catalogue, Arc::clone(&self.vars), fields, diagnostics)
        }
    }
}

/// A configuration as it was written: what compiles to the same one again. It holds no secret's
/// value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSource {
    pub fingerprint: Fingerprint,
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// The variables that lie over it.
    pub environment: BTreeMap<String, String>,
}

impl Default for ConfigSource {
    fn default() -> Self {
        Self::new("".into(), "".into(), BTreeMap::new())
    }
}

impl ConfigSource {
    pub fn new(file: Arc<str>, text: Arc<str>, environment: BTreeMap<String, String>) -> Self {
        let over = environment.iter();
        let over: Vec<String> = over
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut parts = vec![file.as_bytes(), text.as_bytes()];
        parts.extend(over.iter().map(String::as_bytes));
        Self {
            fingerprint: fingerprint(&parts),
            file,
            text,
            environment,
        }
    }

    /// The configuration again.
    pub fn compile(&self) -> Config {
        let mut files = Files::default();
        let file = files.add(Arc::clone(&self.file), Arc::clone(&self.text));
        let mut config = parse(
            file,
            &self.text,
            &self.environment,
            &mut Diagnostics::default(),
        );
        config.source = Arc::new(self.clone());
        config
    }
}

/// Reads `flowtrigger.yaml` and the environment over it. Every mistake is reported; what is sound
/// is kept, so that rules can be checked against it all the same.
pub fn parse(
    file: FileId,
    text: &str,
    environment: &BTreeMap<String, String>,
    diagnostics: &mut Diagnostics,
) -> Config {
    let before = diagnostics.errors();
    let mut config = Config::default();
    let documents = document::read(file, text, diagnostics);
    if let Some(second) = documents.get(1) {
        let message = "flowtrigger.yaml holds one document";
        diagnostics.push(Diagnostic::error(Code::InvalidValue, second.at, message));
    }
    let start = Span {
        file,
        line: 1,
        column: 1,
        ..Span::default()
    };
    if let Some(document) = documents.first() {
        lower(document, &mut config, diagnostics);
    }
    environment::overlay(environment, &mut config, start, diagnostics);
    integrations::check(&config, diagnostics);
    config.whole = diagnostics.errors() == before;
    config
}

fn lower(node: &Node, config: &mut Config, diagnostics: &mut Diagnostics) {
    if diagnostics.entries(node, &CONFIG).is_none() {
        return;
    }
    if let Some(mode) = node
        .get("mode")
        .and_then(|mode| Mode::lower(mode, diagnostics))
    {
        config.mode = mode;
    }
    if let Some(vars) = node.get("vars") {
        match &vars.value {
            Yaml::Map(_) => config.vars = Arc::new(vars.to_json()),
            _ => diagnostics.wrong_type(vars, "vars", "a mapping"),
        }
    }
    config.connections = lower_connections(node, config, diagnostics);
    for entry in section(node, "secrets", diagnostics) {
        if let Some(place) = lower_secret(entry, diagnostics) {
            config.secrets.insert(entry.key.clone(), place);
        }
    }
    config.integrations = integrations::lower(node, diagnostics);
    if node.get("sources").is_some() {
        // Whoever names sources names them all: what stands open is what stands there.
        config.sources.clear();
    }
    for entry in section(node, "sources", diagnostics) {
        if let Some(entrance) = source::lower(entry, diagnostics) {
            check_path(&entrance, entry, config, diagnostics);
            config.sources.insert(entry.key.clone(), entrance);
        }
    }
    if let Some(node) = node.get("listen") {
        config.listen = listen::lower(node, diagnostics);
    }
    if let Some(node) = node.get("outgoing") {
        config.outgoing = outgoing::lower(node, diagnostics);
    }
    if let Some(node) = node.get("commands") {
        config.commands = commands::lower(node, diagnostics);
    }
    if let Some(node) = node.get("loop_guard") {
        config.loop_guard = loop_guard::lower(node, diagnostics);
    }
    if let Some(node) = node.get("archive") {
        config.archive = archive::lower(node, diagnostics);
    }
    if let Some(node) = node.get("retention") {
        config.retention = retention::lower(node, diagnostics);
    }
    if let Some(node) = node.get("limits") {
        config.limits = limits::lower(node, diagnostics);
    }
    if let Some(types) = node.get("event_types") {
        config.catalogue = config.catalogue.extended(lower_types(types, diagnostics));
    }
    config.on_dead = node.get("on_dead").cloned();
    if let Some(node) = node.get("redact") {
        config.redact = redact::lower(node, &config.catalogue, diagnostics);
    }
}

/// The connections, whose headers and credentials read the configuration's variables.
fn lower_connections(
    node: &Node,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Connection> {
    let entries = section(node, "connections", diagnostics).iter();
    let mut names = config.name_resolver(EventFields::None, diagnostics);
    let lowered = entries.filter_map(|entry| {
        let connection = connection::lower(entry, &mut names)?;
        Some((entry.key.clone(), connection))
    });
    lowered.collect()
}

/// Each source has a path of its own.
fn check_path(
    entrance: &EventSource,
    entry: &Entry,
    config: &Config,
    diagnostics: &mut Diagnostics,
) {
    let others = config.sources.values();
    let mut others = others.filter(|other| other.name != entrance.name);
    if let Some(other) = others.find(|other| other.path == entrance.path) {
        let message = format!(
            "the sources `{}` and `{}` have one path, `{}`",
            other.name, entrance.name, entrance.path
        );
        let help = "give one of them another `path`";
        diagnostics.error(Code::DuplicateName, entry.key_at, message, help);
    }
}

fn section<'n>(node: &'n Node, key: &str, diagnostics: &mut Diagnostics) -> &'n [Entry] {
    match node.get(key) {
        None => &[],
        Some(section) => section.as_map().unwrap_or_else(|| {
            diagnostics.wrong_type(section, key, "a mapping of names");
            &[]
        }),
    }
}

fn lower_secret(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<SecretSource> {
    let help = "write { env: VARIABLE } or { file: PATH }; the value itself never stands here";
    if entry.value.as_map().is_none() {
        let message = format!(
            "the secret `{}` takes a mapping that says where it is",
            entry.key
        );
        diagnostics.error(Code::SecretInFile, entry.value.at, message, help);
        return None;
    }
    let entries = diagnostics.entries(&entry.value, &SECRET)?;
    let [place] = entries else {
        let message = format!("the secret `{}` takes one of env, file", entry.key);
        diagnostics.error(Code::InvalidValue, entry.value.at, message, help);
        return None;
    };
    let text = diagnostics.text(&place.value, &place.key)?;
    match place.key.as_str() {
        "env" => Some(SecretSource::Env(text)),
        "file" => Some(SecretSource::File(text.into())),
        _ => None,
    }
}

fn lower_types(node: &Node, diagnostics: &mut Diagnostics) -> Vec<EventType> {
    let Some(items) = node.as_list() else {
        diagnostics.wrong_type(node, "event_types", "a list of types");
        return Vec::new();
    };
    let mut types = Vec::new();
    for item in items {
        match serde_json::from_value(item.to_json()) {
            Ok(event_type) => types.push(event_type),
            Err(error) => {
                let message = format!("not an event type: {error}");
                let help = "a type has source, name, display, webhook, codes, groups, summary, fields, open";
                diagnostics.error(Code::InvalidValue, item.at, message, help);
            }
        }
    }
    types
}
