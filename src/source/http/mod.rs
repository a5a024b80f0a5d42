//! Receives events over HTTP: the routes and the server.
//! Rejects oversized, slow, unverified and non-JSON requests before a body reaches the engine.

mod answers;
mod authenticate;
mod body;
mod body_form;
mod connection;
mod fault_log;
mod handshake_log;
mod health;
mod limits;
mod listen;
mod listener_tls;
mod metrics_listener;
mod peer;
mod per_address;
mod rejection_log;
mod request_values;
mod requests;
pub(super) mod response;
mod server;
mod transport;
mod unread_body;
mod web_page;

use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::rejected::{MAX_PATH_CHARS, shortened};
use super::signature::{Rejection, RequestParts};
use super::{Endpoint, EventDelivery, Ingest, IngestError, IngestResponse, RejectedRequest};
use answers::AnswerForm;
use authenticate::SenderCheck;
use body::{BodyLimiter, LimitedBody};
use fault_log::{ConnectionFault, FaultLog};
use flowtrigger_core::config::sender_method::SenderMethod;
use flowtrigger_core::event::trace_context::{TRACEPARENT, TraceParent};
use handshake_log::HandshakeLog;
use health::{check_metrics, healthz, metrics, readyz};
use rejection_log::RejectionLog;
use requests::RequestSummary;
use response::HttpError;
use unread_body::BodyEnd;

pub use body_form::{BodyForm, FormFault};
pub use web_page::WebPageSign;

pub use connection::BoundListener;
pub use limits::HttpLimits;
pub use listen::{
    ListenError, ListenOption, adopt, adopt_page, is_public, listen, listen_metrics, listen_page,
};
pub use listener_tls::ListenerTls;
pub use metrics_listener::{MetricsAccess, serve_metrics};
pub use peer::Peer;
pub use server::serve_router;
pub use transport::Transport;

/// Serves until `stop` completes, then waits for the requests in progress.
pub async fn serve<I: Ingest>(
    listener: impl Into<BoundListener>,
    ingest: Arc<I>,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let state = Arc::new(AppState::new(ingest, limits.clone()));
    let routes = routes(Arc::clone(&state));
    let log = FaultLog::default();
    let on_fault =
        move |fault: ConnectionFault<'_>, peer: Peer| match RequestSummary::of_fault(fault, peer) {
            Some(rejected) => state.record(rejected),
            None => log.record(fault, peer),
        };
    server::serve_with(listener.into(), routes, &limits, Arc::new(on_fault), stop).await
}

struct AppState<I> {
    ingest: Arc<I>,
    bodies: BodyLimiter,
    trusted_proxies: Vec<IpNet>,
    hosts: Vec<String>,
    public_url: Option<String>,
    has_metrics_listener: bool,
    rejections: RejectionLog,
    handshakes: HandshakeLog,
}

impl<I: Ingest> AppState<I> {
    fn new(ingest: Arc<I>, limits: HttpLimits) -> Self {
        Self {
            ingest,
            bodies: BodyLimiter::new(&limits),
            trusted_proxies: limits.trusted_proxies,
            hosts: limits.hosts,
            public_url: limits.public_url,
            has_metrics_listener: limits.has_metrics_listener,
            rejections: RejectionLog::default(),
            handshakes: HandshakeLog::default(),
        }
    }

    /// Logs a rejected request, and passes it on to be counted and kept.
    fn record(&self, rejected: RejectedRequest) {
        self.rejections.record(&rejected);
        self.ingest.record_rejection(rejected);
    }
}

/// One fallback and no routes: each source has its own path, and a reload can change the paths.
fn routes<I: Ingest>(state: Arc<AppState<I>>) -> Router {
    Router::new().fallback(answer::<I>).with_state(state)
}

