//! Answers about this program itself: whether it runs, whether it accepts events, and its metrics.

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use ipnet::IpNet;
use serde_json::json;

use super::AppState;
use super::peer::Peer;
use super::response::{self, HttpError};
use super::web_page::WebPageSign;
use crate::source::Ingest;

pub fn healthz(method: &Method) -> Result<Response, HttpError> {
    check_is_get(method)?;
    Ok(response::plain(StatusCode::OK, "ok"))
}

/// What others than local clients get in place of the reason, which may name a server or a file.
const HIDDEN_REASON: &str = "not ready; the log of this program has the reason";

/// Whether events are accepted, for load balancers and supervisors, and why not, for local clients alone.
pub fn readyz<I: Ingest>(state: &AppState<I>, request: &Request) -> Result<Response, HttpError> {
    match is_from_here(state, request) {
        true => readiness(request.method(), request.headers(), &*state.ingest),
        false => {
            let ready = state.ingest.ready().map_err(|_| HIDDEN_REASON.to_owned());
            answer(request.method(), request.headers(), ready, &[])
        }
    }
}

/// The answer with the reason and the notes.
pub fn readiness(
    method: &Method,
    headers: &HeaderMap,
    ingest: &impl Ingest,
) -> Result<Response, HttpError> {
    answer(method, headers, ingest.ready(), &ingest.notes())
}

/// Notes do not change the status.
fn answer(
    method: &Method,
    headers: &HeaderMap,
    ready: Result<(), String>,
    notes: &[String],
) -> Result<Response, HttpError> {
    check_is_get(method)?;
    let status = match ready {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let reason = ready.err();
    if accepts_json(headers) {
        let ready = reason.is_none();
        let answer = json!({ "ready": ready, "reason": reason, "notes": notes });
        return Ok(response::body(status, &answer));
    }
    let mut lines = vec![reason.unwrap_or_else(|| "ready".to_owned())];
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    Ok(response::plain(status, &lines.join("\n")))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|value| value.contains("application/json"))
}

/// Headers that proxies add, besides `X-Forwarded-*`.
const PROXY_HEADERS: [&str; 3] = ["forwarded", "via", "x-real-ip"];

/// For local clients only: a public proxy in front of the endpoints must not expose the metrics.
pub fn check_metrics<I>(state: &AppState<I>, request: &Request) -> Result<(), HttpError> {
    check_is_get(request.method())?;
    if !is_from_here(state, request) {
        return Err(HttpError::NotLocal);
    }
    match WebPageSign::find(request, &state.hosts) {
        None => Ok(()),
        Some(sign) => Err(HttpError::WebPage(sign)),
    }
}

pub async fn metrics(
    ingest: &impl Ingest,
    allowed: Result<(), HttpError>,
) -> Result<Response, HttpError> {
    allowed?;
    Ok(response::metrics(ingest.metrics().await))
}

fn is_from_here<I>(state: &AppState<I>, request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    peer.is_some_and(|ConnectInfo(peer)| is_local(*peer, request.headers(), &state.trusted_proxies))
}

/// A trusted proxy is never local, whatever it sends: it passes on requests of others.
fn is_local(peer: Peer, headers: &HeaderMap, proxies: &[IpNet]) -> bool {
    let is_proxy_header =
        |name: &str| PROXY_HEADERS.contains(&name) || name.starts_with("x-forwarded-");
    peer.address().is_loopback()
        && !peer.is_among(proxies)
        && !headers.keys().any(|name| is_proxy_header(name.as_str()))
}

const GET_ONLY: HttpError = HttpError::Method {
    allowed: "GET, HEAD",
};

/// Checks that a request only reads.
pub fn check_is_get(method: &Method) -> Result<(), HttpError> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(GET_ONLY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_local_only() {
        let peer = |address: &str| Peer(address.parse().unwrap());
        let with = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, header::HeaderValue::from_static("192.0.2.1"));
            headers
        };
        let none = HeaderMap::new();
        for local in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert!(is_local(peer(local), &none, &[]), "{local}");
        }
        assert!(!is_local(peer("192.0.2.1:9"), &none, &[]));
        let proxies = ["127.0.0.0/8".parse().unwrap()];
        assert!(!is_local(peer("127.0.0.1:9"), &none, &proxies));
        assert!(is_local(peer("127.0.0.1:9"), &with("accept"), &[]));
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-user", "via"] {
            assert!(!is_local(peer("127.0.0.1:9"), &with(name), &[]), "{name}");
        }
    }
}
