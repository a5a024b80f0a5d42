//! Reads `flowtrigger.yaml` and the environment variables that override it into a [`Config`].
//! A configuration holds where a secret is stored, never its value.

mod account_warnings;
pub mod archive;
pub mod commands;
pub mod connection;
pub(crate) mod custom_source;
pub mod environment;
pub mod integrations;
pub mod limits;
pub mod listen;
pub mod loop_guard;
pub mod mode;
pub(crate) mod network;
pub mod outgoing;
pub mod page;
pub mod postgres_url;
pub mod rate_limit;
pub(crate) mod redact;
pub mod retention;
pub mod source;
pub mod store;
pub(crate) mod variables;
pub mod verification;
pub mod vocabulary;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Report};
use crate::document;
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::egress::policy::EgressPolicy;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::EventType;
use crate::event::format::custom::CustomFormat;
use crate::event::format::type_name;
use crate::fingerprint::{Fingerprint, fingerprint};
use crate::flow::bundle_document::SourceAccount;
use crate::language::event_fields::EventFields;
use crate::language::resolver::NameResolver;
use crate::loop_guard::limits::LoopLimits;
use crate::path::Path;
use crate::secret::SecretSource;

/// A compiled configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The highest mode of any rule.
    pub mode: Mode,
    /// The variables, read as `vars.…`; an object.
    pub vars: Arc<Value>,
    pub connections: BTreeMap<String, Connection>,
    pub secrets: BTreeMap<String, SecretSource>,
    /// Connections and settings for ZIS bundles, by integration key.
    pub integrations: BTreeMap<String, Integration>,
    /// Sources by name: those under `sources`, or the built-in ones.
    pub sources: BTreeMap<String, EventSource>,
    pub catalogue: Catalogue,
    pub archive: Archive,
    pub retention: Retention,
    pub limits: RunLimits,
    pub listen: Listen,
    pub page: PageSettings,
    pub store: StoreAddress,
    pub store_options: StoreOptions,
    pub outgoing: EgressPolicy,
    pub commands: Commands,
    /// `None` if it is off.
    pub loop_guard: Option<LoopLimits>,
    /// The event fields that are removed when the runs of the event have ended.
    pub redact: Vec<Path>,
    /// The steps to run when a run ends as dead and its rule has no `on_dead`; not compiled.
    pub on_dead: Option<Node>,
    /// The texts that it was compiled from.
    pub source: Arc<ConfigSource>,
    /// Whether no error was found. If `false`, names that rules use may be defined in the part that was left out.
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
pub use crate::config::page::{PAGE, PageAddress, PageSettings, UserHeader};
pub use crate::config::rate_limit::{RATE, RateLimit};
pub use crate::config::retention::{RETENTION, Retention};
pub use crate::config::source::{EventSource, SOURCE, SourceFormat};
pub use crate::config::store::{
    DaemonRules, PostgresAddress, STORE, STORE_VARIABLE, StoreAddress, StoreOptions, StorePassword,
};
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
            page: PageSettings::default(),
            store: StoreAddress::default(),
            store_options: StoreOptions::default(),
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
    let named = source::built_in().map(|source| (source.name.clone(), source));
    named.collect()
}

impl Config {
    /// Returns the formats of the custom sources.
    pub fn descriptions(&self) -> impl Iterator<Item = &CustomFormat> {
        self.sources.values().filter_map(EventSource::description)
    }

    /// Returns the format of the custom source with this `event_source`.
    pub fn description_of(&self, source: &str) -> Option<&CustomFormat> {
        self.descriptions()
            .find(|description| description.source == source)
    }

    /// Returns the accounts of the sources.
    pub fn accounts(&self) -> impl Iterator<Item = SourceAccount> {
        self.sources.values().map(EventSource::account)
    }

