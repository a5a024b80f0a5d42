//! What `flowtrigger.yaml` and the environment set: mode, variables, connections, secrets, sources.
//! It holds where a secret is found, never its value.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Position};
use crate::core::event::catalogue::{Catalogue, EventType};
use crate::core::event::user_described::{Description, TypeFrom};
use crate::core::flow::call::SecretPlace;
use crate::core::flow::step::AuthTemplate;
use crate::core::rule::document::{self, Entry, Node, Yaml};
use crate::core::rule::fields::Fields;
use crate::core::rule::jobspec::Mode;
use crate::core::rule::lowering::Lowering;
use crate::core::rule::operator::operand::is_path;
use crate::core::rule::template::{Escape, Template};
use crate::core::rule::vocabulary::{
    Vocabulary, anything, duration, later, mapping, number, text, word,
};

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

/// The keys of `flowtrigger.yaml`.
pub const CONFIG: Vocabulary = Vocabulary {
    name: "flowtrigger.yaml",
    words: &[
        word(
            "mode",
            "Caps the mode of every rule: `shadow` on a staging machine.",
            text,
        ),
        word(
            "vars",
            "Values for templates and conditions of every rule: `vars.NAME`.",
            mapping,
        ),
        word(
            "connections",
            "Where requests go and with which credentials, by name.",
            mapping,
        ),
        word(
            "secrets",
            "Where each secret is found: an environment variable or a file.",
            mapping,
        ),
        word(
            "sources",
            "Systems whose events you describe yourself, by the name in their URL.",
            mapping,
        ),
        word(
            "event_types",
            "Event types that the built-in catalogue does not have.",
            anything,
        ),
        later(
            "on_dead",
            "it comes with durable runs; leave it out for now",
        ),
        later(
            "archive",
            "it comes with durable runs; leave it out for now",
        ),
        later(
            "redact",
            "it comes with the trust boundary; leave it out for now",
        ),
    ],
};

/// The keys of one connection.
pub const CONNECTION: Vocabulary = Vocabulary {
    name: "a connection",
    words: &[
        word(
            "base_url",
            "What `path` in a step is added to; `outbox:NAME` writes to a file instead of sending.",
            text,
        ),
        word(
            "auth",
            "Credentials: `bearer`, `basic` or `header`.",
            mapping,
        ),
        word("headers", "Headers of every request.", mapping),
        word(
            "timeout",
            "How long a request may take, unless the step says.",
            duration,
        ),
        word(
            "actor_id",
            "The user that our own requests act as at the help desk.",
            number,
        ),
        later(
            "rate_limit",
            "it comes with durable runs; leave it out for now",
        ),
    ],
};

/// The keys of one set of credentials; exactly one stands there.
pub const AUTH: Vocabulary = Vocabulary {
    name: "`auth`",
    words: &[
        word("bearer", "A bearer token.", text),
        word("basic", "A user name and a password.", mapping),
        word("header", "A header's name and its value.", mapping),
    ],
};

/// The keys of one secret; exactly one stands there.
pub const SECRET: Vocabulary = Vocabulary {
    name: "a secret",
    words: &[
        word("env", "The environment variable that holds it.", text),
        word("file", "The file that holds it.", text),
    ],
};

/// The keys of one source.
pub const SOURCE: Vocabulary = Vocabulary {
    name: "a source",
    words: &[
        word("decoder", "`json`: a body that you describe here.", text),
        word(
            "event_source",
            "What rules call it; the entry's own name unless given.",
            text,
        ),
        word(
            "event_type",
            "The event's type: a constant, or `{ path: … }` in the body.",
            anything,
        ),
        word(
            "id",
            "The path of the event's id; without it, equal bodies are one event.",
            text,
        ),
        word(
            "key",
            "The path of what the event is about, usually the ticket's id.",
            text,
        ),
        word("time", "The path of the event's time.", text),
        later(
            "verify",
            "signatures come with the trust boundary; leave it out for now",
        ),
        later(
            "secrets",
            "signatures come with the trust boundary; leave it out for now",
        ),
    ],
};

/// Reads `flowtrigger.yaml` and the environment over it. Every mistake is reported; what is sound
/// is kept, so that rules can be checked against it all the same.
pub fn parse(
    file: FileId,
    text: &str,
    environment: &BTreeMap<String, String>,
    diagnostics: &mut Diagnostics,
) -> Config {
    let mut config = Config::default();
    let documents = document::read(file, text, diagnostics);
    if let Some(second) = documents.get(1) {
        let message = "flowtrigger.yaml holds one document";
        diagnostics.push(Diagnostic::error(Code::InvalidValue, second.at, message));
    }
    let start = Position {
        file,
        line: 1,
        column: 1,
        ..Position::default()
    };
    if let Some(document) = documents.first() {
        lower(document, &mut config, diagnostics);
    }
    overlay(environment, &mut config, start, diagnostics);
    config
}

