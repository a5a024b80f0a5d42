//! Reads an entry of `connections`: base URL, credentials, headers, timeout, actor, limits, retries and TLS files.
//! A base URL with a query, a fragment or credentials is an error.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::breaker::BreakerSetting;
use crate::config::rate_limit::RateLimit;
use crate::config::{breaker, rate_limit, retry, section, tls};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, mapping, text, words};
use crate::document::{Entry, Node};
use crate::flow::call::{AuthTemplate, ClientTls};
use crate::language::resolver::NameResolver;
use crate::language::template::{Escape, Template};
use crate::run::retry::RetryPolicy;

/// The destination and the credentials of requests, referred to by name in rules.
#[derive(Debug, Clone)]
pub struct Connection {
    pub name: String,
    pub at: Span,
    pub base_url: String,
    pub auth: Option<Arc<AuthTemplate>>,
    pub headers: Vec<(String, Template)>,
    pub timeout: Option<Duration>,
    /// The id of the help desk user whose credentials the requests use.
    pub actor_id: Option<String>,
    pub rate_limit: Option<RateLimit>,
    /// How requests are attempted again during an outage, by steps without a `retry`.
    pub retry: Option<RetryPolicy>,
    pub breaker: Option<BreakerSetting>,
    pub tls: Option<Arc<ClientTls>>,
    /// The span of `tls`.
    pub tls_at: Span,
}

pub const CONNECTION: Vocabulary = Vocabulary {
    name: "a connection",
    words: words! {
        "base_url" text =>
            "The URL to which the `path` of a step is added. A secret part of the address belongs in the path: `https://chat.example/hooks/{{ secret.HOOK }}`. `outbox:NAME` writes requests to a file instead of sending them.";
        "auth" mapping => "Credentials: `bearer`, `basic` or `header`.";
        "headers" mapping => "Headers of every request.";
        "timeout" duration => "The maximum duration of a request if the step has no `timeout`. Default: 10s.";
        "actor_id" user =>
            "The id of the help desk user whose credentials the connection uses. The loop guard recognises flowtrigger's own changes by it.";
        "rate_limit" rate_limit::schema => "The maximum rate of requests, evenly spread. Default: no limit.";
        "retry" retry::schema =>
            "How requests of steps without a `retry` are attempted again after connection errors, time-outs, 408, 429 and 5xx. Default: that of `outgoing`, or for 8h.";
        "breaker" breaker::schema =>
            "When the receiver counts as down, and how its runs continue: a mapping, or `off`. Default: that of `outgoing`, or on.";
        "tls" tls::client_schema =>
            "Files for TLS with this server: an authority of your own, a client certificate. Default: the authorities of the system.";
    },
};

fn user() -> Value {
    json!({"type": ["integer", "string"], "minimum": 1, "minLength": 1})
}

/// The keys of `auth`; exactly one is required.
pub const AUTH: Vocabulary = Vocabulary {
    name: "`auth`",
    words: words! {
        "bearer" text => "A bearer token.";
        "basic" mapping => "A user name and a password.";
        "header" mapping => "The name and the value of a header.";
    },
};

/// Reads the connection of an entry; `None` after an error was reported.
pub fn lower(entry: &Entry, names: &mut NameResolver<'_>) -> Option<Connection> {
    let node = &entry.value;
    names.entries(node, &CONNECTION)?;
    let Some(url) = node.get("base_url") else {
        let message = format!("the connection `{}` has no `base_url`", entry.key);
        return names.reject(
            Code::MissingKey,
            entry.key_at,
            message,
            "add `base_url: https://…`",
        );
    };
    let auth = node
        .get("auth")
        .map_or(Some(None), |auth| lower_auth(auth, names).map(Some));
    let mut headers = Vec::new();
    for header in section(node, "headers", names.diagnostics) {
        let value = Template::lower(&header.value, &header.key, Escape::None, names);
        headers.push(value.map(|value| (header.key.clone(), value)));
    }
    let timeout = node
        .get("timeout")
        .and_then(|t| names.duration(t, "timeout"));
    let actor_id = node
        .get("actor_id")
        .and_then(|id| lower_actor(id, names.diagnostics));
    let rate_limit = match node.get("rate_limit") {
        Some(rate) => Some(rate_limit::lower(rate, names.diagnostics)?),
        None => None,
    };
    let retry = match node.get("retry") {
        Some(retry) => Some(retry::lower(retry, names)?),
        None => None,
    };
    let breaker = node.get("breaker");
    let breaker = breaker.map(|breaker| breaker::lower(breaker, names.diagnostics));
    let tls = match node.get("tls") {
        Some(tls) => Some(Arc::new(lower_tls(tls, url, names.diagnostics)?)),
        None => None,
    };
    Some(Connection {
        name: entry.key.clone(),
        at: entry.key_at,
        base_url: base_url(url, names.diagnostics)?,
        auth: auth?.map(Arc::new),
        headers: headers.into_iter().collect::<Option<_>>()?,
        timeout,
        actor_id,
        rate_limit,
        retry,
        breaker,
        tls,
        tls_at: node.get("tls").map(|tls| tls.at).unwrap_or_default(),
    })
}

