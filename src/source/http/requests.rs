//! Describes a request for the case that it is rejected, and names the reason.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, Uri, header};
use ipnet::IpNet;

use super::body_form::FormFault;
use super::fault_log::ConnectionFault;
use super::peer::Peer;
use super::response::{self, HttpError};
use super::transport::Transport;
use super::web_page::WebPageSign;
use crate::source::{IngestError, InvalidBody, REASONS, RejectedRequest};
use flowtrigger_core::event::json::parse::without_input;
use flowtrigger_core::run::answer_link::hide_tokens;

/// A request without its headers and its body. It is described only if the request is rejected.
pub struct RequestSummary {
    method: Method,
    uri: Uri,
    peer: Option<IpAddr>,
    size: Option<u64>,
}

impl RequestSummary {
    pub fn new(request: &Request, proxies: &[IpNet]) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let length = request.headers().get(header::CONTENT_LENGTH);
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: peer.map(|ConnectInfo(peer)| peer.sender(request.headers(), proxies)),
            size: length.and_then(|value| value.to_str().ok()?.parse().ok()),
        }
    }

    /// The summary of a request that the server itself answered, because it is not HTTP, has a head over the
    /// limits or came without TLS. `None` for other failures: a connection may end at any time.
    pub fn of_fault(fault: ConnectionFault<'_>, peer: Peer) -> Option<RejectedRequest> {
        let (reason, status, detail) = match fault {
            ConnectionFault::Http(error, _) if error.is_parse_too_large() => {
                let detail = "the request line and the headers are over the limits";
                ("head_too_large", 431, detail)
            }
            ConnectionFault::Http(error, Transport::PlainOnTls) if error.is_parse() => {
                let detail = "this is neither TLS nor HTTP/1.1; use `https://` in the address";
                ("not_http", 400, detail)
            }
            ConnectionFault::Http(error, _) if error.is_parse() => {
                let detail = "this is not HTTP/1.1; does the sender use TLS on this port?";
                ("not_http", 400, detail)
            }
            ConnectionFault::PlainHttp => {
                let detail = "plain HTTP on a port with TLS; use `https://` in the address";
                ("plain_http", 400, detail)
            }
            ConnectionFault::Http(..) | ConnectionFault::Handshake(_) => return None,
        };
        Some(RejectedRequest {
            source: None,
            method: String::new(),
            path: String::new(),
            peer: Some(peer.address()),
            reason,
            status,
            size: None,
            detail: detail.to_owned(),
        })
    }

    pub fn rejected(self, error: &HttpError) -> RejectedRequest {
        debug_assert!(REASONS.contains(&code(error)), "{}", code(error));
        RejectedRequest {
            source: None,
            method: self.method.to_string(),
            path: hide_tokens(self.uri.path()).into_owned(),
            peer: self.peer,
            reason: code(error),
            status: response::status(error).as_u16(),
            size: self.size,
            detail: describe(error),
        }
        .shortened()
    }
}

/// The value of the metric label `reason`.
fn code(error: &HttpError) -> &'static str {
    match error {
        HttpError::NotFound => "unknown_path",
        HttpError::UnknownLink => "unknown_link",
        HttpError::Method { .. } => "method",
        HttpError::Media { .. } => "media_type",
        HttpError::TooLarge { .. } => "too_large",
        HttpError::TooManyValues { .. } => "too_many_values",
        HttpError::Form(FormFault::Json | FormFault::Xml) => "media_type",
        HttpError::Form(_) => "invalid_form",
        HttpError::Handshake(_) => "handshake",
        HttpError::WebPage(sign) => sign.code(),
        HttpError::IncompleteBody => "incomplete",
        HttpError::NoBodyMemory => "no_memory",
        HttpError::NotLocal => "not_local",
        HttpError::NotAllowed => "not_allowed",
        HttpError::Unverified { code, .. } => code,
        HttpError::Ingest(error) => error.code(),
    }
}

