//! Receives events over HTTP: the routes and the server.
//! Rejects oversized, slow, unverified and non-JSON requests before a body reaches the engine.

mod authenticate;
mod body;
mod connection;
mod health;
mod limits;
mod peer;
mod per_address;
mod rejection_log;
pub(super) mod response;
mod web_page;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tracing::debug;

use super::signature::Rejection;
use super::{Endpoint, Ingest, IngestError, IngestResponse};
use authenticate::SenderCheck;
use body::{BodyLimiter, LimitedBody};
use connection::{Acceptor, TimedConnection};
use health::{healthz, metrics, readyz};
use rejection_log::RejectionLog;
use response::HttpError;
use web_page::WebPageSign;

pub use limits::HttpLimits;
pub use peer::Peer;

/// Why the program does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("invalid address `{address}`: {why}; write it as `127.0.0.1:8080`")]
    Address { address: String, why: String },
    #[error(
        "cannot listen on `{address}`: other machines can reach it, and these sources accept any sender: {}; set `verify` and `secrets` for each under `sources` in flowtrigger.yaml (if `sources` is present, sources that it does not name are closed), or listen on 127.0.0.1",
        quoted(.unverified)
    )]
    NotLoopback {
        address: SocketAddr,
        unverified: Vec<String>,
    },
    #[error(
        "failed to listen on `{address}`: the port is in use; stop the program that uses it, or choose another port with `--listen`"
    )]
    AddressInUse { address: SocketAddr },
    #[error("failed to listen on `{address}`: {why}; choose another address with `--listen`")]
    Other { address: SocketAddr, why: String },
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Whether other machines can reach an address.
pub fn is_public(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Binds the address. Only a loopback address is allowed if any source accepts unverified senders.
///
/// # Errors
/// If the address is invalid, public with unverified sources, in use or otherwise not available.
pub async fn listen(address: &str, unverified: &[String]) -> Result<TcpListener, ListenError> {
    let invalid = |why: String| ListenError::Address {
        address: address.to_owned(),
        why,
    };
    let found = tokio::net::lookup_host(address).await;
    let found: Vec<SocketAddr> = found.map_err(|e| invalid(e.to_string()))?.collect();
    let public = found.iter().find(|address| is_public(**address));
    if let (Some(&address), false) = (public, unverified.is_empty()) {
        let unverified = unverified.to_vec();
        return Err(ListenError::NotLoopback {
            address,
            unverified,
        });
    }
    let Some(&address) = found.first() else {
        return Err(invalid("the name has no address".into()));
    };
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::AddressInUse { address },
        _ => ListenError::Other {
            address,
            why: error.to_string(),
        },
    })
}

/// Serves until `stop` completes, then waits for the requests in progress.
pub async fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: Arc<I>,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let mut acceptor = Acceptor::new(listener, &limits);
    let server = server(&limits);
    let routes = routes(ingest, limits);
    let shutdown = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            (connection, peer) = acceptor.accept() => {
                spawn_connection(connection, peer, &server, &routes, &shutdown);
            }
            () = &mut stop => break,
        }
    }
    // Accepts no new connections meanwhile.
    drop(acceptor);
    shutdown.shutdown().await;
    Ok(())
}

/// hyper answers a head over the limits with 431.
fn server(limits: &HttpLimits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .max_buf_size(limits.head)
        .max_headers(limits.headers)
        .half_close(false);
    server
}

fn spawn_connection(
    connection: TimedConnection,
    peer: Peer,
    server: &http1::Builder,
    routes: &Router,
    shutdown: &GracefulShutdown,
) {
    let routes = TowerToHyperService::new(routes.clone());
    let handled = connection.service();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (response, handled) = (routes.call(request), Arc::clone(&handled));
        async move {
            handled.store(true, Ordering::Relaxed);
            let response = response.await;
            handled.store(false, Ordering::Relaxed);
            response
        }
    });
    let served = server.serve_connection(TokioIo::new(connection), service);
    let served = shutdown.watch(served);
    tokio::spawn(async move {
        // Closed connections and timeouts are normal.
        if let Err(error) = served.await {
            debug!(peer = %peer.0, %error, "connection failed");
        }
    });
}

struct AppState<I> {
    ingest: Arc<I>,
    bodies: BodyLimiter,
    trusted_proxies: Vec<IpNet>,
    hosts: Vec<String>,
    rejections: RejectionLog,
}

