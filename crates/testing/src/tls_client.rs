//! HTTP over TLS by hand, so that a test sees the handshake: the certificate of the server, the protocol.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::http_wire::{Connection, Message};
use crate::wait::TIMEOUT;

/// A connection after its handshake.
pub struct TlsClient(Connection<StreamOwned<ClientConnection, TcpStream>>);

impl TlsClient {
    /// Connects, and completes the handshake.
    ///
    /// # Errors
    /// If the handshake fails.
    pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(address.ip());
        let client = ClientConnection::new(Arc::clone(config), name);
        let mut client = client.map_err(io::Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut stream)?;
        }
        Ok(Self(Connection::new(StreamOwned::new(client, stream))))
    }

    /// The certificate that the server presented.
    pub fn certificate(&mut self) -> CertificateDer<'static> {
        let chain = self.0.stream().conn.peer_certificates();
        let first = chain.and_then(|chain| chain.first());
        first.expect("a certificate").clone().into_owned()
    }

    /// What both agreed to speak.
    pub fn protocol(&mut self) -> Option<String> {
        let protocol = self.0.stream().conn.alpn_protocol()?;
        Some(String::from_utf8_lossy(protocol).into_owned())
    }

    /// Sends a JSON request and reads the response; the connection stays open.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Message> {
        self.0.send(method, path, body)
    }

    /// Sends a request with these bytes and reads the response.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<Message> {
        self.0.send_bytes(bytes)
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        match self.0.read() {
            Ok(message) => message.is_none(),
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}