async fn answer<I: Ingest>(State(state): State<Arc<AppState<I>>>, request: Request) -> Response {
    let summary = RequestSummary::new(&request, &state.trusted_proxies);
    let uri = request.uri().clone();
    let path = uri.path();
    let link = answers::token(path);
    let form = link.map(|_| AnswerForm::of(request.headers()));
    let (request, body_end) = BodyEnd::watch(request);
    let result = match path {
        "/healthz" => healthz(request.method()),
        "/readyz" => readyz(&state, &request),
        "/metrics" if !state.has_metrics_listener => {
            let allowed = check_metrics(&state, &request);
            drop(request);
            metrics(&*state.ingest, allowed).await
        }
        _ => match link {
            Some(token) => answers::answers(&state, token, request).await,
            None => events(&state, request).await,
        },
    };
    let response = result.unwrap_or_else(|error| {
        let mut rejected = summary.rejected(&error);
        rejected.source = state
            .ingest
            .endpoint(&decoded(path))
            .map(|endpoint| Arc::clone(&endpoint.source));
        if error.is_unknown_path()
            && let Some(meant) = state.ingest.nearest_path(&decoded(path))
        {
            rejected.detail = format!("{}; did you mean `{meant}`?", rejected.detail);
        }
        state.record(rejected);
        let page = form.and_then(|form| answers::error_page(&error, form));
        page.unwrap_or_else(|| response::http_error(&error))
    });
    body_end.announce(response)
}

fn decoded(path: &str) -> std::borrow::Cow<'_, str> {
    percent_decode_str(path).decode_utf8_lossy()
}

async fn events<I: Ingest>(
    state: &Arc<AppState<I>>,
    request: Request,
) -> Result<Response, HttpError> {
    let endpoint = state.ingest.endpoint(&decoded(request.uri().path()));
    match endpoint {
        Some(endpoint) => receive_events(state, &endpoint, request).await,
        None => {
            let error = not_found(&request);
            authenticate::drain(request).await;
            Err(error)
        }
    }
}

async fn receive_events<I: Ingest>(
    state: &Arc<AppState<I>>,
    endpoint: &Endpoint,
    request: Request,
) -> Result<Response, HttpError> {
    if let Some(handshake) = &endpoint.handshake
        && let Some(answered) = handshake
            .of_request(request.method(), request.headers(), request.uri())
            .transpose()
    {
        let peer = SenderCheck::new(endpoint, &request, &state.trusted_proxies).address;
        if answered.is_ok() {
            state
                .handshakes
                .record(endpoint, request.method().as_str(), peer);
        }
        authenticate::drain(request).await;
        return answered.map_err(HttpError::Handshake);
    }
    let Some(method) = endpoint.accepted_method(request.method().as_str()) else {
        authenticate::drain(request).await;
        let allowed = endpoint.allowed();
        return Err(HttpError::Method { allowed });
    };
    // Also of a verified sender: a proxy before this one may have routed by the other name.
    if web_page::is_repeated(request.headers(), header::HOST.as_str()) {
        authenticate::drain(request).await;
        return Err(HttpError::WebPage(WebPageSign::RepeatedHeader));
    }
    if endpoint.verifier.is_none()
        && let Some(sign) = WebPageSign::find(&request, &state.hosts)
    {
        authenticate::drain(request).await;
        return Err(HttpError::WebPage(sign));
    }
    let mut check = SenderCheck::new(endpoint, &request, &state.trusted_proxies);
    let signed = RequestParts::new(
        request.method(),
        request.uri(),
        request.headers(),
        state.public_url.as_deref(),
    );
    if let Err(rejection) = check.check_headers(&signed) {
        let error = state.reject(&check, &rejection, &[]);
        authenticate::drain(request).await;
        return Err(error);
    }
    let form = match BodyForm::of(request.headers()) {
        Ok(form) => form,
        Err(error) => {
            authenticate::drain(request).await;
            return Err(error);
        }
    };
    let parts = DeliveryParts {
        endpoint: Arc::clone(&endpoint.source),
        method,
        path: shortened(request.uri().path().to_owned(), MAX_PATH_CHARS),
        peer: check.address,
        id: id_of(endpoint, request.headers()),
        trace: trace_of(request.headers()),
        values: request_values::taken(&endpoint.needs, request.headers(), request.uri()),
    };
    let mut bytes = state.bodies.read(request).await?;
    check
        .check_body(&bytes)
        .map_err(|rejection| state.reject(&check, &rejection, &bytes))?;
    if let Some(handshake) = &endpoint.handshake
        && let Some(answer) = handshake.of_body(&bytes).map_err(HttpError::Handshake)?
    {
        state
            .handshakes
            .record(endpoint, method.as_str(), check.address);
        return Ok(answer);
    }
    let mut is_form = false;
    if let Cow::Owned(json) = form.json(&bytes).map_err(HttpError::Form)? {
        state.bodies.replace(&mut bytes, json)?;
        is_form = true;
    }
    state.bodies.admit_values(&mut bytes).await?;
    let received = match bytes.is_large() {
        true => receive_large(Arc::clone(state), parts, bytes).await,
        false => state.ingest.receive(parts.with_body(&bytes)).await,
    };
    received
        .map(|accepted| response::accepted(&accepted))
        .map_err(|error| match error {
            IngestError::InvalidBody(invalid) if is_form => {
                HttpError::Ingest(IngestError::InvalidBody(invalid.of_form()))
            }
            error => HttpError::Ingest(error),
        })
}