/// What is wrong, in one sentence.
fn describe(error: &HttpError) -> String {
    match error {
        HttpError::NotFound => "no source has this path".into(),
        HttpError::UnknownLink => "the link of an answer is not signed by this program".into(),
        HttpError::Method { allowed } => format!("the method is not allowed; use {allowed}"),
        HttpError::Media { header, expected } => format!("unsupported {header}; {expected}"),
        HttpError::TooLarge { limit } => {
            format!("the body is larger than `listen.body`, {limit} bytes")
        }
        HttpError::TooManyValues { limit } => format!("the body has more than {limit} JSON values"),
        HttpError::Form(fault) => fault.describe().into(),
        HttpError::Handshake(fault) => fault.describe().into(),
        HttpError::WebPage(WebPageSign::CrossSite) => "a web page of another site sent it".into(),
        HttpError::WebPage(WebPageSign::UnknownHost) => "unknown name in the `Host` header".into(),
        HttpError::WebPage(WebPageSign::RepeatedHeader) => {
            "`Host`, `Origin` or `Sec-Fetch-Site` occurs more than once".into()
        }
        HttpError::IncompleteBody => "the connection ended within the body".into(),
        HttpError::NoBodyMemory => "too many large bodies at the same time".into(),
        HttpError::NotLocal => "available only on this machine and without a proxy".into(),
        HttpError::NotAllowed => "the address is not under `listen.metrics.allow`".into(),
        HttpError::Unverified { detail, help, .. } => format!("{detail}; {help}"),
        HttpError::Ingest(IngestError::UnknownSource) => "no source has this path".into(),
        HttpError::Ingest(IngestError::InvalidBody(invalid)) => invalid.describe(),
        // Names a header of the configuration and nothing of the request.
        HttpError::Ingest(IngestError::InvalidId(invalid)) => match &invalid.help {
            Some(help) => format!("{}; {help}", invalid.error),
            None => invalid.error.clone(),
        },
        HttpError::Ingest(IngestError::Busy { reason } | IngestError::Unavailable { reason }) => {
            reason.clone()
        }
    }
}

impl InvalidBody {
    /// Where the body is wrong, and why. What can repeat a text of the body is not kept: the sender has it. Elements are
    /// counted from 1, as in all texts.
    fn describe(&self) -> String {
        let element = self.index.map(|index| format!("element {}: ", index + 1));
        let element = element.unwrap_or_default();
        if let (Some(line), Some(column)) = (self.line, self.column) {
            // An error with a place is one of the JSON, not of a value.
            let summary = self.summary.unwrap_or("the body cannot be read");
            let why = without_input(&self.error);
            return format!("{summary}: line {line}, column {column}: {why}");
        }
        let finding = self.finding.as_deref();
        match (finding, &self.help) {
            (Some(finding), Some(help)) => format!("{element}{finding}; {help}"),
            (Some(finding), None) => format!("{element}{finding}"),
            (None, _) => format!("{element}the body is not an event of this source"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::event::json::parse::parse;

    #[test]
    fn invalid_json_is_described_with_its_place_and_without_its_text() {
        let text = "{\"hunter2\": 1,\n \"hunter2\": 2}";
        let error = parse(text.as_bytes()).expect_err("an error");
        let invalid = InvalidBody {
            error: error.reason,
            line: Some(error.line),
            column: Some(error.column),
            ..InvalidBody::default()
        };
        assert!(invalid.error.contains("hunter2"), "the sender gets the key");
        let error = HttpError::Ingest(IngestError::InvalidBody(Box::new(invalid)));
        assert_eq!(
            describe(&error),
            "the body cannot be read: line 2, column 10: duplicate key"
        );
    }

    #[test]
    fn a_missing_id_header_is_named_with_a_reason_of_its_own() {
        let error = HttpError::Ingest(IngestError::InvalidId(Box::new(InvalidBody {
            error: "the header `x-id` is absent".into(),
            help: Some("the source `shop` reads the id of its events from it".into()),
            ..InvalidBody::default()
        })));
        assert_eq!(code(&error), "id_header");
        assert_eq!(
            describe(&error),
            "the header `x-id` is absent; the source `shop` reads the id of its events from it"
        );
    }
}
