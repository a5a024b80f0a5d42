//! HTTP requests: as templates in a flow, rendered, and their results.
//! A value that is absent from the event is an error. Secrets stay names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use crate::flow::call::{
    Call, CallRendering, ClientTls, KeepOutput, RenderedCall, json_of, render_pairs, status_of,
};
use crate::flow::step::StepSettings;
use crate::flow::url_template::UrlTemplate;
use crate::language::rendered_text::{RenderedJson, RenderedText, SecretEncoding, TextPart};
use crate::language::template::engine::RESERVED;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;
use crate::run::call_result::{CallFailure, CallResult};

#[derive(Debug, Clone)]
pub struct HttpTemplate {
    pub method: &'static str,
    /// `url:`, or the connection's base URL joined with `path:`.
    pub url: UrlTemplate,
    /// The connection whose credentials are sent with the request.
    pub connection: Option<String>,
    /// The TLS files of the connection.
    pub tls: Option<Arc<ClientTls>>,
    pub query: Vec<(String, Template)>,
    pub headers: Vec<(String, Template)>,
    pub body: Option<BodyTemplate>,
    /// Shared by all calls of a connection.
    pub auth: Option<Arc<AuthTemplate>>,
    pub expect: ExpectedStatus,
    /// The maximum number of redirects.
    pub redirects: u8,
}

#[derive(Debug, Clone)]
pub enum BodyTemplate {
    Json(JsonTemplate),
    Form(Vec<(String, Template)>),
    Raw(Template),
}

#[derive(Debug, Clone)]
pub enum AuthTemplate {
    Bearer(Template),
    Basic {
        username: Template,
        password: Template,
    },
    Header {
        name: String,
        value: Template,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    pub method: String,
    /// An absolute URL, including the base URL of a connection. `outbox:NAME/…` writes the request to a
    /// local file instead of sending it.
    pub url: RenderedText,
    pub connection: Option<String>,
    /// The TLS files of the connection.
    pub tls: Option<Arc<ClientTls>>,
    pub headers: Vec<(String, RenderedText)>,
    pub body: Option<RequestBody>,
    pub auth: Option<Auth>,
    pub timeout: Duration,
    /// The maximum number of redirects.
    pub redirects: u8,
    pub expect: ExpectedStatus,
    pub keep: KeepOutput,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RequestBody {
    Json(RenderedJson),
    Form(Vec<(String, RenderedText)>),
    Raw(RenderedText),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    Bearer(RenderedText),
    Basic {
        username: RenderedText,
        password: RenderedText,
    },
    Header {
        name: String,
        value: RenderedText,
    },
}

/// The statuses that count as success. Empty means every 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedStatus(pub Vec<std::ops::RangeInclusive<u16>>);

impl ExpectedStatus {
    pub fn accepts(&self, status: u16) -> bool {
        if self.0.is_empty() {
            return (200..300).contains(&status);
        }
        self.0.iter().any(|range| range.contains(&status))
    }
}

/// Whether a request that was answered with this status may be accepted later.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}

impl CallRendering for HttpTemplate {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn secrets(&self) -> Vec<&str> {
        let pairs = self
            .query
            .iter()
            .chain(&self.headers)
            .map(|(_, value)| value);
        let mut names: Vec<&str> = self.url.secrets().collect();
        names.extend(pairs.flat_map(Template::secrets));
        names.extend(self.body.iter().flat_map(BodyTemplate::secrets));
        names.extend(self.auth.iter().flat_map(|auth| auth.secrets()));
        names
    }

    fn sends(&self) -> bool {
        true
    }

    fn request(&self) -> Option<&HttpTemplate> {
        Some(self)
    }

    fn render(&self, settings: &StepSettings, scope: &Scope<'_>) -> Result<Call, RenderError> {
        let query = render_pairs(&self.query, scope)?;
        let headers = render_pairs(&self.headers, scope)?;
        Ok(Call::Http(HttpCall {
            method: self.method.to_owned(),
            url: with_query(self.url.render(scope)?, query),
            connection: self.connection.clone(),
            tls: self.tls.clone(),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name, one_line(value)))
                .collect(),
            body: self
                .body
                .as_ref()
                .map(|body| render_body(body, scope))
                .transpose()?,
            auth: self
                .auth
                .as_ref()
                .map(|auth| render_auth(auth, scope))
                .transpose()?,
            timeout: settings.timeout,
            redirects: self.redirects,
            expect: self.expect.clone(),
            keep: settings.keep,
        }))
    }
}

impl RenderedCall for HttpCall {
    fn kind(&self) -> &'static str {
        match self.is_to_outbox() {
            true => "outbox",
            false => "http",
        }
    }

    fn to_json(&self) -> Value {
        let mut value = json!({
            "method": self.method,
            "url": self.url.to_string(),
            "query": query(&self.url.to_string()),
            "headers": json_of(&self.headers),
        });
        match &self.body {
            Some(RequestBody::Json(tree)) => value["json"] = tree.redacted(),
            Some(RequestBody::Form(fields)) => value["form"] = json_of(fields),
            Some(RequestBody::Raw(text)) => value["body"] = text.to_string().into(),
            None => {}
        }
        if let Some(auth) = &self.auth {
            value["auth"] = auth.to_string().into();
        }
        if let Some(tls) = &self.tls {
            value["tls"] = tls.to_string().into();
        }
        value
    }

    fn result_of(&self, reply: Value) -> CallResult {
        let status = status_of(&reply, 200);
        if !self.expect.accepts(status) {
            return Err(CallFailure {
                retryable: is_transient(status),
                status: Some(status),
                ..CallFailure::permanent(format!("{} {} answered {status}", self.method, self.url))
            });
        }
        let empty = json!({"status": status, "headers": {}, "body": null});
        Ok(self.keep.reply(empty, &with_names_in_lower_case(reply)))
    }
}

