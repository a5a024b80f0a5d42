//! When the certificates of a file end to be valid, and how near that is.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_cert::der::Decode;

/// Certificates are usually renewed 30 days before their end; what is valid for less time than this was forgotten.
pub const RENEWAL_TIME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The end of validity of a chain of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry(pub Timestamp);

/// How near the end of validity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Long,
    /// The end is less than 14 days away.
    Short,
    Expired,
}

impl Expiry {
    /// The earliest end of all certificates that can be read; `None` if none can.
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let ends = chain.iter().filter_map(|certificate| {
            let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
            let end = certificate.tbs_certificate.validity.not_after;
            let seconds = i64::try_from(end.to_unix_duration().as_secs()).ok()?;
            Timestamp::from_second(seconds).ok()
        });
        ends.min().map(Self)
    }

    /// The latest begin of validity of all certificates that can be read.
    pub fn start_of(chain: &[CertificateDer<'_>]) -> Option<Timestamp> {
        let starts = chain.iter().filter_map(|certificate| {
            let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
            let start = certificate.tbs_certificate.validity.not_before;
            let seconds = i64::try_from(start.to_unix_duration().as_secs()).ok()?;
            Timestamp::from_second(seconds).ok()
        });
        starts.max()
    }

    pub fn validity(self, now: Timestamp) -> Validity {
        match self.0.duration_since(now) {
            left if left <= SignedDuration::ZERO => Validity::Expired,
            left if left < RENEWAL_TIME => Validity::Short,
            _ => Validity::Long,
        }
    }

    /// What to say about a certificate that must be renewed; `None` if it is valid for long.
    pub fn warning(self, now: Timestamp) -> Option<String> {
        let days = self.0.duration_since(now).as_hours() / 24;
        match self.validity(now) {
            Validity::Long => None,
            Validity::Short => Some(format!("expires at {self}, in {days} days; renew it")),
            Validity::Expired => Some(format!("expired at {self}; renew it")),
        }
    }
}

/// In seconds.
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_starts_two_weeks_before_the_end() {
        let end = Expiry("2026-03-20T00:00:00Z".parse().unwrap());
        let warning = |now: &str| end.warning(now.parse().unwrap());
        assert_eq!(warning("2026-03-05T00:00:00Z"), None);
        assert_eq!(
            warning("2026-03-07T00:00:00Z").as_deref(),
            Some("expires at 2026-03-20T00:00:00Z, in 13 days; renew it")
        );
        assert_eq!(
            warning("2026-03-20T00:00:00Z").as_deref(),
            Some("expired at 2026-03-20T00:00:00Z; renew it")
        );
    }
}
