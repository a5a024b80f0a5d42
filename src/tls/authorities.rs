//! Reads the certificates of the authorities that a connection trusts.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem_file::{PemFile, TlsFileError};

/// All certificates of the file; at least one.
///
/// # Errors
/// If the file cannot be read, or one of them cannot be an authority.
pub fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let file = PemFile::read(path)?;
    let certificates = file.certificates()?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        let added = roots.add(certificate.clone());
        added.map_err(|error| file.invalid_certificate(&error))?;
    }
    Ok(certificates)
}
