//! Connections: how many at a time and of one address, and how long each may take to ask and to listen.
//! It refuses to wait for who dribbles or does not read: a time starts with a request's or an answer's first byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tracing::warn;

use super::HttpLimits;
use super::peer::Peer;
use super::per_address::{AddressLimiter, AddressPermit};

/// Between two words about senders that were hung up on.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Lets in as many connections as there are places.
pub struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    crowd: AddressLimiter,
    request: Duration,
    idle: Duration,
    hung_up: u64,
    told: Option<Instant>,
}

impl Acceptor {
    pub fn new(listener: TcpListener, limits: &HttpLimits) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(limits.connections)),
            crowd: AddressLimiter::new(limits.per_address, &limits.trusted_proxies),
            request: limits.request,
            idle: limits.idle,
            hung_up: 0,
            told: None,
        }
    }

    /// The next connection that has a place. Where the machine has no more files to give, axum's
    /// listener waits a second and tries again.
    pub async fn accept(&mut self) -> (TimedConnection, Peer) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await;
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let peer = Peer(address);
            let Some(counted) = self.crowd.enter(peer) else {
                self.hang_up(peer);
                continue;
            };
            let connection = TimedConnection {
                stream,
                deadline: Box::pin(sleep(self.request)),
                phase: ConnectionPhase::Quiet,
                request: self.request,
                idle: self.idle,
                _place: place.ok(),
                _counted: counted,
            };
            return (connection, peer);
        }
    }

    /// A flood of connections is no flood of words.
    fn hang_up(&mut self, peer: Peer) {
        self.hung_up += 1;
        if self.told.is_some_and(|told| told.elapsed() < LOG_INTERVAL) {
            return;
        }
        let (address, connections) = (peer.address(), self.hung_up);
        warn!(
            %address,
            connections,
            "hung up on connections beyond an address's share; if it is a proxy, name it under `listen.trusted_proxies`"
        );
        (self.hung_up, self.told) = (0, Some(Instant::now()));
    }
}

/// A connection that ends itself when a request takes too long to come.
pub struct TimedConnection {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    phase: ConnectionPhase,
    request: Duration,
    idle: Duration,
    _place: Option<OwnedSemaphorePermit>,
    _counted: Option<AddressPermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionPhase {
    /// No byte since the last answer.
    Quiet,
    /// A request is coming in; more bytes of it gain no more time.
    Request,
    /// An answer is going out; a reader that does not take it gains no more time.
    Answer,
}

impl TimedConnection {
    fn enter(&mut self, phase: ConnectionPhase, time: Duration) {
        self.phase = phase;
        self.deadline.as_mut().reset(Instant::now() + time);
    }

    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        self.deadline.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for TimedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.overdue(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.phase == ConnectionPhase::Quiet {
            let request = self.request;
            self.enter(ConnectionPhase::Request, request);
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
        if self.phase != ConnectionPhase::Answer {
            let request = self.request;
            self.enter(ConnectionPhase::Answer, request);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        match written {
            Poll::Ready(Ok(_)) => {
                let idle = self.idle;
                self.enter(ConnectionPhase::Quiet, idle);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.overdue(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
