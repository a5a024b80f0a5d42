//! TLS files for listeners and connections: certificates, keys and authorities as PEM, their expiry, and whether
//! they have changed on disk.

mod authorities;
mod certificate_pair;
mod expiry;
mod file_fingerprint;
mod pem_file;

pub use authorities::read_authorities;
pub use certificate_pair::CertificatePair;
pub use expiry::{Expiry, Validity};
pub use file_fingerprint::FileFingerprint;
pub use pem_file::{PemFile, TlsFileError};
