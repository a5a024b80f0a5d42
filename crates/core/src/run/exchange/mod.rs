//! The exchange of an attempt: what was sent and what came back. Its texts are limited in size, secrets are names,
//! and the values of redacted fields are replaced.

mod body;
mod text;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::{Attempt, RunId};

pub use body::{BodyContent, CapturedBody, TextBudget};
pub use text::{ExchangePart, ExchangeText, SecretForm};

/// What an attempt sent and received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    Http(Box<HttpExchange>),
    Command(Box<CommandExchange>),
}

/// A request, and its response if one arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpExchange {
    pub method: String,
    pub url: ExchangeText,
    pub headers: Vec<ExchangeHeader>,
    pub body: Option<CapturedBody>,
    /// The response to the last request.
    pub response: Option<HttpAnswer>,
    /// The redirects that were followed, in order.
    pub redirects: Vec<FollowedRedirect>,
    /// The address and port of the last connection, as far as it is known.
    pub address: Option<String>,
    /// How far the last request came towards a connection.
    #[serde(default)]
    pub connection: ConnectionUse,
    pub timing: ExchangeTiming,
    /// What makes the stored request differ from the one that was sent.
    pub changes: RequestChanges,
}

/// The connection of a request. Only `None` means that nothing was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionUse {
    /// None was made.
    None,
    /// A new one was opened.
    Opened,
    /// One was open already.
    Reused,
    /// A new one was not complete; one that was open already may have been used.
    Opening,
    /// Not recorded, by an earlier version.
    #[default]
    Unknown,
}

impl ConnectionUse {
    pub fn name(self) -> &'static str {
        match self {
            ConnectionUse::None => "none",
            ConnectionUse::Opened => "opened",
            ConnectionUse::Reused => "reused",
            ConnectionUse::Opening => "opening",
            ConnectionUse::Unknown => "unknown",
        }
    }
}

/// A header, in the order in which it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeHeader {
    pub name: String,
    pub value: ExchangeText,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAnswer {
    pub status: u16,
    pub headers: Vec<ExchangeHeader>,
    /// Headers were left out because of the size limit.
    pub headers_cut: bool,
    /// `None` if the body did not arrive.
    pub body: Option<CapturedBody>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedRedirect {
    pub status: u16,
    /// The address that it led to.
    pub url: String,
}

/// How a stored request differs from the one that was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestChanges {
    /// The end of a text is missing because of the size limit.
    pub cut: bool,
    /// Values of redacted fields, or of secrets that came with the event, are replaced.
    pub redacted: bool,
}

/// Durations of one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeTiming {
    /// From when the step could start to its start: the wait for a place at its host.
    #[serde(with = "micros")]
    pub queued: Duration,
    /// To open the connection, with name resolution and TLS. `None` if an open connection was used.
    #[serde(with = "optional_micros")]
    pub connect: Option<Duration>,
    /// From the start to the first byte of the response. `None` if none arrived.
    #[serde(with = "optional_micros")]
    pub first_byte: Option<Duration>,
    /// From the start to the end.
    #[serde(with = "micros")]
    pub total: Duration,
}

/// A command with its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandExchange {
    pub argv: Vec<ExchangeText>,
    pub cwd: String,
    /// The names of the variables that the step and the event set.
    pub environment: Vec<String>,
    pub stdin: StdinDigest,
    /// `None` if it was not started, or was stopped with its run.
    pub end: Option<CommandEnd>,
    pub stdout: Option<CapturedBody>,
    /// Its end, if it was cut.
    pub stderr: Option<CapturedBody>,
    pub timing: ExchangeTiming,
    pub changes: RequestChanges,
}

/// The standard input of a command, of which only this is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StdinDigest {
    pub size: u64,
    /// SHA-256 in hexadecimal, of the text with secrets and redacted fields replaced, so that it reveals neither.
    pub sha256: String,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandEnd {
    Status(i32),
    Signal(i32),
    /// Stopped because its time was over.
    TimedOut,
}

/// An exchange with the attempt that it belongs to. Attempts count from 1 again after `runs retry`, so the time of
/// the start is part of the identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedExchange {
    pub run: RunId,
    /// The step's path in the flow.
    pub step: String,
    pub attempt: u32,
    pub started: Timestamp,
    /// The request, for lists. `None` for commands.
    pub target: Option<SentTo>,
    /// How the attempt ended; `None` if it was stopped with its run.
    pub end: Option<AttemptEnd>,
    /// `None` if only the target is kept.
    pub exchange: Option<Exchange>,
}

