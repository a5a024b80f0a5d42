//! Reads `flowtrigger.yaml` and the environment variables that override it into a [`Config`].
//! A configuration holds where a secret is stored, never its value.

mod account_warnings;
mod address;
pub mod archive;
pub mod breaker;
pub mod commands;
pub mod config_source;
pub mod connection;
pub(crate) mod custom_source;
pub mod environment;
mod event_types;
pub mod handshake;
pub mod integrations;
pub mod limits;
pub mod listen;
pub mod loop_guard;
pub mod metrics_listener;
pub mod mode;
pub(crate) mod network;
pub mod outgoing;
pub mod page;
pub mod postgres_url;
mod public_url;
pub mod rate_limit;
pub(crate) mod redact;
pub mod retention;
pub mod retry;
pub mod schedules;
mod secret_source;
pub mod sender_method;
pub mod source;
mod source_account;
pub mod store;
pub mod tls;
pub mod traces;
pub mod value_location;
pub(crate) mod variables;
pub mod verification;
pub mod vocabulary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Report};
use crate::document;
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::egress::policy::EgressPolicy;
use crate::event::catalogue::Catalogue;
use crate::event::format::custom::CustomFormat;
use crate::flow::bundle_document::SourceAccount;
use crate::language::event_fields::EventFields;
use crate::language::resolver::NameResolver;
use crate::loop_guard::limits::LoopLimits;
use crate::path::Path;
use crate::schedule::Schedule;
use crate::secret::SecretSource;

/// A compiled configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The highest mode of any rule.
    pub mode: Mode,
    /// The variables, read as `vars.…`; an object.
    pub vars: Arc<Value>,
    /// Business hours by name.
    pub schedules: Arc<BTreeMap<String, Arc<Schedule>>>,
    /// The calendars that they name, also those that could not be read.
    pub calendars: BTreeSet<String>,
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
    /// What `outgoing` says about outages.
    pub outages: OutageDefaults,
    pub commands: Commands,
    /// `None` if it is off.
    pub loop_guard: Option<LoopLimits>,
    /// Where traces of runs go; `None` exports none.
    pub traces: Option<TraceExport>,
    /// The event fields that are removed when the runs of the event have ended.
    pub redact: Vec<Path>,
    /// The steps to run when a run ends as dead and its rule has no `on_dead`; not compiled.
    pub on_dead: Option<Node>,
    /// The steps to run when a receiver fails; not compiled.
    pub on_outage: Option<Node>,
    /// The texts that it was compiled from.
    pub source: Arc<ConfigSource>,
    /// Whether no error was found. If `false`, names that rules use may be defined in the part that was left out.
    pub whole: bool,
}

pub use crate::config::archive::{ARCHIVE, Archive, ArchiveScope};
pub use crate::config::breaker::{BREAKER, Breaker, BreakerSetting};
pub use crate::config::commands::{COMMANDS, Commands};
pub use crate::config::config_source::ConfigSource;
pub use crate::config::connection::{AUTH, CONNECTION, Connection};
pub use crate::config::environment::applied;
pub use crate::config::integrations::{INTEGRATION, Integration, SimulatedSettings};
pub use crate::config::limits::{LIMITS, RunLimits};
pub use crate::config::listen::{LISTEN, Listen};
pub use crate::config::loop_guard::LOOP_GUARD;
pub use crate::config::mode::Mode;
pub use crate::config::outgoing::{OUTGOING, OutageDefaults};
pub use crate::config::page::{PAGE, PageAddress, PageSettings, UserHeader};
pub use crate::config::rate_limit::{RATE, RateLimit};
pub use crate::config::retention::{RETENTION, Retention};
pub use crate::config::retry::OUTAGE_RETRY;
pub use crate::config::schedules::SCHEDULE;
pub use crate::config::schedules::calendar::{CalendarFile, CalendarFiles, UnreadableCalendar};
pub use crate::config::source::{EventSource, SOURCE, SourceFormat};
pub use crate::config::store::{
    DaemonRules, PostgresAddress, STORE, STORE_VARIABLE, StoreAddress, StoreOptions, StorePassword,
};
pub use crate::config::traces::{TRACES, TraceExport};
pub use crate::config::verification::preset::{EventTypeLocation, PRESETS, Preset};
pub use crate::config::verification::signature::{
    Algorithm, ED25519, HMAC, KeyEncoding, Separator, SignatureCount, SignatureEncoding,
    SignatureScheme, SignedContent, SignedPart, SigningTime, TimestampFormat, TimestampLocation,
};
pub use crate::config::verification::token::{TOKEN, TokenLocation, TokenScheme};
pub use crate::config::verification::{BASIC, GENERIC, Scheme, VERIFY, Verification};
pub use crate::config::vocabulary::{CONFIG, SECRET};

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Live,
            vars: Arc::new(Value::Object(serde_json::Map::new())),
            schedules: Arc::default(),
            calendars: BTreeSet::new(),
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
            outages: OutageDefaults::default(),
            commands: Commands::default(),
            loop_guard: Some(LoopLimits::default()),
            traces: None,
            redact: Vec::new(),
            on_dead: None,
            on_outage: None,
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
    /// The headers that sources read, in lower case.
    fn read_headers(&self) -> BTreeSet<String> {
        let needs = self.sources.values().map(|source| &source.needs);
        needs
            .flat_map(|needs| needs.headers.iter().cloned())
            .collect()
    }

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
            schedules: Arc::clone(&self.schedules),
            headers: self.read_headers(),
            ..NameResolver::new(&self.catalogue, Arc::clone(&self.vars), fields, diagnostics)
        }
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
    parse_with_calendars(file, text, environment, &CalendarFiles::new(), diagnostics)
}

/// Reads it together with the calendars that it names: [`schedules::calendar::names`] lists them.
pub fn parse_with_calendars(
    file: FileId,
    text: &str,
    environment: &BTreeMap<String, String>,
    calendars: &CalendarFiles,
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
        lower(document, calendars, &mut config, diagnostics);
    }
    config.calendars = schedules::calendar::names(text);
    environment::overlay(environment, &mut config, diagnostics);
    integrations::check(&config, diagnostics);
    source::check_connections(&config, diagnostics);
    store::check(&config, diagnostics);
    config.whole = diagnostics.errors() == before;
    config
}

fn lower(
    node: &Node,
    calendars: &CalendarFiles,
    config: &mut Config,
    diagnostics: &mut Diagnostics,
) {
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
    let schedules = section(node, "schedules", diagnostics);
    config.schedules = Arc::new(schedules::lower(schedules, calendars, diagnostics));
    config.connections = lower_connections(node, config, diagnostics);
    for entry in section(node, "secrets", diagnostics) {
        if let Some(source) = secret_source::lower_secret(entry, diagnostics) {
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
        let mut names = config.name_resolver(EventFields::None, diagnostics);
        config.outages = outgoing::lower_outages(node, &mut names);
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
        config.catalogue = config
            .catalogue
            .extended(event_types::lower(types, diagnostics));
    }
    if let Some(node) = node.get("traces") {
        let mut names = config.name_resolver(EventFields::None, diagnostics);
        config.traces = traces::lower(node, &mut names);
    }
    config.on_dead = node.get("on_dead").cloned();
    config.on_outage = node.get("on_outage").cloned();
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
