//! Calls of steps, rendered and ready to be executed, and their results. Secrets are still names: only
//! `action` inserts their values.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::core::flow::confinement::Confinement;

/// Text in pieces. `Display` is the redacted form: `Bearer [secret API_TOKEN]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Secret { name: String, encoding: Encoding },
}

/// How a secret's value is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Plain,
    Percent,
    Base64,
}

/// Where a secret's value is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// An environment variable.
    Env(String),
    /// A file that holds the value, or a folder that holds a file named like the secret.
    File(PathBuf),
}

impl SecretPlace {
    /// Where a secret is looked for when the configuration does not say.
    pub fn default_for(name: &str) -> Self {
        Self::Env(format!("FLOWTRIGGER_SECRET_{name}"))
    }
}

impl Text {
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Secret { name, .. } => Some(name.as_str()),
        })
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Secret { name, .. } => write!(f, "[secret {name}]")?,
            }
        }
        Ok(())
    }
}

/// A JSON tree whose texts may hold secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// A leaf that holds no secret.
    Value(Value),
    Text(Text),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// The tree as JSON, with secrets redacted.
    pub fn redacted(&self) -> Value {
        match self {
            Tree::Value(value) => value.clone(),
            Tree::Text(text) => Value::String(text.to_string()),
            Tree::List(items) => items.iter().map(Tree::redacted).collect(),
            Tree::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.redacted()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// A call to a system outside of the flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Http(HttpCall),
    Exec(ExecCall),
    Jq(JqCall),
    Config(ConfigCall),
}

/// A jq program with its input. It has no other input, and limits of time and memory.
#[derive(Debug, Clone, PartialEq)]
pub struct JqCall {
    pub program: String,
    pub input: Value,
}

/// Reads or changes the integration settings of a bundle in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigCall {
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
    pub url: Text,
    pub connection: Option<String>,
    pub headers: Vec<(String, Text)>,
    pub body: Option<Body>,
    pub auth: Option<Auth>,
    pub timeout: Duration,
    /// The maximum number of redirects.
    pub redirects: u8,
    pub expect: Expect,
    pub keep: Keep,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Json(Tree),
    Form(Vec<(String, Text)>),
    Raw(Text),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    Bearer(Text),
    Basic { username: Text, password: Text },
    Header { name: String, value: Text },
}

/// The statuses that count as success. Empty means every 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expect(pub Vec<std::ops::RangeInclusive<u16>>);

impl Expect {
    pub fn accepts(&self, status: u16) -> bool {
        if self.0.is_empty() {
            return (200..300).contains(&status);
        }
        self.0.iter().any(|range| range.contains(&status))
    }
}

/// The part of a result that later steps can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Keep {
    #[default]
    Body,
    Status,
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExecCall {
    /// The program and its arguments. Never interpreted by a shell: a `shell:` step is
    /// `["/bin/sh", "-c", SCRIPT]` with the literal script.
    pub argv: Vec<Text>,
    pub stdin: Text,
    /// The working directory. Relative programs are resolved against it.
    pub cwd: String,
    pub env: Vec<(String, Text)>,
    /// The limits of the command.
    pub confine: Option<Box<Confinement>>,
    pub timeout: Duration,
    pub keep: Keep,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Performed {
    Succeeded(Reply),
    Failed(Failure),
}

/// The reply of a call: `steps.NAME.…` for later steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// `{status, headers, body}` for HTTP (header names in lower case), `{status, stdout, stderr}` for
    /// commands, reduced to what the step keeps; the result of a jq program; the settings.
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// A lower-case message that continues "failed to …", names its subject and says what to do.
    pub message: String,
    /// Whether another attempt may succeed: connection errors, timeouts, 408, 409, 425, 429, 5xx.
    pub retryable: bool,
    /// The delay from `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The HTTP status that was not expected, or the exit status of the command.
    pub status: Option<u16>,
}

impl Failure {
    /// A failure that another attempt cannot fix.
    pub fn lasting(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: false,
            retry_after: None,
            status: None,
        }
    }

    /// A failure that another attempt may not have.
    pub fn passing(message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::lasting(message)
        }
    }
}

/// Whether a request with this status may succeed later.
pub fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}
