//! Events over HTTP: the routes, what each answers, and the server around them.
//! It refuses what is too big, too slow, not JSON or of nobody who may send before anything reads it.

pub(super) mod answer;
mod body;
mod connection;
mod crowd;
mod limits;
mod peer;
mod refusals;
mod sender;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
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

use super::signature::Refused;
use super::{Answer, Endpoint, Ingest, Refusal};
use answer::Problem;
use body::Bodies;
use connection::{Connection, Doorman};
use refusals::Refusals;
use sender::Sender;

pub use limits::Limits;
pub use peer::Peer;

/// Why nothing is listening.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("failed to understand the address `{address}`: {why}; write it as `127.0.0.1:8080`")]
    Address { address: String, why: String },
    #[error(
        "refused to listen on `{address}`: it can be reached from other machines, and these sources take whoever comes: {}; give each `verify` and `secrets` under `sources` in flowtrigger.yaml (once `sources` stands there, a source that it does not name is closed), or listen on 127.0.0.1",
        quoted(.unverified)
    )]
    NotLoopback {
        address: SocketAddr,
        unverified: Vec<String>,
    },
    #[error(
        "failed to listen on `{address}`: the port is taken; stop the program that has it, or choose another with `--listen`"
    )]
    Taken { address: SocketAddr },
    #[error("failed to listen on `{address}`: {why}; choose another address with `--listen`")]
    Other { address: SocketAddr, why: String },
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Whether others than this machine reach an address.
pub fn is_open(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Opens the door; on loopback addresses only, where some sources take whoever comes.
pub async fn listen(address: &str, unverified: &[String]) -> Result<TcpListener, ListenError> {
    let unclear = |why: String| ListenError::Address {
        address: address.to_owned(),
        why,
    };
    let found = tokio::net::lookup_host(address).await;
    let found: Vec<SocketAddr> = found.map_err(|e| unclear(e.to_string()))?.collect();
    let open = found.iter().find(|address| is_open(**address));
    if let (Some(&address), false) = (open, unverified.is_empty()) {
        let unverified = unverified.to_vec();
        return Err(ListenError::NotLoopback {
            address,
            unverified,
        });
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
    let mut doorman = Doorman::new(listener, &limits);
    let server = server(&limits);
    let routes = routes(ingest, limits);
    let ending = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            (connection, peer) = doorman.accept() => {
                attend(connection, peer, &server, &routes, &ending);
            }
            () = &mut stop => break,
        }
    }
    // Nobody new is let in meanwhile.
    drop(doorman);
    ending.shutdown().await;
    Ok(())
}

/// A head beyond the limits is answered with 431 before anything reads it.
fn server(limits: &Limits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .max_buf_size(limits.head)
        .max_headers(limits.headers)
        .half_close(false);
    server
}

fn attend(
    connection: Connection,
    peer: Peer,
    server: &http1::Builder,
    routes: &Router,
    ending: &GracefulShutdown,
) {
    let routes = TowerToHyperService::new(routes.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.call(request)
    });
    let served = server.serve_connection(TokioIo::new(connection), service);
    let served = ending.watch(served);
    tokio::spawn(async move {
        // Senders hang up and dribble as they like.
        if let Err(error) = served.await {
            debug!(peer = %peer.0, %error, "a connection broke");
        }
    });
}

struct Desk<I> {
    ingest: Arc<I>,
    bodies: Bodies,
    trusted_proxies: Vec<IpNet>,
    refusals: Refusals,
}

fn routes<I: Ingest>(ingest: Arc<I>, limits: Limits) -> Router {
    Router::new()
        .route("/healthz", any(healthz))
        .route("/readyz", any(readyz::<I>))
        .route("/metrics", any(metrics::<I>))
        .fallback(events::<I>)
        .with_state(Arc::new(Desk {
            ingest,
            bodies: Bodies::new(&limits),
            trusted_proxies: limits.trusted_proxies,
            refusals: Refusals::default(),
        }))
}

/// Each source has a path of its own, and a reload may change them.
async fn events<I: Ingest>(State(desk): State<Arc<Desk<I>>>, request: Request) -> Response {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let taken = match desk.ingest.endpoint(&path) {
        Some(entrance) => take(&desk, &entrance, request).await,
        None => Err(nowhere(&desk, &request)),
    };
    match taken {
        Ok(taken) => answer::accepted(&taken),
        Err(problem) => answer::problem(&problem),
    }
}

async fn take<I: Ingest>(
    desk: &Desk<I>,
    entrance: &Endpoint,
    request: Request,
) -> Result<Answer, Problem> {
    if request.method() != Method::POST {
        return Err(Problem::Method { allowed: "POST" });
    }
    let mut sender = Sender::new(entrance, &request, &desk.trusted_proxies);
    if let Err(refused) = sender.show(request.headers()) {
        let problem = desk.refuse(&sender, &refused, &[]);
        sender::hear_out(request).await;
        return Err(problem);
    }
    check_media(request.headers())?;
    let bytes = desk.bodies.read(request).await?;
    sender
        .prove(&bytes)
        .map_err(|refused| desk.refuse(&sender, &refused, &bytes))?;
    let received = desk.ingest.receive(&entrance.source, &bytes).await;
    received.map_err(Problem::Refused)
}

