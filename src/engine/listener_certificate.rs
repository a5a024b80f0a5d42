//! The certificate of a listener: read at the start, and again when its files have changed and are complete.
//! Files that do not fit each other leave the certificate in use, and are reported once.

use std::path::Path;

use jiff::Timestamp;
use tracing::{error, info, warn};

use crate::source::admin::CertificateStatus;
use crate::source::http::ListenerTls;
use crate::tls::{CertificatePair, Expiry, FileFingerprint, TlsFileError, Validity};
use flowtrigger_core::config::tls::ServerTls;

/// A listener that can have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsListener {
    Events,
    Page,
}

impl TlsListener {
    /// The name in metrics and in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            TlsListener::Events => "events",
            TlsListener::Page => "page",
        }
    }

    /// The key of the configuration.
    pub fn key(self) -> &'static str {
        match self {
            TlsListener::Events => "listen.tls",
            TlsListener::Page => "page.tls",
        }
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}`: {error}", listener.key())]
pub struct ListenerCertificateError {
    pub listener: TlsListener,
    pub error: TlsFileError,
}

/// The certificate of a listener, and what was seen of its files.
pub struct ListenerCertificate {
    listener: TlsListener,
    files: ServerTls,
    tls: ListenerTls,
    expiry: Option<Expiry>,
    starts: Option<Timestamp>,
    loaded: Timestamp,
    in_use: FileFingerprint,
    /// What the last look saw. Files are read when two looks see the same.
    seen: FileFingerprint,
    /// The files that cannot be used, and why.
    rejected: Option<(FileFingerprint, TlsFileError)>,
    /// The last validity that was logged.
    logged: Validity,
}

/// What a look at the files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateLook {
    Unchanged,
    Replaced,
    /// The files have changed, and cannot be used.
    Rejected,
}

impl ListenerCertificate {
    /// # Errors
    /// If the files cannot be used.
    pub fn open(
        listener: TlsListener,
        files: &ServerTls,
        now: Timestamp,
    ) -> Result<Self, ListenerCertificateError> {
        let seen = fingerprint(files);
        let pair = CertificatePair::read(&files.certificate, &files.key);
        let pair = pair.map_err(|error| ListenerCertificateError { listener, error })?;
        let mut certificate = Self {
            listener,
            files: files.clone(),
            tls: ListenerTls::new(&pair),
            expiry: pair.expiry,
            starts: pair.starts,
            loaded: now,
            in_use: seen.clone(),
            seen,
            rejected: None,
            logged: Validity::Long,
        };
        certificate.log_expiry(now);
        Ok(certificate)
    }

    /// What the listener uses: it changes with this certificate.
    pub fn tls(&self) -> ListenerTls {
        self.tls.clone()
    }

    pub fn listener(&self) -> TlsListener {
        self.listener
    }

    /// Looks at the files, and uses them if they have changed, are the same as at the last look and fit each other.
    pub fn look(&mut self, now: Timestamp) -> CertificateLook {
        self.log_expiry(now);
        let before = std::mem::replace(&mut self.seen, fingerprint(&self.files));
        if self.seen == self.in_use {
            // What could not be used was undone.
            return match self.rejected.take() {
                Some(_) => CertificateLook::Replaced,
                None => CertificateLook::Unchanged,
            };
        }
        let is_known = self
            .rejected
            .as_ref()
            .is_some_and(|(rejected, _)| *rejected == self.seen);
        if self.seen != before || is_known {
            return CertificateLook::Unchanged;
        }
        let pair = CertificatePair::read(&self.files.certificate, &self.files.key);
        // They may have changed while they were read.
        if fingerprint(&self.files) != self.seen {
            return CertificateLook::Unchanged;
        }
        match pair {
            Ok(pair) => {
                self.replace(&pair, now);
                CertificateLook::Replaced
            }
            Err(error) => {
                error!(
                    key = self.listener.key(),
                    %error,
                    "the certificate on disk cannot be used; the previous one stays in use"
                );
                self.rejected = Some((self.seen.clone(), error));
                CertificateLook::Rejected
            }
        }
    }

    fn replace(&mut self, pair: &CertificatePair, now: Timestamp) {
        self.tls.replace(pair);
        (self.expiry, self.starts, self.loaded) = (pair.expiry, pair.starts, now);
        (self.in_use, self.rejected) = (self.seen.clone(), None);
        self.logged = Validity::Long;
        let expires = self.expiry.map(|expiry| expiry.to_string());
        info!(
            key = self.listener.key(),
            expires, "certificate replaced; open connections continue"
        );
        self.log_expiry(now);
    }

    /// Logs once when the end comes near, and once when it has passed.
    fn log_expiry(&mut self, now: Timestamp) {
        let Some(expiry) = self.expiry else {
            return;
        };
        let validity = expiry.validity(now);
        if std::mem::replace(&mut self.logged, validity) == validity {
            return;
        }
        if let Some(warning) = expiry.warning(now) {
            let certificate = self.files.certificate.display();
            warn!(key = self.listener.key(), %certificate, "the certificate {warning}");
        }
    }

    pub fn status(&self) -> CertificateStatus {
        let problem = self.rejected.as_ref().map(|(_, error)| error.to_string());
        CertificateStatus {
            listener: self.listener.as_str(),
            certificate: self.files.certificate.display().to_string(),
            expires: self.expiry.map(|Expiry(end)| end),
            valid_from: self.starts,
            loaded: self.loaded,
            problem,
        }
    }
}

fn fingerprint(files: &ServerTls) -> FileFingerprint {
    let paths: [&Path; 2] = [&files.certificate, &files.key];
    FileFingerprint::of(paths)
}
