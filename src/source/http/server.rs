//! Serves a router on a TCP listener within the limits: connections, sizes of heads, and times.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;

use super::HttpLimits;
use super::connection::{Acceptor, BoundListener, TimedConnection};
use super::fault_log::{ConnectionFault, FaultLog};
use super::peer::Peer;
use super::response;
use super::transport::Transport;

/// How long the first request of a connection may take if the server stops meanwhile.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// Called with a request that does not reach a route, or with the end of a connection.
pub type OnFault = dyn Fn(ConnectionFault<'_>, Peer) + Send + Sync;

/// Serves until `stop` completes, then waits for the requests in progress. Each request has its [`Peer`] as
/// `ConnectInfo`.
pub async fn serve_router(
    listener: impl Into<BoundListener>,
    routes: Router,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let log = FaultLog::default();
    let on_fault = move |fault: ConnectionFault<'_>, peer: Peer| log.record(fault, peer);
    let listener = listener.into();
    serve_with(listener, routes, &limits, Arc::new(on_fault), stop).await
}

/// Serves, and passes on every failed connection.
pub(super) async fn serve_with(
    listener: BoundListener,
    routes: Router,
    limits: &HttpLimits,
    on_fault: Arc<OnFault>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let mut acceptor = Acceptor::new(listener, limits);
    let server = server(limits);
    let shutdown = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    let (silent, mut all_spoke) = mpsc::channel(1);
    loop {
        tokio::select! {
            (connection, peer) = acceptor.accept() => {
                let silent = Cell::new(Some(silent.clone()));
                spawn_connection((connection, silent), peer, &server, &routes, &on_fault, &shutdown);
            }
            () = &mut stop => break,
        }
    }
    // Accepts no new connections meanwhile.
    drop(acceptor);
    // The shutdown closes connections without a request, also those whose request is on its way.
    drop(silent);
    drop(tokio::time::timeout(FIRST_REQUEST, all_spoke.recv()).await);
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

/// Part of a connection until its first request has arrived.
type Silent = Cell<Option<mpsc::Sender<()>>>;

fn spawn_connection(
    (connection, silent): (TimedConnection, Silent),
    peer: Peer,
    server: &http1::Builder,
    routes: &Router,
    on_fault: &Arc<OnFault>,
    shutdown: &GracefulShutdown,
) {
    let routes = TowerToHyperService::new(routes.clone());
    let (handled, facts) = (connection.service(), connection.transport_facts());
    let (known, faults) = (Arc::clone(&facts), Arc::clone(on_fault));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        drop(silent.take());
        let mut request = request.map(Body::new);
        let transport = known.transport();
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(transport);
        let response = match transport {
            Transport::Plain | Transport::Tls => Ok(routes.call(request)),
            Transport::PlainOnTls => {
                faults(ConnectionFault::PlainHttp, peer);
                Err(requires_tls())
            }
        };
        let handled = Arc::clone(&handled);
        async move {
            handled.store(true, Ordering::Relaxed);
            let response = match response {
                Ok(response) => response.await,
                Err(rejected) => Ok(rejected),
            };
            handled.store(false, Ordering::Relaxed);
            response
        }
    });
    let served = server.serve_connection(TokioIo::new(connection), service);
    let served = shutdown.watch(served);
    let on_fault = Arc::clone(on_fault);
    tokio::spawn(async move {
        let served = served.await;
        match (facts.handshake_failure(), served) {
            (Some(failure), _) => on_fault(ConnectionFault::Handshake(failure), peer),
            (None, Err(error)) => on_fault(ConnectionFault::Http(&error, facts.transport()), peer),
            (None, Ok(())) => {}
        }
    });
}

/// The answer to a request in clear text; the connection is closed after it.
fn requires_tls() -> Response {
    let text = "this port requires TLS; use `https://` in the address";
    let mut response = response::plain(StatusCode::BAD_REQUEST, text);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

    async fn ask(mut connection: TcpStream) -> String {
        connection.write_all(REQUEST).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_connection_of_the_last_moment_gets_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let routes = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let serving = tokio::spawn(serve_router(
            listener,
            routes,
            HttpLimits::default(),
            async move { drop(stopped.await) },
        ));
        let late = TcpStream::connect(address).await.unwrap();
        // Connections are accepted in their order.
        let next = TcpStream::connect(address).await.unwrap();
        assert!(ask(next).await.ends_with("here"));
        stop.send(()).unwrap();
        tokio::task::yield_now().await;
        assert!(ask(late).await.ends_with("here"));
        serving.await.unwrap().unwrap();
    }
}
