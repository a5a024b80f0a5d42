//! The span of one attempt: of a request by the conventions of OpenTelemetry for HTTP clients, or of anything else that a
//! step did.

use url::Url;

use super::otlp::{SpanAttribute, SpanKind};
use crate::store::history::{TracedAttempt, TracedFailure, TracedRequest};

/// The methods that the conventions know; others are `_OTHER`.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
];
/// The name that the conventions have for what has no name.
const OTHER: &str = "_OTHER";

/// What distinguishes the span of an attempt from others.
pub struct AttemptShape {
    pub name: String,
    pub kind: SpanKind,
    pub attributes: Vec<SpanAttribute>,
}

impl AttemptShape {
    pub fn new(attempt: &TracedAttempt, request: Option<&TracedRequest>) -> Self {
        let mut shape = match request {
            Some(TracedRequest {
                method: Some(method),
                url: Some(url),
                ..
            }) => of_request(method, url, attempt.number),
            Some(_) => Self::internal("command"),
            None => Self::internal("attempt"),
        };
        let status = status(attempt, request);
        match (shape.kind, request) {
            (SpanKind::Client, _) => {
                let status = status.map(|status| {
                    SpanAttribute::number("http.response.status_code", status.into())
                });
                shape.attributes.extend(status);
            }
            (SpanKind::Internal | SpanKind::Consumer, Some(TracedRequest { method: None, .. })) => {
                let status =
                    status.map(|status| SpanAttribute::number("process.exit.code", status.into()));
                shape.attributes.extend(status);
            }
            (SpanKind::Internal | SpanKind::Consumer, _) => {}
        }
        if attempt.failure.is_some() {
            let kind = status.map_or_else(|| OTHER.to_owned(), |status| status.to_string());
            shape
                .attributes
                .push(SpanAttribute::text("error.type", kind));
        }
        shape
    }

    fn internal(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: SpanKind::Internal,
            attributes: Vec::new(),
        }
    }
}

/// The status of the response, or the exit status of a command.
fn status(attempt: &TracedAttempt, request: Option<&TracedRequest>) -> Option<u16> {
    let failed = attempt.failure.as_ref();
    let failed = failed.and_then(|TracedFailure { status, .. }| *status);
    failed.or_else(|| request.and_then(|request| request.status))
}

fn of_request(method: &str, url: &str, number: u32) -> AttemptShape {
    let parsed = Url::parse(url).ok();
    let is_sent = url.starts_with("http://") || url.starts_with("https://");
    let is_known = METHODS.contains(&method);
    let mut attributes = Vec::new();
    match is_known {
        true => attributes.push(SpanAttribute::text("http.request.method", method)),
        false => {
            attributes.push(SpanAttribute::text("http.request.method", OTHER));
            attributes.push(SpanAttribute::text("http.request.method_original", method));
        }
    }
    let has_user = |url: &Url| !url.username().is_empty() || url.password().is_some();
    match parsed.as_ref().filter(|url| has_user(url)) {
        Some(with_user) => {
            attributes.push(SpanAttribute::text("url.full", without_user(with_user)))
        }
        None => attributes.push(SpanAttribute::text("url.full", url)),
    }
    // A host that a secret forms is not named.
    let host = parsed.as_ref().and_then(Url::host_str);
    if let Some(host) = host.filter(|_| is_sent) {
        attributes.push(SpanAttribute::text("server.address", host));
    }
    let port = parsed.as_ref().and_then(Url::port_or_known_default);
    if let Some(port) = port.filter(|_| is_sent && host.is_some()) {
        attributes.push(SpanAttribute::number("server.port", port.into()));
    }
    if number > 1 {
        let before = u64::from(number - 1);
        attributes.push(SpanAttribute::number("http.request.resend_count", before));
    }
    AttemptShape {
        name: match is_known {
            true => method.to_owned(),
            false => "HTTP".to_owned(),
        },
        kind: match is_sent {
            true => SpanKind::Client,
            // Written to an outbox.
            false => SpanKind::Internal,
        },
        attributes,
    }
}

/// The URL with `REDACTED` in place of its credentials, as the conventions demand.
fn without_user(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host, which have no credentials.
    let _ = url.set_username("REDACTED");
    let _ = url.set_password(Some("REDACTED"));
    url.into()
}
