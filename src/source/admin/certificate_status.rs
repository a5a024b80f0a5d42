//! What is known of the certificate of a listener: the files, its end of validity, and why a renewal is not in use.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The certificate of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateStatus {
    /// `events` or `page`.
    pub listener: &'static str,
    pub certificate: String,
    /// The end of validity, if it can be read.
    #[serde(
        serialize_with = "maybe_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires: Option<Timestamp>,
    /// The begin of validity, if it can be read.
    #[serde(
        serialize_with = "maybe_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub valid_from: Option<Timestamp>,
    /// When it was loaded.
    #[serde(serialize_with = "seconds")]
    pub loaded: Timestamp,
    /// Why the files on disk are not in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

fn seconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.0}"))
}

fn maybe_seconds<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => seconds(at, serializer),
        None => serializer.serialize_none(),
    }
}
