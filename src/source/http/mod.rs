//! Receives events over HTTP: the routes and the server.
//! Rejects oversized, slow, unverified and non-JSON requests before a body reaches the engine.

mod authenticate;
mod body;
mod connection;
mod health;
mod limits;
mod listen;
mod peer;
mod per_address;
mod rejection_log;
mod requests;
pub(super) mod response;
mod server;
mod unread_body;
mod web_page;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tracing::debug;

use super::rejected::{MAX_PATH_CHARS, shortened};
use super::signature::Rejection;
use super::{Endpoint, EventDelivery, Ingest, IngestError, IngestResponse, RejectedRequest};
use authenticate::SenderCheck;
use body::{BodyLimiter, LimitedBody};
use health::{check_metrics, healthz, metrics, readyz};
use rejection_log::RejectionLog;
use requests::RequestSummary;
use response::HttpError;
use unread_body::BodyEnd;

pub use web_page::WebPageSign;

pub use limits::HttpLimits;
pub use listen::{ListenError, ListenOption, is_public, listen, listen_page};
pub use peer::Peer;
pub use server::serve_router;

/// Serves until `stop` completes, then waits for the requests in progress.
pub async fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: Arc<I>,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let state = Arc::new(AppState::new(ingest, limits.clone()));
    let routes = routes(Arc::clone(&state));
    let on_error = move |error: &hyper::Error, peer: Peer| {
        match RequestSummary::unreadable(error, peer) {
            Some(rejected) => state.record(rejected),
            // Closed connections and timeouts are normal.
            None => debug!(peer = %peer.0, %error, "connection failed"),
        }
    };
    server::serve_with(listener, routes, &limits, Arc::new(on_error), stop).await
}

struct AppState<I> {
    ingest: Arc<I>,
    bodies: BodyLimiter,
    trusted_proxies: Vec<IpNet>,
    hosts: Vec<String>,
    rejections: RejectionLog,
}

impl<I: Ingest> AppState<I> {
    fn new(ingest: Arc<I>, limits: HttpLimits) -> Self {
        Self {
            ingest,
            bodies: BodyLimiter::new(&limits),
            trusted_proxies: limits.trusted_proxies,
            hosts: limits.hosts,
            rejections: RejectionLog::default(),
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
    let path = request.uri().path().to_owned();
    let (request, body_end) = BodyEnd::watch(request);
    let result = match path.as_str() {
        "/healthz" => healthz(request.method()),
        "/readyz" => readyz(&state, &request),
        "/metrics" => {
            let allowed = check_metrics(&state, &request);
            drop(request);
            metrics(&*state.ingest, allowed).await
        }
        _ => events(&state, request).await,
    };
    let response = result.unwrap_or_else(|error| {
        let mut rejected = summary.rejected(&error);
        rejected.source = state
            .ingest
            .endpoint(&decoded(&path))
            .map(|endpoint| endpoint.source);
        state.record(rejected);
        response::http_error(&error)
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
    if request.method() != Method::POST {
        authenticate::drain(request).await;
        return Err(HttpError::Method { allowed: "POST" });
    }
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
    if let Err(rejection) = check.check_headers(request.headers()) {
        let error = state.reject(&check, &rejection, &[]);
        authenticate::drain(request).await;
        return Err(error);
    }
    if let Err(error) = check_media_type(request.headers()) {
        authenticate::drain(request).await;
        return Err(error);
    }
    let parts = DeliveryParts {
        endpoint: Arc::clone(&endpoint.source),
        path: shortened(request.uri().path().to_owned(), MAX_PATH_CHARS),
        peer: check.address,
        id: id_of(endpoint, request.headers()),
    };
    let mut bytes = state.bodies.read(request).await?;
    check
        .check_body(&bytes)
        .map_err(|rejection| state.reject(&check, &rejection, &bytes))?;
    state.bodies.admit_values(&mut bytes).await?;
    let received = match bytes.is_large() {
        true => receive_large(Arc::clone(state), parts, bytes).await,
        false => state.ingest.receive(parts.with_body(&bytes)).await,
    };
    received
        .map(|accepted| response::accepted(&accepted))
        .map_err(HttpError::Ingest)
}

/// What is passed on of a request beside its body.
struct DeliveryParts {
    endpoint: Arc<str>,
    path: String,
    peer: Option<IpAddr>,
    id: Option<String>,
}

impl DeliveryParts {
    fn with_body<'a>(&'a self, body: &'a [u8]) -> EventDelivery<'a> {
        EventDelivery {
            endpoint: &self.endpoint,
            path: &self.path,
            peer: self.peer,
            id: self.id.as_deref(),
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
        self.rejections.record_sender(check, rejection, body);
        let challenge = check.endpoint.verifier.as_ref();
        HttpError::Unverified {
            challenge: challenge.map_or("", |verifier| verifier.challenge()),
            code: rejection.code(),
            detail: rejection.to_string(),
        }
    }
}

/// A `Content-Type`, if present, must be JSON, and there must be only one.
fn check_media_type(headers: &HeaderMap) -> Result<(), HttpError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_repeated = web_page::is_repeated(headers, header::CONTENT_TYPE.as_str());
    let is_accepted = text(header::CONTENT_TYPE).is_none_or(is_json) && !is_repeated;
    if !is_accepted {
        return Err(HttpError::Media {
            header: "Content-Type",
            expected: "send `application/json` (with curl: -H 'content-type: application/json')",
        });
    }
    if text(header::CONTENT_ENCODING).is_some() {
        return Err(HttpError::Media {
            header: "Content-Encoding",
            expected: "send the body without an encoding",
        });
    }
    Ok(())
}

fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn not_found(request: &Request) -> HttpError {
    let path = request.uri().path();
    match path == "/events" || path.starts_with("/events/") {
        true => HttpError::Ingest(IngestError::UnknownSource),
        false => HttpError::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types_are_recognised() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/cloudevents+json",
        ] {
            assert!(is_json(media), "{media}");
        }
        for media in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "",
            "json",
            "text/x+json",
        ] {
            assert!(!is_json(media), "{media}");
        }
    }
}
