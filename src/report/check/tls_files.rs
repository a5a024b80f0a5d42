//! Checks the TLS files of listeners and connections: whether they can be read, fit each other and are valid.
//! A file that is absent is a warning, because rules are often checked on machines that do not have the keys.

use std::path::Path;

use jiff::Timestamp;

use crate::tls::{CertificatePair, Expiry, PemFile, TlsFileError, Validity, read_authorities};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::tls::ServerTls;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use flowtrigger_core::flow::call::ClientTls;

/// Reports files that cannot be used, and certificates that must be renewed.
pub fn check(config: &Config, now: Timestamp, diagnostics: &mut Diagnostics) {
    let listeners = [
        ("listen.tls", &config.listen.tls),
        ("page.tls", &config.page.tls),
    ];
    for (key, tls) in listeners {
        if let Some(ServerTls {
            certificate,
            key: key_file,
            at,
        }) = tls
        {
            let mut found = FileCheck {
                key: key.to_owned(),
                at: *at,
                now,
                diagnostics,
            };
            found.pair(certificate, key_file);
        }
    }
    for connection in config.connections.values() {
        if let Some(tls) = connection.tls.as_deref() {
            let mut found = FileCheck {
                key: format!("connections.{}.tls", connection.name),
                at: connection.tls_at,
                now,
                diagnostics,
            };
            found.client(tls);
        }
    }
}

/// The check of the files under one key.
struct FileCheck<'d> {
    key: String,
    at: Span,
    now: Timestamp,
    diagnostics: &'d mut Diagnostics,
}

impl FileCheck<'_> {
    fn client(&mut self, tls: &ClientTls) {
        if let Some(ca) = &tls.ca
            && let Err(error) = read_authorities(ca)
        {
            self.report(&error);
        }
        if let Some(identity) = &tls.identity {
            self.pair(&identity.certificate, &identity.key);
        }
    }

    fn pair(&mut self, certificate: &Path, key: &Path) {
        match CertificatePair::read(certificate, key) {
            Ok(pair) => {
                if let Some(expiry) = pair.expiry {
                    self.expiry(certificate, expiry);
                }
                if let Some(start) = pair.starts.filter(|start| *start > self.now) {
                    let (key, file) = (&self.key, certificate.display());
                    let message = format!(
                        "`{key}`: a certificate in `{file}` is not valid before {start:.0}; check the clock, or renew it"
                    );
                    let error = Diagnostic::error(Code::InvalidValue, self.at, message);
                    self.diagnostics.push(error);
                }
            }
            Err(error) => {
                self.report(&error);
                // A missing certificate hides a missing key.
                if error.is_absent() && certificate != key {
                    let key = PemFile::read(key).err().filter(|of_key| *of_key != error);
                    key.iter().for_each(|error| self.report(error));
                }
            }
        }
    }

    fn report(&mut self, error: &TlsFileError) {
        let message = format!("`{}`: {error}", self.key);
        let (at, code) = (self.at, Code::InvalidValue);
        self.diagnostics.push(match error.is_absent() {
            true => Diagnostic::warning(code, at, message),
            false => Diagnostic::error(code, at, message),
        });
    }

    fn expiry(&mut self, certificate: &Path, expiry: Expiry) {
        let Some(warning) = expiry.warning(self.now) else {
            return;
        };
        let (key, file) = (&self.key, certificate.display());
        let message = format!("`{key}`: a certificate in `{file}` {warning}");
        let (at, code) = (self.at, Code::InvalidValue);
        self.diagnostics.push(match expiry.validity(self.now) {
            Validity::Expired => Diagnostic::error(code, at, message),
            Validity::Short | Validity::Long => Diagnostic::warning(code, at, message),
        });
    }
}
