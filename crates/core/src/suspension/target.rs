//! What can be suspended: a rule, a connection, a host that requests go to without a connection, or everything.

use std::fmt;
use std::str::FromStr;

/// What can be suspended. The database has its text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SuspensionTarget {
    Everything,
    Rule(String),
    Connection(String),
    /// Host and port, for requests without a connection.
    Host(String),
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nothing that can be suspended; write `everything`, `rule NAME`, `connection NAME` or `host NAME:PORT`"
)]
pub struct UnknownTarget(pub String);

impl SuspensionTarget {
    /// `everything`, `rule`, `connection` or `host`.
    pub fn kind(&self) -> &'static str {
        match self {
            SuspensionTarget::Everything => "everything",
            SuspensionTarget::Rule(_) => "rule",
            SuspensionTarget::Connection(_) => "connection",
            SuspensionTarget::Host(_) => "host",
        }
    }

    /// The name of the rule, the connection or the host; empty for everything.
    pub fn name(&self) -> &str {
        match self {
            SuspensionTarget::Everything => "",
            SuspensionTarget::Rule(name)
            | SuspensionTarget::Connection(name)
            | SuspensionTarget::Host(name) => name,
        }
    }

    /// The text of the database: `connection chat`.
    pub fn key(&self) -> String {
        match self {
            SuspensionTarget::Everything => self.kind().to_owned(),
            named => format!("{} {}", named.kind(), named.name()),
        }
    }

    /// Whether it is a receiver of requests, which has a circuit breaker.
    pub fn is_receiver(&self) -> bool {
        match self {
            SuspensionTarget::Connection(_) | SuspensionTarget::Host(_) => true,
            SuspensionTarget::Everything | SuspensionTarget::Rule(_) => false,
        }
    }
}

/// As people read it: "connection `chat`".
impl fmt::Display for SuspensionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SuspensionTarget::Everything => f.write_str("everything"),
            named => write!(f, "{} `{}`", named.kind(), named.name()),
        }
    }
}

impl FromStr for SuspensionTarget {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownTarget(text.to_owned());
        if text == "everything" {
            return Ok(SuspensionTarget::Everything);
        }
        let (kind, name) = text.split_once(' ').ok_or_else(unknown)?;
        let name = Some(name.trim())
            .filter(|name| !name.is_empty())
            .ok_or_else(unknown)?
            .to_owned();
        match kind {
            "rule" => Ok(SuspensionTarget::Rule(name)),
            "connection" => Ok(SuspensionTarget::Connection(name)),
            "host" => Ok(SuspensionTarget::Host(name)),
            _ => Err(unknown()),
        }
    }
}