fn lower(node: &Node, config: &mut Config, diagnostics: &mut Diagnostics) {
    let base = Config::default();
    let mut cx = Lowering {
        config: &base,
        fields: Fields::None,
        vars: Value::Object(Map::new()),
        steps: Vec::new(),
        folder: ".".into(),
        diagnostics,
    };
    if cx.entries(node, &CONFIG).is_none() {
        return;
    }
    if let Some(mode) = node.get("mode").and_then(|mode| Mode::lower(mode, &mut cx)) {
        config.mode = mode;
    }
    if let Some(vars) = node.get("vars") {
        match &vars.value {
            Yaml::Map(_) => config.vars = vars.to_json(),
            _ => cx.wrong_type(vars, "vars", "a mapping"),
        }
    }
    cx.vars = config.vars.clone();
    for entry in section(node, "connections", &mut cx) {
        if let Some(connection) = lower_connection(entry, &mut cx) {
            config.connections.insert(entry.key.clone(), connection);
        }
    }
    for entry in section(node, "secrets", &mut cx) {
        if let Some(place) = lower_secret(entry, &mut cx) {
            config.secrets.insert(entry.key.clone(), place);
        }
    }
    for entry in section(node, "sources", &mut cx) {
        if let Some(description) = lower_description(entry, &mut cx) {
            config.sources.insert(entry.key.clone(), description);
        }
    }
    if let Some(types) = node.get("event_types") {
        config.catalogue = config.catalogue.extended(lower_types(types, &mut cx));
    }
}

fn section<'n>(node: &'n Node, key: &str, cx: &mut Lowering<'_>) -> &'n [Entry] {
    match node.get(key) {
        None => &[],
        Some(section) => section.as_map().unwrap_or_else(|| {
            cx.wrong_type(section, key, "a mapping of names");
            &[]
        }),
    }
}

fn lower_connection(entry: &Entry, cx: &mut Lowering<'_>) -> Option<Connection> {
    let node = &entry.value;
    cx.entries(node, &CONNECTION)?;
    let Some(url) = node.get("base_url") else {
        let message = format!("the connection `{}` has no `base_url`", entry.key);
        cx.error(
            Code::MissingKey,
            entry.key_at,
            message,
            "add `base_url: https://…`",
        );
        return None;
    };
    let auth = match node.get("auth") {
        Some(auth) => Some(lower_auth(auth, cx)?),
        None => None,
    };
    let mut headers = Vec::new();
    for header in section(node, "headers", cx) {
        let value = Template::lower(&header.value, &header.key, Escape::None, cx)?;
        headers.push((header.key.clone(), value));
    }
    let timeout = node.get("timeout").and_then(|t| cx.duration(t, "timeout"));
    let actor_id = match node.get("actor_id").map(|id| (id, id.to_json().as_u64())) {
        Some((id, None)) => {
            cx.wrong_type(id, "actor_id", "a user's id, a number");
            None
        }
        Some((_, id)) => id,
        None => None,
    };
    Some(Connection {
        name: entry.key.clone(),
        at: entry.key_at,
        base_url: base_url(url, cx)?,
        auth,
        headers,
        timeout,
        actor_id,
    })
}

fn base_url(node: &Node, cx: &mut Lowering<'_>) -> Option<String> {
    let text = cx.text(node, "base_url")?;
    if let Err(reason) = check_base_url(&text) {
        let message = format!("`{text}` is no base URL: {reason}");
        let help = "write https://host/path, or outbox:NAME to write requests to a file";
        cx.error(Code::InvalidValue, node.at, message, help);
        return None;
    }
    Some(text)
}

fn check_base_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "outbox" if !url.path().is_empty() => Ok(()),
        "http" | "https" if !url.has_host() => Err("it names no host".into()),
        "http" | "https" if url.query().is_some() || url.fragment().is_some() => {
            Err("a query belongs into the step".into())
        }
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => {
            Err("credentials belong under `auth`".into())
        }
        "http" | "https" => Ok(()),
        other => Err(format!("the scheme `{other}` is not spoken here")),
    }
}

fn lower_auth(node: &Node, cx: &mut Lowering<'_>) -> Option<AuthTemplate> {
    let entries = cx.entries(node, &AUTH)?;
    let [entry] = entries else {
        let message = format!(
            "`auth` takes one of bearer, basic, header, found {}",
            entries.len()
        );
        cx.error(Code::InvalidValue, node.at, message, "");
        return None;
    };
    let mut part = |key: &str| {
        let found = entry.value.get(key);
        if found.is_none() {
            let message = format!("`{}` has no `{key}`", entry.key);
            cx.error(Code::MissingKey, entry.value.at, message, "");
        }
        Template::lower(found?, key, Escape::None, cx)
    };
    match entry.key.as_str() {
        "bearer" => {
            Template::lower(&entry.value, "bearer", Escape::None, cx).map(AuthTemplate::Bearer)
        }
        "basic" => Some(AuthTemplate::Basic {
            username: part("username")?,
            password: part("password")?,
        }),
        "header" => {
            let value = part("value")?;
            let name = entry
                .value
                .get("name")
                .and_then(|name| cx.text(name, "name"));
            if name.is_none() {
                let message = "`header` has no `name`";
                cx.error(Code::MissingKey, entry.value.at, message, "");
            }
            Some(AuthTemplate::Header { name: name?, value })
        }
        _ => None,
    }
}

