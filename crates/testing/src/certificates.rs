//! Certificates for tests: an authority, and what it signs for servers and clients of this machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientCertVerifierBuilder, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Signs certificates.
pub struct TestAuthority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub struct TestCertificate {
    pub certificate: String,
    pub key: String,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl TestAuthority {
    pub fn new(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate of a server on 127.0.0.1 and `localhost`, valid for a year.
    pub fn server(&self, name: &str) -> TestCertificate {
        self.server_for(name, 365 * DAY)
    }

    /// A certificate of a server that is valid for this time from now on.
    pub fn server_for(&self, name: &str, time: Duration) -> TestCertificate {
        let mut params = params(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_after = params.not_before + DAY + time;
        self.sign(&params)
    }

    /// A certificate of a server that has expired.
    pub fn expired_server(&self, name: &str) -> TestCertificate {
        let mut params = params(name);
        params.not_after = params.not_before + DAY / 2;
        self.sign(&params)
    }

    /// A certificate of a server that is valid later.
    pub fn future_server(&self, name: &str) -> TestCertificate {
        let mut params = params(name);
        params.not_before += 30 * DAY;
        params.not_after = params.not_before + 365 * DAY;
        self.sign(&params)
    }

    /// A certificate of a client.
    pub fn client(&self, name: &str) -> TestCertificate {
        let mut params = params(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> TestCertificate {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer);
        TestCertificate {
            certificate: certificate.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that trusts this authority alone, and presents a certificate if it has one.
    pub fn client_config(&self, own: Option<&TestCertificate>) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_root_certificates(self.roots());
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(own.chain(), own.private_key())
                .expect("a usable certificate"),
        })
    }

    /// A server that demands certificates of this authority from its clients.
    pub fn demanding_server(&self, own: &TestCertificate) -> Arc<ServerConfig> {
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots().into(), provider());
        Self::server_with(own, clients)
    }

    /// A server that asks for certificates, and serves clients without one too.
    pub fn asking_server(&self, own: &TestCertificate) -> Arc<ServerConfig> {
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots().into(), provider());
        Self::server_with(own, clients.allow_unauthenticated())
    }

    fn server_with(own: &TestCertificate, clients: ClientCertVerifierBuilder) -> Arc<ServerConfig> {
        let clients = clients.build().expect("a verifier");
        let config = server_builder().with_client_cert_verifier(clients);
        let config = config.with_single_cert(own.chain(), own.private_key());
        Arc::new(config.expect("a usable certificate"))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.pem.as_bytes());
        roots.add(own.expect("PEM")).expect("an authority");
        roots
    }
}

impl TestCertificate {
    /// Writes `NAME.pem` and `NAME.key`.
    pub fn write(&self, folder: &Path, name: &str) {
        let write = |file: String, text: &str| {
            std::fs::write(folder.join(file), text).expect("a writable folder");
        };
        write(format!("{name}.pem"), &self.certificate);
        write(format!("{name}.key"), &self.key);
    }

    /// A server that takes any client.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let config = server_builder().with_no_client_auth();
        let config = config.with_single_cert(self.chain(), self.private_key());
        Arc::new(config.expect("a usable certificate"))
    }

    /// The certificate as a handshake shows it.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM")
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.der()]
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM")
    }
}

fn params(name: &str) -> CertificateParams {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    let now = std::time::SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + 365 * DAY).into();
    params
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the default versions")
}
