//! Reads one entry of `sources`: its URL path, the format of its events, and how senders are verified.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::custom_source;
use crate::config::handshake;
use crate::config::handshake::Handshake;
use crate::config::integrations::ConnectionRef;
use crate::config::sender_method;
use crate::config::sender_method::SenderMethod;
use crate::config::source_account::{lower_account_id, lower_subdomain};
use crate::config::value_location;
use crate::config::value_location::RequestNeeds;
use crate::config::verification;
use crate::config::verification::{Scheme, Verification};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::document::{Entry, Node};
use crate::event::format::DECODERS;
use crate::event::format::clock::CLOCK;
use crate::event::format::custom::CustomFormat;
use crate::flow::bundle_document::SourceAccount;
use crate::run::answer_link::ANSWERS_PATH;

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
    /// What it reads of its requests beside their bodies.
    pub needs: RequestNeeds,
    /// The methods that its senders use.
    pub methods: Vec<SenderMethod>,
    /// The path of the list of events in a body that has several.
    pub items: Option<String>,
    pub handshake: Option<Handshake>,
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
            "How senders are verified: the name of a sender such as `zendesk` or `stripe`, `bearer`, or a mapping. `none` accepts every sender.";
        "secrets" verification::secrets_schema =>
            "The names of the secrets that senders use; two while one is being replaced. `send` and `sign` use the first.";
        "decoder" text =>
            "The format of the events: `support` (Zendesk), `upmind`, or `json` for a body that you describe here.";
        "event_source" text => "The name that rules use. Default: the name of the entry.";
        "event_type" value_location::schema =>
            "The event type: a constant, `{ path: … }` in the body, `{ header: … }`, `{ query: … }`, or a list of these, of which the first that is there counts. Default: where the sender of `verify` has it.";
        "id" value_location::schema =>
            "The event id: a path in the body, `header.NAME` for a header, locations as for `event_type`, or `none` if every request is an event of its own. Default: the delivery id of the `verify` scheme, or else the body: equal bodies within 10 minutes are one event.";
        "key" value_location::schema => "The path of the event's key, usually the ticket id, or locations as for `event_type`.";
        "time" value_location::schema => "The path of the event's time, or locations as for `event_type`.";
        "headers" headers => "The headers that rules read as `event.headers.NAME`, in lower case.";
        "items" text => "The path of a list in the body: each element is an event. All are accepted, or none.";
        "methods" sender_method::schema => "The methods that senders use: `POST`, `PUT`, `PATCH`. Default: `POST`.";
        "handshake" handshake::schema =>
            "How it answers a sender that checks its address: `slack`, `graph`, `trello`, `asana`, `cloudevents`, `zoom`, or a mapping. Default: not at all.";
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

fn headers() -> Value {
    json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}

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
        let no_path = self
            .description()
            .is_some_and(|custom| custom.id.is_empty());
        no_path && self.identity == DeliveryIdentity::Body
    }

    /// The method with which `send` posts its events.
    pub fn method_to_send(&self) -> SenderMethod {
        match self.methods.first() {
            Some(first) if !self.methods.contains(&SenderMethod::Post) => *first,
            Some(_) | None => SenderMethod::Post,
        }
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
            needs: RequestNeeds::default(),
            methods: vec![SenderMethod::Post],
            items: None,
            handshake: None,
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
    let sources = DECODERS.iter().map(|decoder| decoder.source);
    // No sender has ticks.
    let names: BTreeSet<&str> = sources.filter(|source| *source != CLOCK).collect();
    let named = |name| EventSource::with_defaults(name, SourceFormat::BuiltIn(name));
    names.into_iter().map(named)
}

/// Reads the source of an entry; `None` after an error was reported.
pub fn lower(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<EventSource> {
    let node = &entry.value;
    diagnostics.entries(node, &SOURCE)?;
    reject_clock(entry, diagnostics)?;
    // Without its scheme, a missing key may not be missing.
    let verification = verification::lower(entry, diagnostics)?;
    let path = node.get("path").map(|path| lower_path(path, diagnostics));
    let mut needs = RequestNeeds::default();
    let scheme = verification.as_ref();
    let scheme = scheme.map(|verification| &verification.scheme);
    let format = lower_format(entry, scheme, &mut needs, diagnostics)?;
    if let Some(headers) = node.get("headers") {
        value_location::lower_headers(headers, &mut needs, diagnostics)?;
    }
    value_location::check_no_token(&needs, scheme, entry.key_at, diagnostics)?;
    let mut source = EventSource {
        needs,
        ..EventSource::with_defaults(&entry.key, format)
    };
    if let Some(methods) = node.get("methods") {
        source.methods = sender_method::lower(methods, diagnostics)?;
    }
    if let Some(items) = node.get("items") {
        source.items = Some(lower_items(items, &source, diagnostics)?);
    }
    if let Some(node) = node.get("handshake") {
        source.handshake = Some(handshake::lower(node, diagnostics)?);
    }
    if let Some(path) = path {
        source.path = path?;
    }
    source.verification = verification;
    handshake::check_secret(&source, entry.key_at, diagnostics)?;
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

/// Reports a source that would send events as those of the clock. None if it does.
fn reject_clock(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<()> {
    let name = entry.value.get("event_source");
    let at = match name.filter(|name| name.as_text() == Some(CLOCK)) {
        Some(name) => name.at,
        None if entry.key == CLOCK && name.is_none() => entry.key_at,
        None => return Some(()),
    };
    let message = "the source `clock` is reserved for the ticks of rules with `every`";
    diagnostics.reject(
        Code::DuplicateName,
        at,
        message,
        "choose another name for your source",
    )
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

fn lower_items(node: &Node, source: &EventSource, diagnostics: &mut Diagnostics) -> Option<String> {
    if source.description().is_none() {
        let message = "`items` has no effect: the format of the source is built in";
        let help = "remove it, or describe your own format with `decoder: json`";
        return diagnostics.reject_value(node.at, message, help);
    }
    value_location::body_path(node, "items", diagnostics)
}

fn lower_format(
    entry: &Entry,
    scheme: Option<&Scheme>,
    needs: &mut RequestNeeds,
    diagnostics: &mut Diagnostics,
) -> Option<SourceFormat> {
    let decoder = decoder(entry, diagnostics)?;
    let Some(source) = decoder else {
        return custom_source::lower(entry, scheme, needs, diagnostics).map(SourceFormat::Custom);
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
    let sources = || DECODERS.iter().map(|decoder| decoder.source);
    let built_in = |name: &str| sources().find(|source| *source == name && *source != CLOCK);
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

/// Paths of the health checks and metrics, beside those of answers.
const RESERVED_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Whether requests to a path do not reach a source.
fn is_reserved(path: &str) -> bool {
    let answers = path.strip_prefix(ANSWERS_PATH);
    RESERVED_PATHS.contains(&path)
        || answers.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

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
    } else if is_reserved(&path) {
        (format!("`{path}` is reserved"), "choose another path")
    } else {
        return Some(path);
    };
    diagnostics.reject_value(node.at, message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_listener_itself_are_no_paths_of_sources() {
        for path in ["/healthz", "/metrics", "/answers", "/answers/refunds"] {
            assert!(is_reserved(path), "{path}");
        }
        for path in ["/answersheet", "/hooks/answers", "/events/support"] {
            assert!(!is_reserved(path), "{path}");
        }
    }
}
