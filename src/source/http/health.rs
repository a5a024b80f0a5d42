//! Answers the requests about this program itself: health checks, and metrics for local clients.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use ipnet::IpNet;

use super::response::{self, HttpError};
use super::web_page::WebPageSign;
use super::{AppState, Peer};
use crate::source::Ingest;

pub async fn healthz(method: Method) -> Response {
    match is_get(&method) {
        true => response::plain(StatusCode::OK, "ok"),
        false => response::http_error(&GET_ONLY),
    }
}

pub async fn readyz<I: Ingest>(State(state): State<Arc<AppState<I>>>, method: Method) -> Response {
    if !is_get(&method) {
        return response::http_error(&GET_ONLY);
    }
    match state.ingest.ready() {
        Ok(()) => response::plain(StatusCode::OK, "ready"),
        Err(reason) => response::plain(StatusCode::SERVICE_UNAVAILABLE, &reason),
    }
}

/// Headers that proxies add, besides `X-Forwarded-*`.
const PROXY_HEADERS: [&str; 3] = ["forwarded", "via", "x-real-ip"];

/// For local clients only: a public proxy in front of the endpoints must not expose the metrics.
pub async fn metrics<I: Ingest>(
    State(state): State<Arc<AppState<I>>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    if !is_get(request.method()) {
        return response::http_error(&GET_ONLY);
    }
    if !is_local(peer, request.headers(), &state.trusted_proxies) {
        return response::http_error(&HttpError::NotLocal);
    }
    match WebPageSign::find(&request, &state.hosts) {
        None => response::metrics(state.ingest.metrics().await),
        Some(sign) => response::http_error(&HttpError::WebPage(sign)),
    }
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
    use axum::http::header::HeaderValue;

    use super::*;

    #[test]
    fn metrics_are_local_only() {
        let peer = |address: &str| Peer(address.parse().unwrap());
        let with = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("192.0.2.1"));
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
