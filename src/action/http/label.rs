//! How a request is named in messages: method, address without query and credentials, and the peer.
//! It is made of the redacted text, so that no secret can come in by way of a parsed address.

use crate::core::flow::call::HttpCall;
use crate::core::run::CallFailure;

pub(super) struct Target {
    /// `POST https://host/path`
    pub(super) shown: String,
    /// `host:port`, or the whole address where a secret hides the host.
    pub(super) peer: String,
}

impl Target {
    pub(super) fn of(call: &HttpCall) -> Self {
        Self::at(&call.method, &call.url.to_string())
    }

    /// A redacted address that a request goes on to.
    pub(super) fn at(method: &str, url: &str) -> Self {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let (address, peer) = match url[..end].split_once("://") {
            Some((scheme, rest)) => named(scheme, rest),
            None => (url[..end].to_owned(), url[..end].to_owned()),
        };
        Self {
            shown: format!("{method} {address}"),
            peer,
        }
    }

    /// Whether a secret forms the host, so that nothing may be told of it.
    pub(super) fn hides_its_host(&self) -> bool {
        self.peer.contains("[secret ")
    }

    pub(super) fn lasting(&self, what: impl std::fmt::Display) -> CallFailure {
        CallFailure::lasting(format!("{}: {what}", self.shown))
    }

    pub(super) fn passing(&self, what: impl std::fmt::Display) -> CallFailure {
        CallFailure::passing(format!("{}: {what}", self.shown))
    }
}

/// The address without `user:password@`, and the peer with its port.
fn named(scheme: &str, rest: &str) -> (String, String) {
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
    use crate::core::flow::call::{Expect, Keep};
    use crate::core::rule::rendered_text::{Encoding, Piece, Text};
    use std::time::Duration;

    fn target(url: Text) -> (String, String) {
        let target = Target::of(&HttpCall {
            method: "GET".into(),
            url,
            connection: None,
            headers: vec![],
            body: None,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 0,
            expect: Expect::default(),
            keep: Keep::Body,
        });
        (target.shown, target.peer)
    }

    #[test]
    fn query_and_credentials_are_left_out_and_the_port_is_named() {
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
            assert_eq!(target(Text::plain(url)), (shown.into(), peer.into()));
        }
    }

    #[test]
    fn an_address_that_is_a_secret_stays_one() {
        let url = Text(vec![Piece::Secret {
            name: "HOOK".into(),
            encoding: Encoding::Plain,
        }]);
        assert_eq!(
            target(url),
            ("GET [secret HOOK]".into(), "[secret HOOK]".into())
        );
    }
}
