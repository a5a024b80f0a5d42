//! An HTTPS server on this machine that records its requests, with the certificate that the client presented.
//! Runs on its own threads and ends when it is dropped.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::http_wire::{Connection, Message};

pub struct TlsReceiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<ServerConfig>,
    response: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    received: Vec<TlsRequest>,
    connections: usize,
    is_closed: bool,
}

/// A request, with the certificate of its client.
#[derive(Debug, Clone)]
pub struct TlsRequest {
    pub head: String,
    pub certificate: Option<CertificateDer<'static>>,
}

impl TlsReceiver {
    /// Answers 200 to every request.
    pub fn ok(config: Arc<ServerConfig>) -> Self {
        Self::answering(config, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    }

    /// Redirects every request.
    pub fn redirecting(config: Arc<ServerConfig>, to: &str) -> Self {
        let head = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n";
        Self::answering(config, &format!("{head}location: {to}\r\n\r\n"))
    }

    fn answering(config: Arc<ServerConfig>, response: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            config,
            response: response.to_owned(),
            state: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = serving.state.lock().unwrap();
                if state.is_closed {
                    return;
                }
                state.connections += 1;
                drop(state);
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || drop(serving.serve(stream)));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub fn received(&self) -> Vec<TlsRequest> {
        self.shared.state.lock().unwrap().received.clone()
    }

    /// The number of connections that were opened.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().connections
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let server = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let mut connection = Connection::new(StreamOwned::new(server, stream));
        while let Some(Message { head, .. }) = connection.read()? {
            let stream = connection.stream();
            let presented = stream.conn.peer_certificates().unwrap_or_default();
            let certificate = presented.first().map(|first| first.clone().into_owned());
            let mut state = self.state.lock().unwrap();
            state.received.push(TlsRequest { head, certificate });
            drop(state);
            stream.write_all(self.response.as_bytes())?;
        }
        Ok(())
    }
}

impl Drop for TlsReceiver {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().is_closed = true;
        // Ends the wait for the next connection.
        drop(TcpStream::connect(self.address));
    }
}
