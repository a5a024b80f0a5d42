//! Receives events over HTTP and commands over a Unix socket, and answers both.
//! Does not depend on rules or runs: the engine implements [`Ingest`] and [`admin::AdminApi`].

pub mod admin;
pub mod handshake;
pub mod http;
pub mod log_budget;
mod query_value;
mod question;
mod rejected;
pub mod signature;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use flowtrigger_core::config::sender_method::SenderMethod;
use flowtrigger_core::config::value_location::RequestNeeds;
use flowtrigger_core::event::trace_context::TraceParent;
use flowtrigger_core::run::answer_link::AskedStep;
use handshake::HandshakeAnswerer;
pub use question::{AnswerResult, AnsweringClient, AskedQuestion, QuestionState, SentAnswer};
pub use rejected::{REASONS, RejectedRequest};
use signature::Verifier;

/// Accepts events. Implemented by the engine.
pub trait Ingest: Send + Sync + 'static {
    /// The endpoint at a path, if there is one.
    fn endpoint(&self, path: &str) -> Option<Arc<Endpoint>>;

    /// The configured path that a path without an endpoint probably means. For the log, never for the sender.
    fn nearest_path(&self, _path: &str) -> Option<String> {
        None
    }

    /// Counts a request that was not accepted, and keeps what is known about it.
    fn record_rejection(&self, request: RejectedRequest);

    /// Whether events are accepted now; otherwise the reason why not.
    fn ready(&self) -> Result<(), String>;

    /// What people should know although it keeps no event from being accepted.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Accepts one event or an array of events. All events are accepted, or none.
    fn receive(
        &self,
        delivery: EventDelivery<'_>,
    ) -> impl Future<Output = Result<IngestResponse, IngestError>> + Send;

    /// The step that a link asks about. `None` unless this program has signed the link; nothing stored is read.
    fn asked(&self, _token: &str) -> Option<AskedStep> {
        None
    }

    /// The question of a link; `None` if its run is not stored any more.
    fn question(
        &self,
        asked: &AskedStep,
    ) -> impl Future<Output = Result<Option<AskedQuestion>, IngestError>> + Send;

    /// Takes an answer, once; `None` if the run is not stored any more.
    fn answer(
        &self,
        answer: SentAnswer,
    ) -> impl Future<Output = Result<Option<AnswerResult>, IngestError>> + Send;

    /// The metrics as OpenMetrics text; otherwise the reason why they are not available.
    fn metrics(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// The HTTP side of one source.
#[derive(Clone)]
pub struct Endpoint {
    pub source: Arc<str>,
    /// `None` accepts requests from any sender.
    pub verifier: Option<Arc<Verifier>>,
    /// The header that identifies an event, if the source has one.
    pub id_header: Option<Arc<str>>,
    /// What it reads of requests beside their bodies.
    pub needs: Arc<RequestNeeds>,
    /// The methods that its senders use.
    pub methods: Vec<SenderMethod>,
    /// How it answers the check of its address, if it does.
    pub handshake: Option<Arc<HandshakeAnswerer>>,
}

impl Endpoint {
    /// The methods that it accepts, as the header `Allow` lists them.
    pub fn allowed(&self) -> &'static str {
        let has = |method| self.methods.contains(&method);
        match (
            has(SenderMethod::Post),
            has(SenderMethod::Put),
            has(SenderMethod::Patch),
        ) {
            (true, true, true) => "POST, PUT, PATCH",
            (true, true, false) => "POST, PUT",
            (true, false, true) => "POST, PATCH",
            (true, false, false) => "POST",
            (false, true, true) => "PUT, PATCH",
            (false, true, false) => "PUT",
            (false, false, true) => "PATCH",
            (false, false, false) => "",
        }
    }

    /// The method of a request, if it accepts it.
    pub fn accepted_method(&self, method: &str) -> Option<SenderMethod> {
        let mut methods = self.methods.iter().copied();
        methods.find(|known| known.as_str() == method)
    }
}

/// A verified request to a source.
#[derive(Debug, Clone, Copy)]
pub struct EventDelivery<'a> {
    /// The entry under `sources`.
    pub endpoint: &'a Arc<str>,
    pub method: SenderMethod,
    /// The path without the query, shortened.
    pub path: &'a str,
    /// The sender's address, if it is known.
    pub peer: Option<IpAddr>,
    /// The value of the header that identifies the event, if it occurs once and is text.
    pub id: Option<&'a str>,
    /// The trace that the request belongs to.
    pub trace: Option<TraceParent>,
    /// What the source reads of the request beside its body; `None` if it reads nothing.
    pub values: Option<&'a Map<String, Value>>,
    pub body: &'a [u8],
}

/// The result for one event, or for each element of an array.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum IngestResponse {
    One(AcceptedEvent),
    Many(Vec<AcceptedEvent>),
}

/// The result for one accepted event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AcceptedEvent {
    pub accepted: bool,
    /// The event id.
    pub event: String,
    pub runs: Vec<AcceptedRun>,
    /// Runs that waited for the event, and that it continues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub continued: Vec<AcceptedRun>,
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

/// Why no event of a request was accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum IngestError {
    /// The paths of other sources are not told: a path can be a secret.
    UnknownSource,
    /// The body is not JSON, or not an event.
    InvalidBody(Box<InvalidBody>),
    /// The header that identifies the events of the source is absent, repeated or not a short text.
    InvalidId(Box<InvalidBody>),
    /// Too many runs are unfinished.
    Busy { reason: String },
    /// A later attempt can succeed.
    Unavailable { reason: String },
}

impl IngestError {
    /// The value of the metric label `reason`.
    pub fn code(&self) -> &'static str {
        match self {
            IngestError::UnknownSource => "unknown_source",
            IngestError::InvalidBody(_) => "unsound",
            IngestError::InvalidId(_) => "id_header",
            IngestError::Busy { .. } => "busy",
            IngestError::Unavailable { .. } => "unavailable",
        }
    }
}

/// What is wrong with a body, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InvalidBody {
    pub error: String,
    /// What is wrong, without any part of the body. Kept and logged, because the sender has the rest.
    #[serde(skip)]
    pub summary: Option<&'static str>,
    /// Why the body is no event, without any part of the body. Kept and logged.
    #[serde(skip)]
    pub finding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The position in the array, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The path within the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl InvalidBody {
    /// Adds that the body was read as a form.
    #[must_use]
    pub fn of_form(mut self: Box<Self>) -> Box<Self> {
        let form = "the body was read as a form, as its `Content-Type` says; JSON needs `application/json`";
        self.help = Some(match self.help.take() {
            Some(help) => format!("{help}; {form}"),
            None => form.to_owned(),
        });
        self
    }
}