fn lower_secret(entry: &Entry, cx: &mut Lowering<'_>) -> Option<SecretPlace> {
    let entries = cx.entries(&entry.value, &SECRET)?;
    let [place] = entries else {
        let message = format!("the secret `{}` takes one of env, file", entry.key);
        let help = "write { env: VARIABLE } or { file: PATH }; the value itself never stands here";
        cx.error(Code::InvalidValue, entry.value.at, message, help);
        return None;
    };
    let text = cx.text(&place.value, &place.key)?;
    match place.key.as_str() {
        "env" => Some(SecretPlace::Env(text)),
        "file" => Some(SecretPlace::File(text.into())),
        _ => None,
    }
}

fn lower_description(entry: &Entry, cx: &mut Lowering<'_>) -> Option<Description> {
    let node = &entry.value;
    cx.entries(node, &SOURCE)?;
    if ["support", "upmind"].contains(&entry.key.as_str()) {
        let message = format!("the source `{}` is built in", entry.key);
        cx.error(
            Code::DuplicateName,
            entry.key_at,
            message,
            "give yours another name",
        );
        return None;
    }
    if let Some(decoder) = node.get("decoder").filter(|d| d.as_text() != Some("json")) {
        let message = "the decoder of a described source is `json`";
        let help = "Zendesk and Upmind events are told apart by themselves at /events/support and /events/upmind";
        cx.error(Code::InvalidValue, decoder.at, message, help);
    }
    let Some(event_type) = node.get("event_type") else {
        let message = format!("the source `{}` has no `event_type`", entry.key);
        cx.error(
            Code::MissingKey,
            entry.key_at,
            message,
            "write a constant, or { path: … }",
        );
        return None;
    };
    let event_type = match event_type.as_map() {
        Some(entries) if is_path(entries) => TypeFrom::Path(cx.text(&entries[0].value, "path")?),
        Some(_) => {
            cx.wrong_type(event_type, "event_type", "a constant, or { path: … }");
            return None;
        }
        None => TypeFrom::Constant(cx.text(event_type, "event_type")?),
    };
    let mut path = |key: &str| node.get(key).and_then(|value| cx.text(value, key));
    Some(Description {
        name: entry.key.clone(),
        source: path("event_source").unwrap_or_else(|| entry.key.clone()),
        event_type,
        id: path("id"),
        key: path("key"),
        time: path("time"),
    })
}

fn lower_types(node: &Node, cx: &mut Lowering<'_>) -> Vec<EventType> {
    let Some(items) = node.as_list() else {
        cx.wrong_type(node, "event_types", "a list of types");
        return Vec::new();
    };
    let mut types = Vec::new();
    for item in items {
        match serde_json::from_value(item.to_json()) {
            Ok(event_type) => types.push(event_type),
            Err(error) => {
                let message = format!("not an event type: {error}");
                let help = "a type has source, tag, display, webhook, codes, groups, summary, fields, open";
                cx.error(Code::InvalidValue, item.at, message, help);
            }
        }
    }
    types
}

/// `FLOWTRIGGER_MODE`, `FLOWTRIGGER_VARS_NAME`, `FLOWTRIGGER_CONNECTIONS_NAME_BASE_URL`.
fn overlay(
    environment: &BTreeMap<String, String>,
    config: &mut Config,
    at: Position,
    diagnostics: &mut Diagnostics,
) {
    for (variable, value) in environment {
        let result = overlay_one(variable, value, config);
        if let Err(message) = result {
            let message = format!("the environment variable `{variable}` {message}");
            diagnostics.push(Diagnostic::error(Code::InvalidValue, at, message));
        }
    }
}

fn overlay_one(variable: &str, value: &str, config: &mut Config) -> Result<(), String> {
    if variable == "FLOWTRIGGER_MODE" {
        config.mode = Mode::parse(value).ok_or("takes live, shadow or disabled")?;
    } else if let Some(name) = variable.strip_prefix("FLOWTRIGGER_VARS_") {
        config.vars[name.to_lowercase()] = Value::from(value);
    } else if let Some(rest) = variable.strip_prefix("FLOWTRIGGER_CONNECTIONS_") {
        let name = rest
            .strip_suffix("_BASE_URL")
            .ok_or("can set a connection's BASE_URL only")?;
        check_base_url(value).map_err(|reason| format!("is no base URL: {reason}"))?;
        let mut connections = config.connections.values_mut();
        let connection = connections
            .find(|c| c.name.replace('-', "_").eq_ignore_ascii_case(name))
            .ok_or("names a connection that flowtrigger.yaml does not have")?;
        connection.base_url = value.to_owned();
    }
    Ok(())
}
