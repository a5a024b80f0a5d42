//! Metrics of the certificates of the listeners: when they end, and whether the files on disk are in use.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::ListenerLabels;
use crate::source::admin::CertificateStatus;

#[derive(Debug, Clone, Default)]
pub struct CertificateMetrics {
    /// The end of validity, in Unix time.
    expiry: Family<ListenerLabels, Gauge>,
    current: Family<ListenerLabels, Gauge>,
}

impl CertificateMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "flowtrigger_tls_certificate_expiry_timestamp",
            "End of validity of the certificate of a listener, in Unix time",
            Unit::Seconds,
            self.expiry.clone(),
        );
        registry.register(
            "flowtrigger_tls_certificate_current",
            "1 if the certificate of a listener is that of its files, 0 if they cannot be used",
            self.current.clone(),
        );
    }

    /// What is known of the certificates now.
    pub fn set(&self, certificates: &[CertificateStatus]) {
        for certificate in certificates {
            let labels = ListenerLabels {
                listener: certificate.listener,
            };
            let current = certificate.problem.is_none().into();
            self.current.get_or_create(&labels).set(current);
            match certificate.expires {
                Some(end) => {
                    self.expiry.get_or_create(&labels).set(end.as_second());
                }
                None => {
                    self.expiry.remove(&labels);
                }
            }
        }
    }
}
