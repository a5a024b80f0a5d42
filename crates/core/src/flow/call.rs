//! Calls of steps, rendered and ready to be executed, and their results. Secrets are still names: only
//! `action` inserts their values.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::flow::confinement::Confinement;
use crate::language::rendered_text::{RenderedJson, RenderedText};
use crate::run::call_result::{CallFailure, CallResult, Reply};

/// A call to something outside of the flow, with the properties that every call has. `action` performs it.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Http(HttpCall),
    Exec(ExecCall),
    Jq(JqCall),
    Config(SettingsCall),
}

impl Call {
    /// What metrics call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Call::Http(call) if call.is_to_outbox() => "outbox",
            Call::Http(_) => "http",
            Call::Exec(_) => "exec",
            Call::Jq(_) => "jq",
            Call::Config(_) => "config",
        }
    }

    /// What it sends, with secrets redacted: what rule tests compare with.
    pub fn to_json(&self) -> Value {
        match self {
            Call::Http(call) => call.to_json(),
            Call::Exec(call) => call.to_json(),
            Call::Jq(call) => json!({"program": call.program, "input": call.input}),
            Call::Config(call) => {
                json!({"integration": call.integration, "scope": call.scope, "patch": call.patch})
            }
        }
    }

    /// Its result where it gets this reply.
    pub fn result_of(&self, reply: Value) -> CallResult {
        match self {
            Call::Http(call) => call.result_of(&reply),
            Call::Exec(call) => call.result_of(&reply),
            // What these give is a value, not a reply.
            Call::Jq(_) | Call::Config(_) => Ok(Reply {
                value: reply.get("body").cloned().unwrap_or(reply),
            }),
        }
    }
}

/// A jq program with its input. It has no other input, and limits of time and memory.
#[derive(Debug, Clone, PartialEq)]
pub struct JqCall {
    pub program: String,
    pub input: Value,
}

/// Reads or changes the integration settings of a bundle in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsCall {
    pub integration: String,
    pub scope: String,
    /// The keys to set. `None` only reads.
    pub patch: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    pub method: String,
    /// An absolute URL, including the base URL of a connection. `outbox:NAME/…` writes the request to a
    /// local file instead of sending it.
    pub url: RenderedText,
    pub connection: Option<String>,
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

/// The part of a result that later steps can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeepOutput {
    #[default]
    Body,
    Status,
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExecCall {
    /// The program and its arguments. Never interpreted by a shell: a `shell:` step is
    /// `["/bin/sh", "-c", SCRIPT]` with the literal script.
    pub argv: Vec<RenderedText>,
    pub stdin: RenderedText,
    /// The working directory. Relative programs are resolved against it.
    pub cwd: String,
    pub env: Vec<(String, RenderedText)>,
    /// The limits of the command.
    pub confine: Option<Box<Confinement>>,
    pub timeout: Duration,
    pub keep: KeepOutput,
}

/// Whether a refused request may be accepted later.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}

impl HttpCall {
    fn is_to_outbox(&self) -> bool {
        self.url.to_string().starts_with("outbox:")
    }

    fn to_json(&self) -> Value {
        let mut value = json!({
            "method": self.method,
            "url": self.url.to_string(),
            "query": query(&self.url.to_string()),
            "headers": pairs(&self.headers),
        });
        match &self.body {
            Some(RequestBody::Json(tree)) => value["json"] = tree.redacted(),
            Some(RequestBody::Form(fields)) => value["form"] = pairs(fields),
            Some(RequestBody::Raw(text)) => value["body"] = text.to_string().into(),
            None => {}
        }
        if let Some(auth) = &self.auth {
            value["auth"] = auth.to_string().into();
        }
        value
    }

    fn result_of(&self, reply: &Value) -> CallResult {
        let status = status(reply, 200);
        if !self.expect.accepts(status) {
            return Err(CallFailure {
                retryable: is_transient(status),
                status: Some(status),
                ..CallFailure::permanent(format!("{} {} answered {status}", self.method, self.url))
            });
        }
        let empty = json!({"status": status, "headers": {}, "body": null});
        Ok(self.keep.reply(empty, reply))
    }
}

impl ExecCall {
    fn to_json(&self) -> Value {
        json!({
            "argv": self.argv.iter().map(RenderedText::to_string).collect::<Vec<_>>(),
            "stdin": self.stdin.to_string(),
            "cwd": self.cwd,
            "env": pairs(&self.env),
        })
    }

    fn result_of(&self, reply: &Value) -> CallResult {
        let status = status(reply, 0);
        if status != 0 {
            return Err(CallFailure {
                status: Some(status),
                ..CallFailure::transient(format!("the command ended with {status}"))
            });
        }
        let empty = json!({"status": 0, "stdout": "", "stderr": ""});
        Ok(self.keep.reply(empty, reply))
    }
}

impl KeepOutput {
    /// What is kept of a reply laid over an empty one.
    fn reply(self, mut value: Value, reply: &Value) -> Reply {
        for (key, part) in reply.as_object().into_iter().flatten() {
            value[key] = part.clone();
        }
        let value = match self {
            KeepOutput::Body => value,
            KeepOutput::Status => json!({"status": value["status"]}),
            KeepOutput::None => json!({}),
        };
        Reply { value }
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

/// The status of a reply, or the usual one.
fn status(reply: &Value, usual: u16) -> u16 {
    let status = reply.get("status").and_then(Value::as_u64);
    status
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(usual)
}

/// The parameters of an address, decoded.
fn query(url: &str) -> Value {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    Value::Object(pairs.collect())
}

fn pairs(pairs: &[(String, RenderedText)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, text)| (name.clone(), Value::String(text.to_string())));
    Value::Object(pairs.collect())
}
