//! A rendered step, ready to be performed. Secrets are still names in it.

use std::time::Duration;

use serde_json::Value;

use crate::core::flow::confinement::Confinement;
use crate::core::rule::rendered_text::{Text, Tree};

/// One thing to do outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Http(HttpCall),
    Exec(ExecCall),
    Jq(JqCall),
    Config(ConfigCall),
}

/// A jq program over a value. It reaches nothing else, and is bounded in time and memory.
#[derive(Debug, Clone, PartialEq)]
pub struct JqCall {
    pub program: String,
    pub input: Value,
}

/// A look at a bundle's settings in the store, or a change to them.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigCall {
    pub integration: String,
    pub scope: String,
    /// What is laid over the settings, key by key.
    pub patch: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    pub method: String,
    /// Absolute: a connection's base URL is already in front. `outbox:NAME/…` writes the request to
    /// a file on this machine instead of sending it.
    pub url: Text,
    pub connection: Option<String>,
    pub headers: Vec<(String, Text)>,
    pub body: Option<Body>,
    pub auth: Option<Auth>,
    pub timeout: Duration,
    /// How many redirects are followed.
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

/// Which statuses count as success; none listed means every 2xx.
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

/// What of a result is kept for later steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Keep {
    #[default]
    Body,
    Status,
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExecCall {
    /// The program and its arguments. Never passed through a shell; a `shell:` step is
    /// `["/bin/sh", "-c", SCRIPT]` with the script as its author wrote it.
    pub argv: Vec<Text>,
    pub stdin: Text,
    /// The folder that relative programs and the working directory are resolved against.
    pub cwd: String,
    pub env: Vec<(String, Text)>,
    /// What it may use up and touch.
    pub confine: Option<Box<Confinement>>,
    pub timeout: Duration,
    pub keep: Keep,
}

/// Whether a refused request may be accepted later.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}