impl<I: Ingest> Desk<I> {
    fn refuse(&self, sender: &Sender<'_>, refused: &Refused, body: &[u8]) -> Problem {
        let entrance = sender.entrance;
        self.ingest.refused(&entrance.source, refused.word());
        self.refusals.tell(sender, refused, body);
        let challenge = entrance.verifier.as_ref();
        Problem::Unverified {
            challenge: challenge.map_or("", |verifier| verifier.challenge()),
        }
    }
}

/// A sender that says what it sends must say JSON; one that says nothing is taken at its body.
fn check_media(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(media) = text(header::CONTENT_TYPE)
        && !is_json(media)
    {
        return Err(Problem::Media {
            header: "Content-Type",
            wanted: "send `application/json` (with curl: -H 'content-type: application/json')",
        });
    }
    if text(header::CONTENT_ENCODING).is_some() {
        return Err(Problem::Media {
            header: "Content-Encoding",
            wanted: "send the body as it is, without one",
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

async fn healthz(method: Method) -> Response {
    match is_read(&method) {
        true => answer::plain(StatusCode::OK, "ok"),
        false => answer::problem(&READ_ONLY),
    }
}

async fn readyz<I: Ingest>(State(desk): State<Arc<Desk<I>>>, method: Method) -> Response {
    if !is_read(&method) {
        return answer::problem(&READ_ONLY);
    }
    match desk.ingest.ready() {
        Ok(()) => answer::plain(StatusCode::OK, "ready"),
        Err(why) => answer::plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

/// What a proxy adds to what it passes on.
const PASSED_ON: [&str; 3] = ["forwarded", "via", "x-real-ip"];

/// For this machine alone: a sender's proxy must not pass it on to the world.
async fn metrics<I: Ingest>(
    State(desk): State<Arc<Desk<I>>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if !is_read(&method) {
        return answer::problem(&READ_ONLY);
    }
    match is_local(peer, &headers) {
        true => answer::metrics(desk.ingest.metrics().await),
        false => answer::problem(&Problem::NotLocal),
    }
}

fn is_local(peer: Peer, headers: &HeaderMap) -> bool {
    let passed_on = |name: &str| PASSED_ON.contains(&name) || name.starts_with("x-forwarded-");
    peer.address().is_loopback() && !headers.keys().any(|name| passed_on(name.as_str()))
}

const READ_ONLY: Problem = Problem::Method {
    allowed: "GET, HEAD",
};

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Which sources there are is told on this machine alone: elsewhere a path may be hard to guess.
fn nowhere<I: Ingest>(desk: &Desk<I>, request: &Request) -> Problem {
    let path = request.uri().path();
    if path != "/events" && !path.starts_with("/events/") {
        return Problem::Nowhere;
    }
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let local = peer.is_some_and(|ConnectInfo(peer)| is_local(*peer, request.headers()));
    let known = match local {
        true => desk.ingest.paths(),
        false => Vec::new(),
    };
    Problem::Refused(Refusal::UnknownSource { known })
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

    #[test]
    fn metrics_are_for_this_machine() {
        let peer = |address: &str| Peer(address.parse().unwrap());
        let with = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, header::HeaderValue::from_static("192.0.2.1"));
            headers
        };
        let none = HeaderMap::new();
        for near in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert!(is_local(peer(near), &none), "{near}");
        }
        assert!(!is_local(peer("192.0.2.1:9"), &none));
        assert!(is_local(peer("127.0.0.1:9"), &with("accept")));
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-user", "via"] {
            assert!(!is_local(peer("127.0.0.1:9"), &with(name)), "{name}");
        }
    }

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        let message = |error: ListenError| error.to_string();
        let open = ["support".to_owned()];
        for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
            let far = message(listen(address, &open).await.unwrap_err());
            assert!(far.starts_with("refused to listen on `"), "{far}");
            assert!(far.contains("whoever comes: `support`; give"), "{far}");
        }
        assert!(listen("0.0.0.0:0", &[]).await.is_ok());
        let unclear = message(listen("nonsense", &open).await.unwrap_err());
        assert!(
            unclear.ends_with("write it as `127.0.0.1:8080`"),
            "{unclear}"
        );
        let first = listen("127.0.0.1:0", &open).await.expect("a free port");
        let address = first.local_addr().unwrap().to_string();
        let taken = message(listen(&address, &[]).await.unwrap_err());
        assert!(taken.contains("the port is taken"), "{taken}");
        assert!(taken.contains(&address), "{taken}");
    }
}
