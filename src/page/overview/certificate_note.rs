//! The notes on certificates of the listeners: those that end soon, and renewals that are not in use.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::page::icon::Icon;
use crate::page::text::text;
use crate::source::admin::CertificateStatus;
use crate::tls::Expiry;

/// Nothing if all are valid for long, and those of their files.
pub fn notes(certificates: &[CertificateStatus], now: Timestamp) -> Markup {
    let needs_attention = |certificate: &&CertificateStatus| {
        warning(certificate, now).is_some() || certificate.problem.is_some()
    };
    html! {
        div id="certificates" data-fresh {
            @for certificate in certificates.iter().filter(needs_attention) { (note(certificate, now)) }
        }
    }
}

fn warning(certificate: &CertificateStatus, now: Timestamp) -> Option<String> {
    certificate.expires.and_then(|end| Expiry(end).warning(now))
}

fn note(certificate: &CertificateStatus, now: Timestamp) -> Markup {
    let listener = match certificate.listener {
        "page" => "the page",
        _ => "the listener for events",
    };
    html! {
        div class="note" role="status" {
            (Icon::Problems.render())
            p {
                b { "The certificate of " (listener) }
                " " code { (text(&certificate.certificate)) }
                @if let Some(warning) = warning(certificate, now) { " " (warning) "." }
                @if let Some(problem) = &certificate.problem {
                    " was not replaced by the new files: " (text(problem)) "."
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_end_or_are_not_replaced_are_shown() {
        let now: Timestamp = "2026-03-07T00:00:00Z".parse().unwrap();
        let certificate = CertificateStatus {
            valid_from: None,
            listener: "page",
            certificate: "tls/<b>.pem".into(),
            expires: Some("2026-06-20T00:00:00Z".parse().unwrap()),
            loaded: now,
            problem: None,
        };
        let shown = |certificate: &CertificateStatus| {
            notes(std::slice::from_ref(certificate), now).into_string()
        };
        assert!(!shown(&certificate).contains("note"));
        let short = CertificateStatus {
            expires: Some("2026-03-20T00:00:00Z".parse().unwrap()),
            ..certificate.clone()
        };
        let html = shown(&short);
        for part in [
            "The certificate of the page",
            "tls/&lt;b&gt;.pem",
            " expires at 2026-03-20T00:00:00Z, in 13 days; renew it.",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let rejected = CertificateStatus {
            problem: Some("the key is of another certificate".into()),
            ..certificate
        };
        let html = shown(&rejected);
        let part = " was not replaced by the new files: <bdi>the key is of another certificate";
        assert!(html.contains(part), "{html}");
    }
}
