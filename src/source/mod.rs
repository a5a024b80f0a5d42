//! Where events come in, and the words in which they are answered.
//! It knows nothing of rules and runs: whoever takes events implements [`Ingest`].

pub mod admin;
pub mod http;
pub mod signature;

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use signature::Verifier;

/// Takes events. The engine implements it.
pub trait Ingest: Send + Sync + 'static {
    /// What stands at a path, where events come in there.
    fn endpoint(&self, path: &str) -> Option<Endpoint>;

    /// The paths at which events come in.
    fn paths(&self) -> Vec<String>;

    /// Counts a request whose sender was not let in.
    fn refused(&self, source: &str, reason: &'static str);

    /// Whether events are taken now; otherwise why not.
    fn ready(&self) -> Result<(), String>;

    /// Takes the bytes of one event, or of an array of them: all or none.
    fn receive(
        &self,
        source: &str,
        body: &[u8],
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send;

    /// What is counted and timed, as OpenMetrics text; otherwise why it cannot be told.
    fn metrics(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// Where the events of one source come in.
#[derive(Clone)]
pub struct Endpoint {
    pub source: Arc<str>,
    /// None takes whoever comes.
    pub verifier: Option<Arc<Verifier>>,
}

/// One answer, or one for each element of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    One(AcceptedEvent),
    Many(Vec<AcceptedEvent>),
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AcceptedEvent {
    pub accepted: bool,
    /// The event's id.
    pub event: String,
    pub runs: Vec<AcceptedRun>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub redelivered: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AcceptedRun {
    pub id: u64,
    pub rule: String,
    pub state: &'static str,
}

/// Why nothing was accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    UnknownSource {
        /// The paths that lead somewhere; empty for those who need not know.
        known: Vec<String>,
    },
    /// Not JSON, or not an event.
    Unsound(Unsound),
    /// Too much is unfinished already.
    Busy { reason: String },
    /// Trying again later will help.
    Unavailable { reason: String },
}

impl Refusal {
    /// Why, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Refusal::UnknownSource { .. } => "unknown_source",
            Refusal::Unsound(_) => "unsound",
            Refusal::Busy { .. } => "busy",
            Refusal::Unavailable { .. } => "unavailable",
        }
    }
}

/// What is wrong with the bytes, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Unsound {
    pub error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Of the array's elements, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Where in the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Answer {
    pub fn to_json(&self) -> Value {
        let json = match self {
            Answer::One(accepted) => serde_json::to_value(accepted),
            Answer::Many(accepted) => serde_json::to_value(accepted),
        };
        json.unwrap_or_default()
    }
}
