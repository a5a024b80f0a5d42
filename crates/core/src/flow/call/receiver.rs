//! Finds the receiver of a request: the name of its connection, or its host and port.

use url::Url;

use crate::flow::call::{Call, HttpCall, HttpTemplate};

impl Call {
    /// The name of the connection of a request, or `host:port` of a request without one.
    /// `None` for calls that send no request, and for an `outbox:` without a connection.
    pub fn receiver(&self) -> Option<String> {
        match self {
            Call::Http(call) => call.connection.clone().or_else(|| call.host()),
            Call::Exec(_) | Call::Jq(_) | Call::Config(_) => None,
        }
    }

    /// `host:port` of a request.
    pub fn host(&self) -> Option<String> {
        match self {
            Call::Http(call) => call.host(),
            Call::Exec(_) | Call::Jq(_) | Call::Config(_) => None,
        }
    }
}

impl HttpCall {
    /// `host:port`. It is read from the redacted URL: a secret in the path does not hide the host.
    fn host(&self) -> Option<String> {
        host_of(&self.url.to_string())
    }
}

impl HttpTemplate {
    /// `host:port`, if the rule has it literally and sends the request without a connection.
    pub fn literal_host(&self) -> Option<String> {
        if self.connection.is_some() {
            return None;
        }
        let (beginning, source) = (self.url.beginning(), self.url.source());
        let (_, rest) = beginning.split_once("://")?;
        let is_whole = beginning.len() == source.len() || rest.contains(['/', '?', '#']);
        host_of(beginning).filter(|_| is_whole)
    }
}

fn host_of(shown: &str) -> Option<String> {
    let (_, rest) = shown.split_once("://")?;
    let Ok(url) = Url::parse(shown) else {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        return Some(rest[..end].to_owned());
    };
    let port = url.port_or_known_default().unwrap_or_default();
    Some(format!("{}:{port}", url.host_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::flow::call::{ExpectedStatus, KeepOutput};
    use crate::language::rendered_text::{RenderedText, SecretEncoding, TextPart};

    fn call(url: RenderedText, connection: Option<&str>) -> Call {
        Call::Http(HttpCall {
            method: "GET".into(),
            url,
            connection: connection.map(str::to_owned),
            headers: vec![],
            body: None,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 0,
            expect: ExpectedStatus::default(),
            keep: KeepOutput::Body,
            tls: None,
        })
    }

    #[test]
    fn a_host_is_known_by_name_and_port() {
        for (url, expected) in [
            ("https://A.example/x", Some("a.example:443")),
            ("http://u:p@a.example:81/x@y", Some("a.example:81")),
            ("http://[::1]/", Some("[::1]:80")),
            ("outbox:note", None),
        ] {
            let call = call(RenderedText::plain(url), None);
            assert_eq!(call.host().as_deref(), expected, "{url}");
            assert_eq!(call.receiver(), call.host(), "{url}");
        }
        let secret = TextPart::Secret {
            name: "HOOK".into(),
            encoding: SecretEncoding::Plain,
        };
        let hidden = RenderedText(vec![TextPart::Text("https://a.example/".into()), secret]);
        let host = call(hidden, None).host();
        assert_eq!(host.as_deref(), Some("a.example:443"));
    }

    #[test]
    fn a_connection_is_the_receiver_whatever_its_host() {
        let url = RenderedText::plain("https://a.example/");
        let receiver = call(url, Some("chat")).receiver();
        assert_eq!(receiver.as_deref(), Some("chat"));
    }
}
