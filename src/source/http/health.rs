//! Answers about this program itself: whether it runs, whether it accepts events, and its metrics.

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use ipnet::IpNet;

use super::AppState;
use super::peer::Peer;
use super::response::{self, HttpError};
use super::web_page::WebPageSign;
use crate::source::Ingest;

pub fn healthz(method: &Method) -> Result<Response, HttpError> {
    match is_get(method) {
        true => Ok(response::plain(StatusCode::OK, "ok")),
        false => Err(GET_ONLY),
    }
}

/// Others than local clients do not get the reason: it may name a server or a file.
pub fn readyz<I: Ingest>(state: &AppState<I>, request: &Request) -> Result<Response, HttpError> {
    if !is_get(request.method()) {
        return Err(GET_ONLY);
    }
    let unready = |reason: &str| response::plain(StatusCode::SERVICE_UNAVAILABLE, reason);
    Ok(match state.ingest.ready() {
        Ok(()) => response::plain(StatusCode::OK, "ready"),
        Err(reason) if is_from_here(state, request) => unready(&reason),
        Err(_) => unready("not ready; the log of this program has the reason"),
    })
}

/// Headers that proxies add, besides `X-Forwarded-*`.
const PROXY_HEADERS: [&str; 3] = ["forwarded", "via", "x-real-ip"];

/// For local clients only: a public proxy in front of the endpoints must not expose the metrics.
pub fn check_metrics<I>(state: &AppState<I>, request: &Request) -> Result<(), HttpError> {
    if !is_get(request.method()) {
        return Err(GET_ONLY);
    }
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

fn is_get(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use axum::http::header;

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