/// A mocked reply with the names of its headers as those of a received one.
fn with_names_in_lower_case(mut reply: Value) -> Value {
    if let Some(Value::Object(headers)) = reply.get_mut("headers") {
        let named = std::mem::take(headers).into_iter();
        *headers = named
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
    }
    reply
}

impl HttpCall {
    fn is_to_outbox(&self) -> bool {
        self.url.to_string().starts_with("outbox:")
    }
}

impl BodyTemplate {
    fn secrets(&self) -> Vec<&str> {
        match self {
            BodyTemplate::Json(tree) => tree.secrets(),
            BodyTemplate::Form(fields) => fields
                .iter()
                .flat_map(|(_, value)| value.secrets())
                .collect(),
            BodyTemplate::Raw(text) => text.secrets().collect(),
        }
    }
}

impl AuthTemplate {
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            AuthTemplate::Bearer(token) => token.secrets().collect(),
            AuthTemplate::Basic { username, password } => {
                username.secrets().chain(password.secrets()).collect()
            }
            AuthTemplate::Header { value, .. } => value.secrets().collect(),
        }
    }
}

/// The header with the credentials, secrets redacted.
impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Bearer(token) => write!(f, "Authorization: Bearer {token}"),
            Auth::Basic { username, password } => {
                write!(f, "Authorization: Basic {username}:{password}, in base64")
            }
            Auth::Header { name, value } => write!(f, "{name}: {value}"),
        }
    }
}

/// The parameters of an address, decoded.
fn query(url: &str) -> Value {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    Value::Object(pairs.collect())
}

/// Appends query parameters to a URL and removes its fragment, which is never sent.
fn with_query(url: RenderedText, query: Vec<(String, RenderedText)>) -> RenderedText {
    let mut url = without_fragment(url);
    let mut separator = match url.to_string().contains('?') {
        true => "&",
        false => "?",
    };
    for (name, value) in query {
        let name = utf8_percent_encode(&name, RESERVED);
        url.0.push(TextPart::Text(format!("{separator}{name}=")));
        url.0.extend(value.0.into_iter().map(percent_encoded));
        separator = "&";
    }
    merged(url)
}

fn without_fragment(mut url: RenderedText) -> RenderedText {
    let found = url
        .0
        .iter()
        .enumerate()
        .find_map(|(index, piece)| match piece {
            TextPart::Text(text) => Some((index, text.find('#')?)),
            TextPart::Secret { .. } => None,
        });
    if let Some((index, at)) = found {
        url.0.truncate(index + 1);
        if let TextPart::Text(text) = &mut url.0[index] {
            text.truncate(at);
        }
    }
    url
}

fn percent_encoded(piece: TextPart) -> TextPart {
    match piece {
        TextPart::Text(text) => TextPart::Text(utf8_percent_encode(&text, RESERVED).to_string()),
        TextPart::Secret { name, encoding } => TextPart::Secret {
            name,
            encoding: match encoding {
                SecretEncoding::Plain | SecretEncoding::Path | SecretEncoding::Percent => {
                    SecretEncoding::Percent
                }
                SecretEncoding::Base64 => SecretEncoding::Base64,
            },
        },
    }
}

/// Joins adjacent parts of plain text.
fn merged(text: RenderedText) -> RenderedText {
    let mut pieces: Vec<TextPart> = Vec::with_capacity(text.0.len());
    for piece in text.0 {
        match (pieces.last_mut(), piece) {
            (Some(TextPart::Text(before)), TextPart::Text(after)) => before.push_str(&after),
            (_, piece) => pieces.push(piece),
        }
    }
    RenderedText(pieces)
}

/// Replaces control characters with spaces, because a header value is one line.
fn one_line(mut text: RenderedText) -> RenderedText {
    for piece in &mut text.0 {
        if let TextPart::Text(plain) = piece {
            *plain = plain.replace(|c: char| c.is_control() && c != '\t', " ");
        }
    }
    text
}

fn render_body(body: &BodyTemplate, scope: &Scope<'_>) -> Result<RequestBody, RenderError> {
    Ok(match body {
        BodyTemplate::Json(tree) => RequestBody::Json(tree.render(scope)?),
        BodyTemplate::Form(fields) => RequestBody::Form(render_pairs(fields, scope)?),
        BodyTemplate::Raw(text) => RequestBody::Raw(text.render(scope)?),
    })
}

fn render_auth(auth: &AuthTemplate, scope: &Scope<'_>) -> Result<Auth, RenderError> {
    Ok(match auth {
        AuthTemplate::Bearer(token) => Auth::Bearer(token.render(scope)?),
        AuthTemplate::Basic { username, password } => Auth::Basic {
            username: username.render(scope)?,
            password: password.render(scope)?,
        },
        AuthTemplate::Header { name, value } => Auth::Header {
            name: name.clone(),
            value: one_line(value.render(scope)?),
        },
    })
}
