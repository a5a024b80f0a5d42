//! Accepts connections within the limits and closes those that send or read too slowly.
//! A timeout starts with the first byte of a request or a response; further bytes do not extend it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tracing::warn;

use super::HttpLimits;
use super::listener_tls::ListenerTls;
use super::peer::Peer;
use super::per_address::{AddressLimiter, AddressPermit};
use super::transport::{ClientStream, TransportFacts};

/// The shortest time between two log lines about closed connections.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A listener with its certificate, if it has one.
pub struct BoundListener {
    pub tcp: TcpListener,
    pub tls: Option<ListenerTls>,
}

/// Without TLS.
impl From<TcpListener> for BoundListener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

/// Accepts connections up to the limits in total and per address.
pub struct Acceptor {
    listener: TcpListener,
    tls: Option<ListenerTls>,
    permits: Arc<Semaphore>,
    per_address: AddressLimiter,
    request: Duration,
    idle: Duration,
    closed: u64,
    last_logged: Option<Instant>,
}

impl Acceptor {
    pub fn new(listener: BoundListener, limits: &HttpLimits) -> Self {
        Self {
            listener: listener.tcp,
            tls: listener.tls,
            permits: Arc::new(Semaphore::new(limits.connections)),
            per_address: AddressLimiter::new(limits.per_address, &limits.trusted_proxies),
            request: limits.request,
            idle: limits.idle,
            closed: 0,
            last_logged: None,
        }
    }

    /// Returns the next connection within the limits. If the process has no free file descriptor,
    /// axum's listener waits a second and tries again.
    pub async fn accept(&mut self) -> (TimedConnection, Peer) {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let peer = Peer(address);
            let Some(address_permit) = self.per_address.enter(peer) else {
                self.log_closed(peer);
                continue;
            };
            let connection = TimedConnection {
                stream: ClientStream::new(stream, self.tls.as_ref()),
                expires: Instant::now() + self.request,
                timer: Box::pin(sleep(self.request)),
                phase: ConnectionPhase::Idle,
                request: self.request,
                idle: self.idle,
                service: Arc::default(),
                _permit: permit.ok(),
                _address_permit: address_permit,
            };
            return (connection, peer);
        }
    }

    /// Logs at most once per [`LOG_INTERVAL`], with the number of closed connections.
    fn log_closed(&mut self, peer: Peer) {
        self.closed += 1;
        if self
            .last_logged
            .is_some_and(|at| at.elapsed() < LOG_INTERVAL)
        {
            return;
        }
        let (address, connections) = (peer.address(), self.closed);
        warn!(
            %address,
            connections,
            "connections over the limit per address closed; if the address is a proxy, add it to `listen.trusted_proxies`"
        );
        (self.closed, self.last_logged) = (0, Some(Instant::now()));
    }
}

/// A connection that fails with a timeout if a request or a response takes too long.
pub struct TimedConnection {
    stream: ClientStream,
    /// When the current phase is overdue.
    expires: Instant,
    /// Fires at that time or before it: then it is set again. So a request does not set it in most cases.
    timer: Pin<Box<Sleep>>,
    phase: ConnectionPhase,
    request: Duration,
    idle: Duration,
    service: Arc<AtomicBool>,
    _permit: Option<OwnedSemaphorePermit>,
    _address_permit: Option<AddressPermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionPhase {
    /// No byte since the last response.
    Idle,
    /// A request is being received.
    Request,
    /// A response is being sent.
    Response,
}

impl TimedConnection {
    /// True while a request is handled. What is written then is no response, but `100 Continue`: the rest of
    /// the request is still expected in time.
    pub fn service(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.service)
    }

    /// How its bytes arrive, once some have.
    pub fn transport_facts(&self) -> Arc<TransportFacts> {
        self.stream.facts()
    }

    fn start(&mut self, phase: ConnectionPhase, time: Duration) {
        self.phase = phase;
        self.expires = Instant::now() + time;
        if self.expires < self.timer.deadline() {
            self.timer.as_mut().reset(self.expires);
        }
    }

    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.expires <= Instant::now() {
                return true;
            }
            self.timer.as_mut().reset(self.expires);
        }
        false
    }
}

impl AsyncRead for TimedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_overdue(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.phase == ConnectionPhase::Idle {
            let request = self.request;
            self.start(ConnectionPhase::Request, request);
        }
        read
    }
}

impl AsyncWrite for TimedConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.service.load(Ordering::Relaxed) {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        if self.phase != ConnectionPhase::Response {
            let request = self.request;
            self.start(ConnectionPhase::Response, request);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        match written {
            Poll::Ready(Ok(_)) => {
                let idle = self.idle;
                self.start(ConnectionPhase::Idle, idle);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.is_overdue(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match &flushed {
            // TLS has taken the response, and the client does not read it.
            Poll::Pending => {
                if self.phase == ConnectionPhase::Idle {
                    let request = self.request;
                    self.start(ConnectionPhase::Response, request);
                }
                if self.is_overdue(cx) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            Poll::Ready(_) if self.phase == ConnectionPhase::Response => {
                let idle = self.idle;
                self.start(ConnectionPhase::Idle, idle);
            }
            Poll::Ready(_) => {}
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        if closed.is_pending() && self.is_overdue(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        closed
    }
}