/// What is passed on of a request beside its body.
struct DeliveryParts {
    endpoint: Arc<str>,
    method: SenderMethod,
    path: String,
    peer: Option<IpAddr>,
    id: Option<String>,
    trace: Option<TraceParent>,
    values: Option<Map<String, Value>>,
}

impl DeliveryParts {
    fn with_body<'a>(&'a self, body: &'a [u8]) -> EventDelivery<'a> {
        EventDelivery {
            endpoint: &self.endpoint,
            method: self.method,
            path: &self.path,
            peer: self.peer,
            id: self.id.as_deref(),
            trace: self.trace,
            values: self.values.as_ref(),
            body,
        }
    }
}

/// The longest id that is read from a header.
const MAX_ID_BYTES: usize = 200;

/// The value of the header that identifies the event. A header that occurs twice identifies nothing.
fn id_of(endpoint: &Endpoint, headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(&**endpoint.id_header.as_ref()?).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let id = value.to_str().ok()?.trim();
    (!id.is_empty() && id.len() <= MAX_ID_BYTES).then(|| id.to_owned())
}

/// The trace that the sender names. A header that occurs twice, or is not valid, names none.
fn trace_of(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    TraceParent::parse(value.to_str().ok()?.trim())
}

/// A task of its own: if the sender disconnects, the permits of the body are held until its values are stored.
async fn receive_large<I: Ingest>(
    state: Arc<AppState<I>>,
    parts: DeliveryParts,
    bytes: LimitedBody,
) -> Result<IngestResponse, IngestError> {
    let received = tokio::spawn(async move { state.ingest.receive(parts.with_body(&bytes)).await });
    match received.await {
        Ok(received) => received,
        Err(fault) => match fault.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(IngestError::Unavailable {
                reason: "stopping; send the events again after the restart".into(),
            }),
        },
    }
}

impl<I: Ingest> AppState<I> {
    fn reject(&self, check: &SenderCheck<'_>, rejection: &Rejection, body: &[u8]) -> HttpError {
        let help = self.rejections.record_sender(check, rejection, body);
        let challenge = check.endpoint.verifier.as_ref();
        HttpError::Unverified {
            challenge: challenge.map_or("", |verifier| verifier.challenge()),
            code: rejection.code(),
            detail: rejection.to_string(),
            help,
        }
    }
}

fn not_found(request: &Request) -> HttpError {
    let path = request.uri().path();
    match path == "/events" || path.starts_with("/events/") {
        true => HttpError::Ingest(IngestError::UnknownSource),
        false => HttpError::NotFound,
    }
}
