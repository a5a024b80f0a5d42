//! Serves metrics and health on a listener of their own, to the addresses that the configuration allows.
//! Nothing that a client sends there reaches the engine.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use ipnet::IpNet;

use super::HttpLimits;
use super::connection::BoundListener;
use super::health::{check_is_get, healthz, metrics, readiness};
use super::peer::Peer;
use super::rejection_log::RejectionLog;
use super::requests::RequestSummary;
use super::response::{self, HttpError};
use super::server;
use super::web_page::WebPageSign;
use crate::source::Ingest;

/// Open connections. A scraper uses one.
const CONNECTIONS: usize = 100;

/// Who may read.
#[derive(Debug, Clone, Default)]
pub struct MetricsAccess {
    pub allow: Vec<IpNet>,
    /// The names of this machine; see [`HttpLimits::hosts`].
    pub hosts: Vec<String>,
}

/// Serves `/metrics`, `/healthz` and `/readyz` until `stop` completes.
pub async fn serve_metrics<I: Ingest>(
    listener: impl Into<BoundListener>,
    ingest: Arc<I>,
    access: MetricsAccess,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let state = Arc::new(MetricsState {
        ingest,
        access,
        rejections: RejectionLog::default(),
    });
    let limits = HttpLimits {
        connections: CONNECTIONS,
        per_address: CONNECTIONS,
        trusted_proxies: Vec::new(),
        ..limits
    };
    let routes = Router::new().fallback(answer::<I>).with_state(state);
    server::serve_router(listener, routes, limits, stop).await
}

struct MetricsState<I> {
    ingest: Arc<I>,
    access: MetricsAccess,
    rejections: RejectionLog,
}

async fn answer<I: Ingest>(
    State(state): State<Arc<MetricsState<I>>>,
    request: Request,
) -> Response {
    let summary = RequestSummary::new(&request, &[]);
    if let Err(error) = state.access.check(&request) {
        let rejected = summary.rejected(&error);
        state.rejections.record(&rejected);
        state.ingest.record_rejection(rejected);
        return response::http_error(&error);
    }
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let headers = request.headers().clone();
    drop(request);
    let result = match path.as_str() {
        "/healthz" => healthz(&method),
        "/readyz" => readiness(&method, &headers, &*state.ingest),
        "/metrics" => metrics(&*state.ingest, check_is_get(&method)).await,
        _ => Ok(response::plain(
            StatusCode::NOT_FOUND,
            "not found; this port has `/metrics`, `/healthz` and `/readyz`",
        )),
    };
    result.unwrap_or_else(|error| response::http_error(&error))
}

impl MetricsAccess {
    /// The address of the connection decides: what a proxy says about others can be forged. A browser on an
    /// allowed machine must not read it for a page of another site.
    fn check(&self, request: &Request) -> Result<(), HttpError> {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let Some(peer) = peer
            .map(|ConnectInfo(peer)| *peer)
            .filter(|peer| peer.is_among(&self.allow))
        else {
            return Err(HttpError::NotAllowed);
        };
        match WebPageSign::find(request, &self.hosts) {
            None => Ok(()),
            // Scrapers on other machines use names that only their network knows.
            Some(WebPageSign::UnknownHost) if !peer.address().is_loopback() => Ok(()),
            Some(sign) => Err(HttpError::WebPage(sign)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn check(peer: &str, headers: &[(&str, &str)]) -> Result<(), HttpError> {
        let access = MetricsAccess {
            allow: vec!["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()],
            hosts: vec!["desk.example.com".into()],
        };
        let mut request = Request::builder().uri("/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer = ConnectInfo(Peer(peer.parse().unwrap()));
        request.extensions_mut().insert(peer);
        access.check(&request)
    }

    #[test]
    fn the_address_of_the_connection_decides() {
        assert_eq!(check("10.1.2.3:9", &[]), Ok(()));
        assert_eq!(check("[::ffff:10.1.2.3]:9", &[]), Ok(()));
        assert_eq!(check("[::1]:9", &[]), Ok(()));
        for peer in ["127.0.0.1:9", "192.0.2.7:9"] {
            assert_eq!(check(peer, &[]), Err(HttpError::NotAllowed), "{peer}");
        }
        let forged = [("x-forwarded-for", "10.1.2.3")];
        assert_eq!(check("192.0.2.7:9", &forged), Err(HttpError::NotAllowed));
    }

    #[test]
    fn pages_of_other_sites_cannot_read_it() {
        let unknown = HttpError::WebPage(WebPageSign::UnknownHost);
        let rebound = [("host", "evil.example:9464")];
        assert_eq!(check("[::1]:9", &rebound), Err(unknown));
        assert_eq!(check("[::1]:9", &[("host", "desk.example.com")]), Ok(()));
        let service = [("host", "flowtrigger.monitoring.svc:9464")];
        assert_eq!(check("10.1.2.3:9", &service), Ok(()));
        let cross = [("host", "10.1.0.1"), ("origin", "https://evil.example")];
        let error = HttpError::WebPage(WebPageSign::CrossSite);
        assert_eq!(check("10.1.2.3:9", &cross), Err(error));
    }
}
