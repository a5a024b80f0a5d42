//! The certificates of the daemon's listeners, whose files are looked at every few seconds.

use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::engine::handle::Engine;
use crate::engine::listener_certificate::{
    CertificateLook, ListenerCertificate, ListenerCertificateError, TlsListener,
};
use crate::engine::{EngineError, Perform};
use crate::source::admin::CertificateStatus;
use crate::source::http::BoundListener;
use crate::store::Store;
use flowtrigger_core::config::Config;

/// The time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The certificates of all listeners that have one.
#[derive(Default)]
pub struct ListenerCertificates(Vec<ListenerCertificate>);

impl ListenerCertificates {
    /// # Errors
    /// If the files of one cannot be used.
    pub fn open(config: &Config, now: Timestamp) -> Result<Self, EngineError> {
        let configured = [
            (TlsListener::Events, &config.listen.tls),
            (TlsListener::Page, &config.page.tls),
        ];
        let configured = configured
            .into_iter()
            .filter_map(|(listener, tls)| Some((listener, tls.as_ref()?)));
        let opened =
            configured.map(|(listener, tls)| ListenerCertificate::open(listener, tls, now));
        let opened: Result<Vec<_>, ListenerCertificateError> = opened.collect();
        Ok(Self(opened?))
    }

    /// The listener with its certificate, if it has one.
    pub fn bind(&self, listener: TlsListener, tcp: TcpListener) -> BoundListener {
        let mut known = self.0.iter();
        let own = known.find(|certificate| certificate.listener() == listener);
        BoundListener {
            tcp,
            tls: own.map(ListenerCertificate::tls),
        }
    }

    /// Looks at the files of all certificates; whether one has changed.
    fn look(&mut self, now: Timestamp) -> bool {
        let looks = self.0.iter_mut().map(|certificate| certificate.look(now));
        // Every one is looked at.
        let looks: Vec<CertificateLook> = looks.collect();
        looks.iter().any(|look| *look != CertificateLook::Unchanged)
    }

    fn status(&self) -> Vec<CertificateStatus> {
        self.0.iter().map(ListenerCertificate::status).collect()
    }
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// What is known of the certificates of the listeners.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        Vec::clone(&self.shared.certificates.load())
    }

    fn note_certificates(&self, certificates: Vec<CertificateStatus>) {
        self.shared.metrics.certificates().set(&certificates);
        self.shared.certificates.store(certificates.into());
    }

    /// Starts the task that looks at the files of the certificates. It ends when it is aborted.
    pub(super) fn keep_certificates(
        &self,
        mut certificates: ListenerCertificates,
    ) -> JoinHandle<()> {
        let engine = self.clone();
        engine.note_certificates(certificates.status());
        tokio::spawn(async move {
            while !certificates.0.is_empty() {
                tokio::time::sleep(LOOK_INTERVAL).await;
                let now = engine.shared.now();
                // Files can be on a slow disk.
                let looking = tokio::task::spawn_blocking(move || {
                    let changed = certificates.look(now);
                    (certificates, changed)
                });
                let Ok((looked_at, changed)) = looking.await else {
                    return;
                };
                certificates = looked_at;
                if changed {
                    engine.note_certificates(certificates.status());
                }
            }
        })
    }
}
