//! Reads one entry of `sources`: its URL path, the format of its events, and how senders are verified.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::custom_source;
use crate::config::integrations::ConnectionRef;
use crate::config::verification;
use crate::config::verification::Verification;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, anything, text, words};
use crate::document::{Entry, Node, Yaml};
use crate::event::format::DECODERS;
use crate::event::format::custom::CustomFormat;
use crate::flow::bundle_document::SourceAccount;

/// One source, built in or custom.
#[derive(Debug, Clone)]
pub struct EventSource {
    /// The name of the source's entry; `support` and `upmind` exist without an entry.
    pub name: String,
    /// The URL path to which its events are posted.
    pub path: String,
    pub reads: SourceFormat,
    /// `None` accepts every sender.
    pub verification: Option<Verification>,
    /// The Zendesk account of its events, as far as it is configured.
    pub account_id: Option<u64>,
    pub subdomain: Option<String>,
    /// The connection to the system that sends the events.
    pub connection: Option<ConnectionRef>,
    pub identity: DeliveryIdentity,
    /// Its entry; none for a source that exists without one.
    pub at: Span,
}

/// What identifies an event whose body has no id, or whose source has no `id` path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryIdentity {
    /// The body: equal bodies within ten minutes are one event.
    Body,
    /// This header, which every request must have.
    Header(String),
    /// The delivery id that the verification scheme's senders add; the body if a request has none.
    Delivery(&'static str),
    /// The request: every one is an event of its own.
    Request,
}

impl DeliveryIdentity {
    /// The header that identifies the event.
    pub fn header(&self) -> Option<&str> {
        match self {
            DeliveryIdentity::Header(name) => Some(name),
            DeliveryIdentity::Delivery(name) => Some(name),
            DeliveryIdentity::Body | DeliveryIdentity::Request => None,
        }
    }
}

/// How the events of a source are read.
#[derive(Debug, Clone)]
pub enum SourceFormat {
    /// By the built-in decoder of this `event_source`.
    BuiltIn(&'static str),
    Custom(CustomFormat),
}

pub const SOURCE: Vocabulary = Vocabulary {
    name: "a source",
    words: words! {
        "path" text => "The URL path to which its events are posted. Default: `/events/NAME`.";
        "verify" verification::schema =>
            "How senders are verified: `zendesk`, `upmind`, `standard_webhooks`, `github`, `bearer`, or a mapping. `none` accepts every sender.";
        "secrets" verification::secrets_schema =>
            "The names of the secrets that senders use; two while one is being replaced. `send` and `sign` use the first.";
        "decoder" text =>
            "The format of the events: `support` (Zendesk), `upmind`, or `json` for a body that you describe here.";
        "event_source" text => "The name that rules use. Default: the name of the entry.";
        "event_type" anything => "The event type: a constant, or `{ path: … }` in the body.";
        "id" custom_source::id_schema =>
            "The event id: a path in the body, `header.NAME` for a header, or `none` if every request is an event of its own. Default: the delivery id of the `verify` scheme, or else the body: equal bodies within 10 minutes are one event.";
        "key" text => "The path of the event's key, usually the ticket id.";
        "time" text => "The path of the event's time.";
        "time_zone" text =>
            "The IANA name of the zone of times without one, such as `Europe/Berlin`. Default: UTC.";
        "account_id" account_id =>
            "The id of the Zendesk account whose events it receives: `$.account_id` in ZIS bundles, if the event has none.";
        "subdomain" text =>
            "The subdomain of that account: `$.subdomain` in ZIS bundles, if the event has none.";
        "connection" text =>
            "The connection to the system that sends the events, by which the loop guard recognises rules that write back to it. Default: the connection of the same name.";
    },
};

fn account_id() -> Value {
    json!({"type": "integer", "minimum": 1})
}

impl EventSource {
    /// The `event_source` of its events.
    pub fn source(&self) -> &str {
        match &self.reads {
            SourceFormat::BuiltIn(source) => source,
            SourceFormat::Custom(description) => &description.source,
        }
    }

    pub fn description(&self) -> Option<&CustomFormat> {
        match &self.reads {
            SourceFormat::BuiltIn(_) => None,
            SourceFormat::Custom(description) => Some(description),
        }
    }

    /// Whether nothing but its body identifies an event.
    pub fn has_no_event_id(&self) -> bool {
        let no_path = self.description().is_some_and(|custom| custom.id.is_none());
        no_path && self.identity == DeliveryIdentity::Body
    }

    /// Creates a custom source with the default path and without verification.
    pub fn described(description: CustomFormat) -> Self {
        let name = description.name.clone();
        Self::with_defaults(&name, SourceFormat::Custom(description))
    }

    pub(super) fn with_defaults(name: &str, reads: SourceFormat) -> Self {
        Self {
            name: name.to_owned(),
            path: format!("/events/{name}"),
            reads,
            verification: None,
            identity: DeliveryIdentity::Body,
            at: Span::default(),
            account_id: None,
            subdomain: None,
            connection: None,
        }
    }

    /// Whether its account is configured, at least in part.
    pub fn names_an_account(&self) -> bool {
        self.account_id.is_some() || self.subdomain.is_some()
    }