fn routes<I: Ingest>(ingest: Arc<I>, limits: HttpLimits) -> Router {
    Router::new()
        .route("/healthz", any(healthz))
        .route("/readyz", any(readyz::<I>))
        .route("/metrics", any(metrics::<I>))
        .fallback(events::<I>)
        .with_state(Arc::new(AppState {
            ingest,
            bodies: BodyLimiter::new(&limits),
            trusted_proxies: limits.trusted_proxies,
            hosts: limits.hosts,
            rejections: RejectionLog::default(),
        }))
}

/// A fallback, not a route: each source has its own path, and a reload can change the paths.
async fn events<I: Ingest>(State(state): State<Arc<AppState<I>>>, request: Request) -> Response {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let result = match state.ingest.endpoint(&path) {
        Some(endpoint) => receive_events(&state, &endpoint, request).await,
        None => Err(not_found(&request)),
    };
    match result {
        Ok(accepted) => response::accepted(&accepted),
        Err(error) => response::http_error(&error),
    }
}

async fn receive_events<I: Ingest>(
    state: &Arc<AppState<I>>,
    endpoint: &Endpoint,
    request: Request,
) -> Result<IngestResponse, HttpError> {
    if request.method() != Method::POST {
        return Err(HttpError::Method { allowed: "POST" });
    }
    if endpoint.verifier.is_none()
        && let Some(sign) = WebPageSign::find(&request, &state.hosts)
    {
        state.ingest.count_rejection(&endpoint.source, sign.code());
        authenticate::drain(request).await;
        return Err(HttpError::WebPage(sign));
    }
    let mut check = SenderCheck::new(endpoint, &request, &state.trusted_proxies);
    if let Err(rejection) = check.check_headers(request.headers()) {
        let error = state.reject(&check, &rejection, &[]);
        authenticate::drain(request).await;
        return Err(error);
    }
    check_media_type(request.headers())?;
    let mut bytes = state.bodies.read(request).await?;
    check
        .check_body(&bytes)
        .map_err(|rejection| state.reject(&check, &rejection, &bytes))?;
    state.bodies.admit_values(&mut bytes).await?;
    let received = match bytes.is_large() {
        true => receive_large(Arc::clone(state), Arc::clone(&endpoint.source), bytes).await,
        false => state.ingest.receive(&endpoint.source, &bytes).await,
    };
    received.map_err(HttpError::Ingest)
}

/// A task of its own: if the sender disconnects, the permits of the body are held until its values are stored.
async fn receive_large<I: Ingest>(
    state: Arc<AppState<I>>,
    source: Arc<str>,
    bytes: LimitedBody,
) -> Result<IngestResponse, IngestError> {
    let received = tokio::spawn(async move { state.ingest.receive(&source, &bytes).await });
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
        let endpoint = check.endpoint;
        self.ingest
            .count_rejection(&endpoint.source, rejection.code());
        self.rejections.record(check, rejection, body);
        let challenge = endpoint.verifier.as_ref();
        HttpError::Unverified {
            challenge: challenge.map_or("", |verifier| verifier.challenge()),
        }
    }
}

/// A `Content-Type`, if present, must be JSON.
fn check_media_type(headers: &HeaderMap) -> Result<(), HttpError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(media) = text(header::CONTENT_TYPE)
        && !is_json(media)
    {
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

    #[tokio::test]
    async fn unverified_sources_need_loopback() {
        let message = |error: ListenError| error.to_string();
        let unverified = ["support".to_owned()];
        for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
            let public = message(listen(address, &unverified).await.unwrap_err());
            assert!(public.starts_with("cannot listen on `"), "{public}");
            assert!(
                public.contains("accept any sender: `support`; set"),
                "{public}"
            );
        }
        assert!(listen("0.0.0.0:0", &[]).await.is_ok());
        let invalid = message(listen("nonsense", &unverified).await.unwrap_err());
        assert!(
            invalid.ends_with("write it as `127.0.0.1:8080`"),
            "{invalid}"
        );
        let first = listen("127.0.0.1:0", &unverified)
            .await
            .expect("a free port");
        let address = first.local_addr().unwrap().to_string();
        let taken = message(listen(&address, &[]).await.unwrap_err());
        assert!(taken.contains("the port is in use"), "{taken}");
        assert!(taken.contains(&address), "{taken}");
    }
}
