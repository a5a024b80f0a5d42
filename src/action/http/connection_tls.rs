//! The clients of connections with TLS files of their own: authorities, and a client certificate. Each has its own
//! connections, so that no other request uses one that was opened with the certificate.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Certificate, Client, ClientBuilder, Identity};

use crate::tls::{CertificatePair, PemFile, TlsFileError, read_authorities};
use flowtrigger_core::flow::call::{ClientIdentity, ClientTls};

/// The TLS files of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionTls {
    /// The name of the connection.
    pub name: String,
    pub tls: Arc<ClientTls>,
}

/// Why the TLS files of a connection cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConnectionTlsError {
    pub name: String,
    pub error: TlsFileError,
}

impl fmt::Display for ConnectionTlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`connections.{}.tls`: {}", self.name, self.error)
    }
}

/// A client, and the content of its files.
#[derive(Clone)]
pub(super) struct ConnectionClient {
    pub(super) client: Client,
    files: TlsFiles,
}

/// The clients by their files.
pub(super) type ConnectionClients = BTreeMap<Arc<ClientTls>, ConnectionClient>;

/// The content of the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TlsFiles {
    ca: Option<PemFile>,
    identity: Option<Vec<u8>>,
}

impl TlsFiles {
    /// Reads and checks the files.
    pub(super) fn read(tls: &ClientTls) -> Result<Self, TlsFileError> {
        let ca = |path: &Path| {
            read_authorities(path)?;
            PemFile::read(path)
        };
        let identity = |identity: &ClientIdentity| {
            CertificatePair::read(&identity.certificate, &identity.key).map(|pair| pair.pem)
        };
        Ok(Self {
            ca: tls.ca.as_deref().map(ca).transpose()?,
            identity: tls.identity.as_ref().map(identity).transpose()?,
        })
    }

    /// Adds the files to a client.
    fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        let builder = match &self.ca {
            Some(ca) => builder.tls_certs_only(Certificate::from_pem_bundle(ca.bytes())?),
            None => builder,
        };
        Ok(match &self.identity {
            Some(pem) => builder.identity(Identity::from_pem(pem)?),
            None => builder,
        })
    }
}

impl ConnectionClient {
    pub(super) fn new(files: TlsFiles, builder: ClientBuilder) -> Result<Self, reqwest::Error> {
        let client = files.apply(builder)?.build()?;
        Ok(Self { client, files })
    }

    /// Whether the files still have this content.
    pub(super) fn has_files(&self, files: &TlsFiles) -> bool {
        self.files == *files
    }
}
