//! A certificate with its intermediate certificates and its key. Reading fails if the key belongs to another
//! certificate, as it does while a renewal replaces one file after the other.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;

use super::expiry::Expiry;
use super::pem_file::{PemFile, TlsFileError};

/// A certificate and its key, which fit each other.
#[derive(Clone)]
pub struct CertificatePair {
    pub certified: Arc<CertifiedKey>,
    /// The certificates and the key as one PEM text.
    pub pem: Vec<u8>,
    /// The first end of validity of the certificates, if they can be read.
    pub expiry: Option<Expiry>,
    /// The last begin of validity of the certificates, if they can be read.
    pub starts: Option<Timestamp>,
}

impl CertificatePair {
    /// # Errors
    /// If a file cannot be read, or if the files do not fit each other.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsFileError> {
        let (certificate_file, key_file) = (PemFile::read(certificate)?, PemFile::read(key)?);
        let chain = certificate_file.certificates()?;
        let signer = ring::sign::any_supported_type(&key_file.key()?);
        let signer = signer.map_err(|error| key_file.invalid_key(&error))?;
        let (starts, expiry) = (Expiry::start_of(&chain), Expiry::of(&chain));
        let certified = CertifiedKey::new(chain, signer);
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsFileError::Mismatch {
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                }
            }
            error => certificate_file.invalid_certificate(&error),
        })?;
        let mut pem = certificate_file.bytes().to_vec();
        if certificate != key {
            pem.push(b'\n');
            pem.extend_from_slice(key_file.bytes());
        }
        Ok(Self {
            certified: Arc::new(certified),
            pem,
            expiry,
            starts,
        })
    }
}

/// Without the key.
impl std::fmt::Debug for CertificatePair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificatePair")
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}