/// How an attempt ended, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptEnd {
    pub took: Duration,
    pub succeeded: bool,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
}

impl AttemptEnd {
    pub fn of(attempt: &Attempt) -> Self {
        let (succeeded, status) = match &attempt.outcome {
            Ok(reply) => {
                let status = reply.value.get("status").and_then(|status| status.as_u64());
                (true, status.and_then(|status| status.try_into().ok()))
            }
            Err(failure) => (false, failure.status),
        };
        Self {
            took: attempt.took,
            succeeded,
            status,
        }
    }
}

/// The method and the address of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTo {
    pub method: String,
    pub url: String,
}

impl SentTo {
    /// Scheme, host and port of the address, such as `https://pager.example`; `None` if it is none, or a file of the
    /// outbox.
    pub fn origin(&self) -> Option<String> {
        let origin = url::Url::parse(&self.url).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    }
}

impl Exchange {
    /// The method and the address of a request; `None` for a command.
    pub fn target(&self) -> Option<SentTo> {
        match self {
            Exchange::Http(http) => Some(SentTo {
                method: http.method.clone(),
                url: http.url.to_string(),
            }),
            Exchange::Command(_) => None,
        }
    }

    pub fn timing_mut(&mut self) -> &mut ExchangeTiming {
        match self {
            Exchange::Http(http) => &mut http.timing,
            Exchange::Command(command) => &mut command.timing,
        }
    }

    pub fn timing(&self) -> ExchangeTiming {
        match self {
            Exchange::Http(http) => http.timing,
            Exchange::Command(command) => command.timing,
        }
    }

    pub fn changes(&self) -> RequestChanges {
        match self {
            Exchange::Http(http) => http.changes,
            Exchange::Command(command) => command.changes,
        }
    }
}

mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(super::in_micros(*time))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_micros(u64::deserialize(from)?))
    }
}

mod optional_micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(super::in_micros).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_micros))
    }
}

fn in_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_read_back_as_written() {
        let text = |text: &str| ExchangeText::plain(text);
        let http = HttpExchange {
            method: "POST".into(),
            url: text("https://a.example/x"),
            headers: vec![ExchangeHeader {
                name: "authorization".into(),
                value: ExchangeText(vec![
                    ExchangePart::Text("Bearer ".into()),
                    ExchangePart::Secret {
                        secret: "TOKEN".into(),
                        forms: vec![SecretForm::Json],
                    },
                    ExchangePart::Base64 {
                        base64: vec![ExchangePart::Text("a:".into())],
                    },
                ]),
            }],
            body: Some(CapturedBody {
                content: BodyContent::Text(text("{}")),
                size: 2,
                cut: false,
            }),
            response: Some(HttpAnswer {
                status: 503,
                headers: vec![],
                headers_cut: false,
                body: Some(CapturedBody {
                    content: BodyContent::Base64("/w==".into()),
                    size: 70_000,
                    cut: true,
                }),
            }),
            redirects: vec![FollowedRedirect {
                status: 307,
                url: "https://b.example/".into(),
            }],
            address: Some("127.0.0.1:80".into()),
            connection: ConnectionUse::Reused,
            timing: ExchangeTiming {
                queued: Duration::from_micros(1),
                connect: None,
                first_byte: Some(Duration::from_micros(3)),
                total: Duration::from_secs(4),
            },
            changes: RequestChanges {
                cut: true,
                redacted: false,
            },
        };
        let command = CommandExchange {
            argv: vec![text("sh")],
            cwd: "/".into(),
            environment: vec!["A".into()],
            stdin: StdinDigest {
                size: 0,
                sha256: "00".into(),
            },
            end: Some(CommandEnd::Signal(9)),
            stdout: None,
            stderr: None,
            timing: ExchangeTiming::default(),
            changes: RequestChanges::default(),
        };
        for exchange in [
            Exchange::Http(Box::new(http)),
            Exchange::Command(Box::new(command)),
        ] {
            let written = serde_json::to_string(&exchange).unwrap();
            let read: Exchange = serde_json::from_str(&written).unwrap();
            assert_eq!(read, exchange, "{written}");
        }
    }
}
