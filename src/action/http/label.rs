//! The name of a request in messages: method, address without query and credentials, and peer.
//! It is made from the redacted address, so that it contains no secret.

use flowtrigger_core::flow::call::HttpCall;
use flowtrigger_core::run::call_result::CallFailure;

pub(super) struct RequestLabel {
    /// `POST https://host/path`
    pub(super) shown: String,
    /// `host:port`, or the whole address if a secret forms the host.
    pub(super) peer: String,
}

impl RequestLabel {
    pub(super) fn new(call: &HttpCall) -> Self {
        Self::at(&call.method, &call.url.to_string())
    }

    /// The label of a redacted address.
    pub(super) fn at(method: &str, url: &str) -> Self {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let (address, peer) = match url[..end].split_once("://") {
            Some((scheme, rest)) => address_and_peer(scheme, rest),
            None => (url[..end].to_owned(), url[..end].to_owned()),
        };
        Self {
            shown: format!("{method} {address}"),
            peer,
        }
    }

    /// Whether a secret forms the host, which messages must not show.
    pub(super) fn hides_its_host(&self) -> bool {
        self.peer.contains("[secret ")
    }

    pub(super) fn permanent(&self, what: impl std::fmt::Display) -> CallFailure {
        CallFailure::permanent(format!("{}: {what}", self.shown))
    }

    pub(super) fn transient(&self, what: impl std::fmt::Display) -> CallFailure {
        CallFailure::transient(format!("{}: {what}", self.shown))
    }
}

/// The address without `user:password@`, and the peer with its port.
fn address_and_peer(scheme: &str, rest: &str) -> (String, String) {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'));
    let peer = match (has_port, scheme.to_ascii_lowercase().as_str()) {
        (false, "http") => format!("{host}:80"),
        (false, "https") => format!("{host}:443"),
        (false, _) | (true, _) => host.to_owned(),
    };
    (format!("{scheme}://{host}{path}"), peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::flow::call::{ExpectedStatus, KeepOutput};
    use flowtrigger_core::language::rendered_text::{RenderedText, SecretEncoding, TextPart};
    use std::time::Duration;

    fn label(url: RenderedText) -> (String, String) {
        let label = RequestLabel::new(&HttpCall {
            method: "GET".into(),
            url,
            connection: None,
            tls: None,
            headers: vec![],
            body: None,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 0,
            expect: ExpectedStatus::default(),
            keep: KeepOutput::Body,
        });
        (label.shown, label.peer)
    }

    #[test]
    fn a_label_has_no_query_and_no_credentials_but_the_port() {
        for (url, shown, peer) in [
            (
                "https://a.example/x?y=z#f",
                "GET https://a.example/x",
                "a.example:443",
            ),
            ("http://a.example", "GET http://a.example", "a.example:80"),
            (
                "http://u:p@[::1]:81/x@y",
                "GET http://[::1]:81/x@y",
                "[::1]:81",
            ),
            ("http://[::1]/", "GET http://[::1]/", "[::1]:80"),
            ("nonsense", "GET nonsense", "nonsense"),
        ] {
            assert_eq!(label(RenderedText::plain(url)), (shown.into(), peer.into()));
        }
    }

    #[test]
    fn a_secret_address_stays_redacted() {
        let url = RenderedText(vec![TextPart::Secret {
            name: "HOOK".into(),
            encoding: SecretEncoding::Plain,
        }]);
        assert_eq!(
            label(url),
            ("GET [secret HOOK]".into(), "[secret HOOK]".into())
        );
    }
}