    /// The account of its events, for bundles.
    pub fn account(&self) -> SourceAccount {
        SourceAccount {
            source: self.source().to_owned(),
            id: self.account_id,
            subdomain: self.subdomain.clone(),
        }
    }
}

/// Returns the default sources: one for each built-in `event_source`.
pub fn built_in() -> impl Iterator<Item = EventSource> {
    let names: BTreeSet<&str> = DECODERS.iter().map(|decoder| decoder.source).collect();
    let named = |name| EventSource::with_defaults(name, SourceFormat::BuiltIn(name));
    names.into_iter().map(named)
}

/// Reads the source of an entry; `None` after an error was reported.
pub fn lower(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<EventSource> {
    let node = &entry.value;
    diagnostics.entries(node, &SOURCE)?;
    let verification = verification::lower(entry, diagnostics);
    let path = node.get("path").map(|path| lower_path(path, diagnostics));
    let mut source = EventSource::with_defaults(&entry.key, lower_format(entry, diagnostics)?);
    if let Some(path) = path {
        source.path = path?;
    }
    source.verification = verification?;
    if let Some(node) = node.get("account_id") {
        source.account_id = Some(lower_account_id(node, diagnostics)?);
    }
    if let Some(node) = node.get("subdomain") {
        source.subdomain = Some(lower_subdomain(node, diagnostics)?);
    }
    if let Some(node) = node.get("connection") {
        let name = diagnostics.text(node, "connection")?;
        source.connection = Some(ConnectionRef { name, at: node.at });
    }
    source.at = entry.key_at;
    source.identity = custom_source::identity(entry, &source)?;
    Some(source)
}

fn lower_account_id(node: &Node, diagnostics: &mut Diagnostics) -> Option<u64> {
    let id = match &node.value {
        Yaml::Number(number) => number.as_u64().filter(|id| *id > 0),
        Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    if id.is_none() {
        diagnostics.wrong_type(node, "account_id", "the number of the account");
    }
    id
}

fn lower_subdomain(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = diagnostics.text(node, "subdomain")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(plain) {
        return Some(text);
    }
    let host = text.trim_start_matches("https://");
    let name = host.split(['.', '/']).next().unwrap_or_default();
    let help = match name.is_empty() || !name.chars().all(plain) {
        true => "write the part before `.zendesk.com`".to_owned(),
        false => format!("write the part before `.zendesk.com`: `{name}`"),
    };
    let message = format!("`{text}` is not a subdomain");
    diagnostics.error(Code::InvalidValue, node.at, message, &help);
    None
}

/// Reports connections that are not defined.
pub fn check_connections(config: &Config, diagnostics: &mut Diagnostics) {
    let named = config
        .sources
        .values()
        .filter_map(|s| s.connection.as_ref());
    for named in named.filter(|named| !config.connections.contains_key(&named.name)) {
        named.report_unknown(config, diagnostics);
    }
}

fn lower_format(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<SourceFormat> {
    let decoder = decoder(entry, diagnostics)?;
    let Some(source) = decoder else {
        return custom_source::lower(entry, diagnostics).map(SourceFormat::Custom);
    };
    for key in [
        "event_source",
        "event_type",
        "id",
        "key",
        "time",
        "time_zone",
    ] {
        let Some(found) = entry.value.as_map()?.iter().find(|found| found.key == key) else {
            continue;
        };
        let message = format!("`{key}` has no effect: the format of `{source}` is built in");
        let help = "remove it, or describe your own format with `decoder: json`";
        diagnostics.invalid(found.key_at, message, help);
    }
    Some(SourceFormat::BuiltIn(source))
}

/// Returns the built-in source whose decoder reads the events; the inner `None` is a custom format.
fn decoder(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Option<&'static str>> {
    let built_in = |name: &str| DECODERS.iter().map(|d| d.source).find(|s| *s == name);
    let own_name = built_in(&entry.key);
    let Some(node) = entry.value.get("decoder") else {
        return Some(own_name);
    };
    let named = node.as_text().unwrap_or_default();
    match (built_in(named), own_name) {
        (Some(source), None) => Some(Some(source)),
        (Some(source), Some(own)) if source == own => Some(Some(source)),
        (None, None) if named == "json" => Some(None),
        (_, Some(own)) => {
            let message = format!("the source `{own}` is built in and has its own decoder");
            diagnostics.reject(
                Code::DuplicateName,
                node.at,
                message,
                "choose another name for your source",
            )
        }
        (None, None) => {
            let message = "`decoder` takes support, upmind or json";
            let help = match named {
                "zendesk" | "zis" => "Zendesk's events are read by `decoder: support`",
                _ => "with `json` you describe the body: `event_type`, `id`, `key`, `time`",
            };
            diagnostics.reject_value(node.at, message, help)
        }
    }
}

/// Paths of the health checks and metrics.
const RESERVED_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

fn lower_path(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let path = diagnostics.text(node, "path")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    let (message, help) = if !path.starts_with('/') || path.len() < 2 {
        (
            format!("`{path}` is not a URL path"),
            "write `/hooks/zendesk`",
        )
    } else if !path.chars().all(plain) || path.contains("//") || path.ends_with('/') {
        (
            format!("`{path}` cannot be the path of a source"),
            "use letters, digits, `-`, `.`, `_` and single `/` between them",
        )
    } else if RESERVED_PATHS.contains(&path.as_str()) {
        (format!("`{path}` is reserved"), "choose another path")
    } else {
        return Some(path);
    };
    diagnostics.reject_value(node.at, message, help)
}
