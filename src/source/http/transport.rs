//! The bytes of a connection, with or without TLS. The handshake is part of reading, so that it counts for the
//! time of the first request, and a client that does not finish it is closed like one that sends nothing.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::Accept;
use tokio_rustls::server::TlsStream;

use super::listener_tls::ListenerTls;

/// The type of the first record of a TLS handshake.
const HANDSHAKE_RECORD: u8 = 0x16;

/// How a request reached the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Plain HTTP on a listener without TLS.
    #[default]
    Plain,
    Tls,
    /// Without TLS on a listener that requires it.
    PlainOnTls,
}

/// What is known of a connection once its first bytes were read.
#[derive(Debug, Default)]
pub struct TransportFacts {
    transport: OnceLock<Transport>,
    /// Why the handshake failed. The HTTP server takes such a connection for one that ended.
    failure: OnceLock<io::Error>,
}

impl TransportFacts {
    pub fn transport(&self) -> Transport {
        self.transport.get().copied().unwrap_or_default()
    }

    pub fn handshake_failure(&self) -> Option<&io::Error> {
        self.failure.get()
    }
}

/// A connection before, in and after its handshake.
pub struct ClientStream {
    state: StreamState,
    facts: Arc<TransportFacts>,
}

enum StreamState {
    Plain(TcpStream),
    /// The listener requires TLS, and no byte has arrived.
    Expected(TcpStream, ListenerTls),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    Failed,
}

impl ClientStream {
    pub fn new(stream: TcpStream, tls: Option<&ListenerTls>) -> Self {
        Self {
            state: match tls {
                None => StreamState::Plain(stream),
                Some(tls) => StreamState::Expected(stream, tls.clone()),
            },
            facts: Arc::default(),
        }
    }

    pub fn facts(&self) -> Arc<TransportFacts> {
        Arc::clone(&self.facts)
    }

    fn set_transport(&self, transport: Transport) {
        self.facts.transport.get_or_init(|| transport);
    }

    /// Looks at the first byte and leaves it there. Without a handshake the connection stays readable, so that its
    /// request gets an answer that says why.
    fn poll_start(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let StreamState::Expected(stream, _) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        let mut first = [0];
        let peeked = ready!(stream.poll_peek(cx, &mut ReadBuf::new(&mut first)))?;
        let StreamState::Expected(stream, tls) =
            std::mem::replace(&mut self.state, StreamState::Failed)
        else {
            return Poll::Ready(Ok(()));
        };
        self.state = match peeked > 0 && first[0] == HANDSHAKE_RECORD {
            true => StreamState::Handshake(Box::new(tls.accept(stream))),
            false => {
                self.set_transport(Transport::PlainOnTls);
                StreamState::Plain(stream)
            }
        };
        Poll::Ready(Ok(()))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_start(cx))?;
        let StreamState::Handshake(accept) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        match ready!(Pin::new(accept.as_mut()).poll(cx)) {
            Ok(stream) => {
                self.set_transport(Transport::Tls);
                self.state = StreamState::Tls(Box::new(stream));
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.state = StreamState::Failed;
                let kind = error.kind();
                drop(self.facts.failure.set(error));
                Poll::Ready(Err(kind.into()))
            }
        }
    }
}

/// Nothing is written before something was read.
fn not_connected<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_handshake(cx))?;
        match &mut self.state {
            StreamState::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            StreamState::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
            StreamState::Expected(..) | StreamState::Handshake(_) | StreamState::Failed => {
                not_connected()
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.state {
            StreamState::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            StreamState::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
            StreamState::Expected(..) | StreamState::Handshake(_) | StreamState::Failed => {
                not_connected()
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            StreamState::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            // The kernel has what was written.
            StreamState::Plain(_)
            | StreamState::Expected(..)
            | StreamState::Handshake(_)
            | StreamState::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            StreamState::Plain(stream) | StreamState::Expected(stream, _) => {
                Pin::new(stream).poll_shutdown(cx)
            }
            StreamState::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            // Dropping it closes the connection.
            StreamState::Handshake(_) | StreamState::Failed => Poll::Ready(Ok(())),
        }
    }
}
