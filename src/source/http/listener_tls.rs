//! The TLS of a listener: its certificate, which can be replaced while connections are open, and its versions.
//! Serves TLS 1.2 and 1.3, and HTTP/1.1 within it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::tls::CertificatePair;

/// What the server speaks, in the order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// The certificate of a listener. Clones share it.
#[derive(Clone)]
pub struct ListenerTls(Arc<ArcSwap<ServerConfig>>);

impl ListenerTls {
    pub fn new(pair: &CertificatePair) -> Self {
        Self(Arc::new(ArcSwap::new(server_config(pair))))
    }

    /// Handshakes that start from now on present this certificate. Sessions of the former one are not resumed.
    pub fn replace(&self, pair: &CertificatePair) {
        self.0.store(server_config(pair));
    }

    pub(super) fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        TlsAcceptor::from(self.0.load_full()).accept(stream)
    }
}

fn server_config(pair: &CertificatePair) -> Arc<ServerConfig> {
    let certificate = SingleCertAndKey::from(Arc::clone(&pair.certified));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider supports both versions");
    let mut config = builder
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Arc::new(config)
}
