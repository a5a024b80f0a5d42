//! Logs connections that do not reach a route: failed TLS handshakes, and plain HTTP on a port with TLS. Limits
//! the lines of each kind, so that a port scan cannot flood the log.

use std::error::Error;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustls::AlertDescription;
use tracing::{debug, warn};

use super::peer::Peer;
use super::transport::Transport;
use crate::source::log_budget::LogBudget;

/// Why a connection or its request did not reach a route.
#[derive(Debug, Clone, Copy)]
pub enum ConnectionFault<'e> {
    /// The request could not be read, or the connection ended.
    Http(&'e hyper::Error, Transport),
    /// The TLS handshake failed.
    Handshake(&'e io::Error),
    /// A request without TLS on a listener that requires it.
    PlainHttp,
}

/// The lines that may still be written about one listener.
pub struct FaultLog {
    handshakes: Mutex<LogBudget>,
    plain: Mutex<LogBudget>,
}

impl Default for FaultLog {
    fn default() -> Self {
        let budget = || Mutex::new(LogBudget::new(Instant::now()));
        Self {
            handshakes: budget(),
            plain: budget(),
        }
    }
}

impl FaultLog {
    pub fn record(&self, fault: ConnectionFault<'_>, peer: Peer) {
        let address = peer.address();
        match fault {
            // Closed connections and timeouts are normal.
            ConnectionFault::Http(error, _) => {
                debug!(peer = %peer.0, %error, "connection failed");
            }
            ConnectionFault::Handshake(error) => match tls_error(error) {
                Some(tls) => {
                    if let Some(omitted) = admit(&self.handshakes) {
                        let help = help(tls);
                        warn!(%address, error = %tls, help, omitted, "TLS handshake failed");
                    }
                }
                None => debug!(peer = %peer.0, %error, "TLS handshake not finished"),
            },
            ConnectionFault::PlainHttp => {
                if let Some(omitted) = admit(&self.plain) {
                    warn!(
                        %address,
                        help = "use `https://` in the address",
                        omitted,
                        "plain HTTP on a port with TLS; the request was rejected"
                    );
                }
            }
        }
    }
}

/// The number of lines omitted since the last one, if another may be written.
fn admit(budget: &Mutex<LogBudget>) -> Option<Option<u64>> {
    let mut budget = budget.lock().unwrap_or_else(PoisonError::into_inner);
    let omitted = budget.admit(Instant::now())?;
    Some((omitted > 0).then_some(omitted))
}

/// `None` if the connection just ended.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner: &(dyn Error + 'static) = error.get_ref()?;
    inner.downcast_ref()
}

/// What to do about a failed handshake.
fn help(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnsupportedCertificate,
        ) => {
            "the client does not accept the certificate: check its name and expiry, and that the file of `tls.certificate` has the intermediate certificates"
        }
        rustls::Error::NoApplicationProtocol => {
            "the client offers no HTTP/1.1; configure it to use HTTP/1.1"
        }
        rustls::Error::PeerIncompatible(_) => {
            "the client supports neither TLS 1.2 nor TLS 1.3 with a common cipher; update it"
        }
        _ => "check that the client speaks TLS 1.2 or newer on this port",
    }
}
