//! Serves a router on a TCP listener within the limits: connections, sizes of heads, and times.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tracing::debug;

use super::HttpLimits;
use super::connection::{Acceptor, TimedConnection};
use super::peer::Peer;

/// Called with a request that cannot be read, or with the end of a connection.
pub type OnError = dyn Fn(&hyper::Error, Peer) + Send + Sync;

/// Serves until `stop` completes, then waits for the requests in progress. Each request has its [`Peer`] as
/// `ConnectInfo`.
pub async fn serve_router(
    listener: TcpListener,
    routes: Router,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let on_error = |error: &hyper::Error, peer: Peer| {
        debug!(peer = %peer.0, %error, "connection failed");
    };
    serve_with(listener, routes, &limits, Arc::new(on_error), stop).await
}

/// Serves, and passes on every failed connection.
pub(super) async fn serve_with(
    listener: TcpListener,
    routes: Router,
    limits: &HttpLimits,
    on_error: Arc<OnError>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let mut acceptor = Acceptor::new(listener, limits);
    let server = server(limits);
    let shutdown = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            (connection, peer) = acceptor.accept() => {
                spawn_connection(connection, peer, &server, &routes, &on_error, &shutdown);
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
    on_error: &Arc<OnError>,
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
    let on_error = Arc::clone(on_error);
    tokio::spawn(async move {
        if let Err(error) = served.await {
            on_error(&error, peer);
        }
    });
}
