//! Reads certificates and keys of a PEM file, and describes why one cannot be used. Messages never contain a key.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The authorities of a system take about 250 kB; a longer file is a mistake.
const FILE_CAP: u64 = 4 * 1024 * 1024;

/// Certificates without extensions have an old version.
const VERSION_1: &str =
    "its version is not X.509 v3; issue it with extensions, such as `subjectAltName`";

/// Why a TLS file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileError {
    #[error("`{}` does not exist; write the PEM text to it, or correct the path", .0.display())]
    Missing(PathBuf),
    #[error("no permission to read `{}`; give the user that runs flowtrigger read permission", .0.display())]
    Forbidden(PathBuf),
    #[error("failed to read `{}`: {why}; check that it is a readable file", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("`{}` contains no certificate; it must have a block that starts with `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    #[error("`{}` contains no private key that can be used; it must have a block that starts with `-----BEGIN PRIVATE KEY-----`, not encrypted", .0.display())]
    NoKey(PathBuf),
    #[error("`{}` contains an encrypted private key; write it without a passphrase: `openssl pkey -in OLD -out NEW`", .0.display())]
    EncryptedKey(PathBuf),
    #[error("`{}` contains an invalid certificate ({why}); write it again", path.display())]
    InvalidCertificate { path: PathBuf, why: String },
    #[error("`{}` contains an invalid private key ({why}); write it again", path.display())]
    InvalidKey { path: PathBuf, why: String },
    #[error(
        "the key in `{}` does not belong to the first certificate in `{}`; put the certificate of this key first, followed by the intermediate certificates",
        key.display(),
        certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
}

impl TlsFileError {
    /// Whether the file is absent or closed to this user, which may be different for the daemon.
    pub fn is_absent(&self) -> bool {
        match self {
            TlsFileError::Missing(_) | TlsFileError::Forbidden(_) => true,
            TlsFileError::Unreadable { .. }
            | TlsFileError::NoCertificate(_)
            | TlsFileError::NoKey(_)
            | TlsFileError::EncryptedKey(_)
            | TlsFileError::InvalidCertificate { .. }
            | TlsFileError::InvalidKey { .. }
            | TlsFileError::Mismatch { .. } => false,
        }
    }
}

/// The bytes of a PEM file.
#[derive(Clone, PartialEq, Eq)]
pub struct PemFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl PemFile {
    /// # Errors
    /// If the file is absent, closed to this user, too long or no file.
    pub fn read(path: &Path) -> Result<Self, TlsFileError> {
        let unreadable = |error: &io::Error| match error.kind() {
            io::ErrorKind::NotFound => TlsFileError::Missing(path.to_owned()),
            io::ErrorKind::PermissionDenied => TlsFileError::Forbidden(path.to_owned()),
            _ => TlsFileError::Unreadable {
                path: path.to_owned(),
                why: error.to_string(),
            },
        };
        let bytes = read_bytes(path).map_err(|error| unreadable(&error))?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
        })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All certificates, in the order of the file; at least one.
    ///
    /// # Errors
    /// If there is none, or one is not PEM.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        let found = found.map_err(|error| self.invalid_certificate(&error))?;
        match found.is_empty() {
            true => Err(TlsFileError::NoCertificate(self.path.clone())),
            false => Ok(found),
        }
    }

    /// The first private key.
    ///
    /// # Errors
    /// If there is none, or it is not PEM.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, TlsFileError> {
        let marks: [&[u8]; 2] = [b"Proc-Type: 4,ENCRYPTED", b"BEGIN ENCRYPTED PRIVATE KEY"];
        let is_encrypted = marks.iter().any(|mark| has(&self.bytes, mark));
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| match error {
            _ if is_encrypted => TlsFileError::EncryptedKey(self.path.clone()),
            pem::Error::NoItemsFound => TlsFileError::NoKey(self.path.clone()),
            error => self.invalid_key(&error),
        })
    }

    pub(super) fn invalid_certificate(&self, why: &dyn std::error::Error) -> TlsFileError {
        TlsFileError::InvalidCertificate {
            path: self.path.clone(),
            why: match why.to_string() {
                // The libraries name it only with a code.
                text if text.contains("UnsupportedCertVersion") => VERSION_1.to_owned(),
                text => text,
            },
        }
    }

    pub(super) fn invalid_key(&self, why: &dyn std::error::Error) -> TlsFileError {
        TlsFileError::InvalidKey {
            path: self.path.clone(),
            why: why.to_string(),
        }
    }
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|part| part == mark)
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    // Reading a pipe or a device could block forever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_CAP + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_CAP {
        true => Err(io::Error::other(format!(
            "it is longer than {FILE_CAP} bytes"
        ))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_version_is_named() {
        let file = PemFile {
            path: "old.pem".into(),
            bytes: Vec::new(),
        };
        let error = io::Error::other("invalid: Other(OtherError(UnsupportedCertVersion))");
        let message = file.invalid_certificate(&error).to_string();
        assert!(message.contains("its version is not X.509 v3"), "{message}");
    }
}
