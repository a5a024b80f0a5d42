//! Events over HTTP: the routes, what each answers, and the server around them.
//! It refuses what is too big, too slow, not JSON or from afar before anything reads it.

mod answer;
mod body;
mod connection;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use tokio::net::TcpListener;

use super::{Ingest, Refusal, Unsound};
use body::BodyError;
use connection::Doorman;

/// What bounds every request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body. The largest event that a help desk sends has some 100 KB.
    pub body: usize,
    /// Connections at a time: each costs some 20 KB, so 1,000 stay under 20 MB. Others wait to be
    /// accepted.
    pub connections: usize,
    /// From the first byte of a request to its last. Senders give up after 10 to 12 s themselves.
    pub request: Duration,
    /// How long a connection may lie idle between requests.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            connections: 1_000,
            request: Duration::from_secs(15),
            idle: Duration::from_secs(75),
        }
    }
}

/// Why nothing is listening.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("failed to understand the address `{address}`: {why}; write it as `127.0.0.1:8080`")]
    Address { address: String, why: String },
    #[error(
        "refused to listen on `{address}`: it can be reached from other machines and no sender is authenticated yet; listen on 127.0.0.1 and put a proxy that checks senders in front"
    )]
    NotLoopback { address: SocketAddr },
    #[error(
        "failed to listen on `{address}`: the port is taken; stop the program that has it, or choose another with `--listen`"
    )]
    Taken { address: SocketAddr },
    #[error("failed to listen on `{address}`: {why}; choose another address with `--listen`")]
    Other { address: SocketAddr, why: String },
}

/// Opens the door, on loopback addresses only.
pub async fn listen(address: &str) -> Result<TcpListener, ListenError> {
    let unclear = |why: String| ListenError::Address {
        address: address.to_owned(),
        why,
    };
    let found = tokio::net::lookup_host(address).await;
    let found: Vec<SocketAddr> = found.map_err(|e| unclear(e.to_string()))?.collect();
    if let Some(&address) = found.iter().find(|address| !address.ip().is_loopback()) {
        return Err(ListenError::NotLoopback { address });
    }
    let Some(&address) = found.first() else {
        return Err(unclear("it leads nowhere".into()));
    };
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::Taken { address },
        _ => ListenError::Other {
            address,
            why: error.to_string(),
        },
    })
}

/// Serves until `stop` is over, then lets requests under way end.
pub async fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: Arc<I>,
    limits: Limits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let doorman = Doorman::new(listener, &limits);
    axum::serve(doorman, routes(ingest, limits))
        .with_graceful_shutdown(stop)
        .await
}

struct Desk<I> {
    ingest: Arc<I>,
    limits: Limits,
}

fn routes<I: Ingest>(ingest: Arc<I>, limits: Limits) -> Router {
    Router::new()
        .route("/events/{source}", any(events::<I>))
        .route("/healthz", any(healthz))
        .route("/readyz", any(readyz::<I>))
        .fallback(nowhere::<I>)
        .with_state(Arc::new(Desk { ingest, limits }))
}

async fn events<I: Ingest>(
    State(desk): State<Arc<Desk<I>>>,
    Path(source): Path<String>,
    request: Request,
) -> Response {
    match take(&desk, &source, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn take<I: Ingest>(
    desk: &Desk<I>,
    source: &str,
    request: Request,
) -> Result<Response, Response> {
    if request.method() != Method::POST {
        return Err(answer::method("POST", "events are sent with POST"));
    }
    let known = desk.ingest.sources();
    if !known.iter().any(|name| name == source) {
        return Err(answer::unknown_source(source, &known));
    }
    check_media(request.headers())?;
    let bytes = body::read(request, desk.limits.body).await;
    let bytes = bytes.map_err(|error| match error {
        BodyError::TooLarge => answer::too_large(desk.limits.body),
        BodyError::CutOff => answer::unsound(&Unsound {
            error: "the body was cut off; send it whole".into(),
            ..Unsound::default()
        }),
    })?;
    let received = desk.ingest.receive(source, &bytes).await;
    received
        .map(|taken| answer::accepted(&taken))
        .map_err(|refusal| refused(&refusal))
}

fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::UnknownSource { name, known } => answer::unknown_source(name, known),
        Refusal::Unsound(unsound) => answer::unsound(unsound),
        Refusal::Unavailable { reason } => answer::unavailable(reason),
    }
}

/// A sender that says what it sends must say JSON; one that says nothing is taken at its body.
fn check_media(headers: &HeaderMap) -> Result<(), Response> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(media) = text(header::CONTENT_TYPE)
        && !is_json(media)
    {
        let error = format!("the Content-Type is `{media}`; send `application/json`");
        return Err(answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error));
    }
    if let Some(encoding) = text(header::CONTENT_ENCODING) {
        let error = format!("the Content-Encoding is `{encoding}`; send the body as it is");
        return Err(answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error));
    }
    Ok(())
}

fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn healthz(method: Method) -> Response {
    match read_only(&method) {
        Ok(()) => answer::plain(StatusCode::OK, "ok\n"),
        Err(response) => *response,
    }
}

async fn readyz<I: Ingest>(State(desk): State<Arc<Desk<I>>>, method: Method) -> Response {
    if let Err(response) = read_only(&method) {
        return *response;
    }
    match desk.ingest.ready() {
        Ok(()) => answer::plain(StatusCode::OK, "ready\n"),
        Err(why) => answer::plain(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n")),
    }
}

fn read_only(method: &Method) -> Result<(), Box<Response>> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Box::new(answer::method(
            "GET, HEAD",
            "this page is read with GET",
        ))),
    }
}

async fn nowhere<I: Ingest>(State(desk): State<Arc<Desk<I>>>, request: Request) -> Response {
    let path = request.uri().path();
    let known = desk.ingest.sources();
    if path.trim_end_matches('/') == "/events" {
        return answer::unknown_source("", &known);
    }
    let error = "nothing is here; events go to `/events/{source}`, and `/healthz` and `/readyz` tell how this program is";
    answer::error(StatusCode::NOT_FOUND, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_by_its_names() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/cloudevents+json",
        ] {
            assert!(is_json(media), "{media}");
        }
        for media in ["text/plain", "application/x-www-form-urlencoded", "", "json", "text/x+json"] {
            assert!(!is_json(media), "{media}");
        }
    }

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        let message = |error: ListenError| error.to_string();
        let far = message(listen("0.0.0.0:0").await.unwrap_err());
        assert!(far.starts_with("refused to listen on `0.0.0.0:0`"), "{far}");
        let unclear = message(listen("nonsense").await.unwrap_err());
        assert!(unclear.ends_with("write it as `127.0.0.1:8080`"), "{unclear}");
        let first = listen("127.0.0.1:0").await.expect("a free port");
        let address = first.local_addr().unwrap().to_string();
        let taken = message(listen(&address).await.unwrap_err());
        assert!(taken.contains("the port is taken"), "{taken}");
        assert!(taken.contains(&address), "{taken}");
    }
}