/// Reads `tls`, which only an `https` address can use.
fn lower_tls(node: &Node, url: &Node, diagnostics: &mut Diagnostics) -> Option<ClientTls> {
    let tls = tls::lower_client(node, diagnostics)?;
    let scheme = url.as_text().and_then(|url| url.split_once(':'));
    let scheme = scheme.map_or("https", |(scheme, _)| scheme);
    if scheme.eq_ignore_ascii_case("https") {
        return Some(tls);
    }
    let message = format!("`tls` has no effect: the `base_url` starts with `{scheme}:`");
    let help = "write `base_url: https://…`, or remove `tls`";
    diagnostics.reject_value(node.at, message, help)
}

/// Reads `actor_id`: a number at Zendesk, a text at Upmind.
fn lower_actor(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let id = node.to_json();
    let id = match id.as_u64() {
        Some(0) => String::new(),
        Some(number) => number.to_string(),
        None => id.as_str().unwrap_or_default().trim().to_owned(),
    };
    if id.is_empty() {
        return diagnostics.reject_type(node, "actor_id", "a user's id, a number or text");
    }
    Some(id)
}

fn base_url(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = diagnostics.text(node, "base_url")?;
    if let Err(reason) = check_base_url(&text) {
        let message = format!("`{text}` is not a base URL: {reason}");
        let help = "write https://host/path, or outbox:NAME to write requests to a file";
        return diagnostics.reject_value(node.at, message, help);
    }
    Some(text)
}

/// Checks that a path can be added to a URL.
///
/// # Errors
/// Why it cannot.
pub fn check_base_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "it has no `https://`".to_owned(),
        other => other.to_string(),
    })?;
    match url.scheme() {
        "outbox" if !url.path().is_empty() => Ok(()),
        "http" | "https" if !url.has_host() => Err("it names no host".into()),
        "http" | "https" if url.query().is_some() || url.fragment().is_some() => {
            Err("a query belongs in the step".into())
        }
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => {
            Err("credentials belong under `auth`".into())
        }
        "http" | "https" => Ok(()),
        other => Err(format!("the scheme `{other}` is not supported")),
    }
}

const BASIC_AUTH: &str = "write `basic: { username: NAME, password: \"{{ secret.NAME }}\" }`";

const HEADER_AUTH: &str = "write `header: { name: X-Api-Key, value: \"{{ secret.NAME }}\" }`";

fn lower_auth(node: &Node, names: &mut NameResolver<'_>) -> Option<AuthTemplate> {
    let entries = names.entries(node, &AUTH)?;
    let [entry] = entries else {
        let message = format!(
            "`auth` takes one of bearer, basic, header, found {}",
            entries.len()
        );
        let help = "keep the one that the server requires";
        return names.reject_value(node.at, message, help);
    };
    let mut part = |key: &str| {
        let found = entry.value.get(key);
        if found.is_none() {
            let message = format!("`{}` has no `{key}`", entry.key);
            let help = match key {
                "value" => HEADER_AUTH,
                _ => BASIC_AUTH,
            };
            names.error(Code::MissingKey, entry.value.at, message, help);
        }
        Template::lower(found?, key, Escape::None, names)
    };
    match entry.key.as_str() {
        "bearer" => {
            Template::lower(&entry.value, "bearer", Escape::None, names).map(AuthTemplate::Bearer)
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
                .and_then(|name| names.text(name, "name"));
            if name.is_none() {
                let message = "`header` has no `name`";
                names.error(Code::MissingKey, entry.value.at, message, HEADER_AUTH);
            }
            Some(AuthTemplate::Header { name: name?, value })
        }
        _ => None,
    }
}