    /// Returns a resolver for the event types and variables of this configuration.
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

/// The texts of a configuration, which compile to the same configuration again. Contains no values of
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSource {
    pub fingerprint: Fingerprint,
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// The environment variables that override it.
    pub environment: BTreeMap<String, String>,
}

impl Default for ConfigSource {
    fn default() -> Self {
        Self::new("".into(), "".into(), BTreeMap::new())
    }
}

impl ConfigSource {
    pub fn new(file: Arc<str>, text: Arc<str>, environment: BTreeMap<String, String>) -> Self {
        let overrides = environment.iter();
        let overrides: Vec<String> = overrides
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut parts = vec![file.as_bytes(), text.as_bytes()];
        parts.extend(overrides.iter().map(String::as_bytes));
        Self {
            fingerprint: fingerprint(&parts),
            file,
            text,
            environment,
        }
    }

    /// Compiles the configuration again, without diagnostics.
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

/// Reads `flowtrigger.yaml` and the environment variables that override it. Errors are reported and the
/// valid parts are kept, so that rules can still be checked against them.
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
        let message = "flowtrigger.yaml must be a single document";
        diagnostics.push(Diagnostic::error(Code::InvalidValue, second.at, message));
    }
    if let Some(document) = documents.first() {
        lower(document, &mut config, diagnostics);
    }
    environment::overlay(environment, &mut config, diagnostics);
    integrations::check(&config, diagnostics);
    source::check_connections(&config, diagnostics);
    store::check(&config, diagnostics);
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
            Yaml::Map(entries) => {
                variables::check(entries, diagnostics);
                config.vars = Arc::new(vars.to_json());
            }
            _ => diagnostics.wrong_type(vars, "vars", "a mapping"),
        }
    }
    config.connections = lower_connections(node, config, diagnostics);
    for entry in section(node, "secrets", diagnostics) {
        if let Some(source) = lower_secret(entry, diagnostics) {
            config.secrets.insert(entry.key.clone(), source);
        }
    }
    config.integrations = integrations::lower(node, diagnostics);
    if node.get("sources").is_some() {
        // If `sources` is present, only the listed sources accept events.
        config.sources.clear();
    }
    for entry in section(node, "sources", diagnostics) {
        if let Some(source) = source::lower(entry, diagnostics) {
            check_path(&source, entry, config, diagnostics);
            config.sources.insert(entry.key.clone(), source);
        }
    }
    if let Some(node) = node.get("listen") {
        config.listen = listen::lower(node, diagnostics);
    }
    if let Some(node) = node.get("page") {
        config.page = page::lower(node, diagnostics);
    }
    if let Some(node) = node.get("store") {
        (config.store, config.store_options) = store::lower(node, diagnostics);
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

/// Reads the connections, whose headers and credentials may use the variables of the configuration.
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

/// Checks that no other source has the same path.
fn check_path(source: &EventSource, entry: &Entry, config: &Config, diagnostics: &mut Diagnostics) {
    let others = config.sources.values();
    let mut others = others.filter(|other| other.name != source.name);
    if let Some(other) = others.find(|other| other.path == source.path) {
        let message = format!(
            "the sources `{}` and `{}` have the same path `{}`",
            other.name, source.name, source.path
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
    let help = "write { env: VARIABLE } or { file: PATH }; never write the value itself";
    if entry.value.as_map().is_none() {
        let message = format!("the secret `{}` takes a mapping with its source", entry.key);
        return diagnostics.reject(Code::SecretInFile, entry.value.at, message, help);
    }
    let entries = diagnostics.entries(&entry.value, &SECRET)?;
    let [source] = entries else {
        let message = format!("the secret `{}` takes one of env, file", entry.key);
        return diagnostics.reject_value(entry.value.at, message, help);
    };
    let text = diagnostics.text(&source.value, &source.key)?;
    match source.key.as_str() {
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
        match serde_json::from_value::<EventType>(item.to_json()) {
            Ok(event_type) => types.push(type_name::with_webhook(event_type)),
            Err(error) => {
                let message = format!("not an event type: {error}");
                let help = "a type has source, name, display, webhook, codes, groups, summary, fields, open";
                diagnostics.invalid(item.at, message, help);
            }
        }
    }
    types
}
