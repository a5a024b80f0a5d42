//! Builds the HTTP responses: JSON bodies with their status codes.
//! Every error body says what is wrong and what to do, and never repeats the request.

use std::hash::{BuildHasher, RandomState};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::body_form::FormFault;
use super::web_page::WebPageSign;
use crate::source::handshake::HandshakeFault;
use crate::source::{IngestError, IngestResponse, InvalidBody};

/// Why a request does not get a 200.
#[derive(Debug, PartialEq)]
pub enum HttpError {
    /// No route and no endpoint has this path.
    NotFound,
    /// The link of an answer is not signed by this program.
    UnknownLink,
    Method {
        allowed: &'static str,
    },
    Media {
        header: &'static str,
        expected: &'static str,
    },
    TooLarge {
        limit: usize,
    },
    TooManyValues {
        limit: usize,
    },
    /// The body is not the form that its `Content-Type` names.
    Form(FormFault),
    /// The check of the address cannot be answered.
    Handshake(HandshakeFault),
    /// The connection ended within the body.
    IncompleteBody,
    /// Other bodies use all the memory.
    NoBodyMemory,
    /// A web page may have sent it.
    WebPage(WebPageSign),
    /// Only local clients may read this.
    NotLocal,
    /// The address may not read from the metrics listener.
    NotAllowed,
    /// The sender failed verification.
    Unverified {
        challenge: &'static str,
        /// The failed check, for the metrics and the list of deliveries.
        code: &'static str,
        detail: String,
        /// What to do about it.
        help: String,
    },
    Ingest(IngestError),
}

impl HttpError {
    /// Whether no endpoint has the path.
    pub fn is_unknown_path(&self) -> bool {
        matches!(
            self,
            HttpError::NotFound | HttpError::Ingest(IngestError::UnknownSource)
        )
    }
}

pub fn accepted(response: &IngestResponse) -> Response {
    body(StatusCode::OK, response)
}

pub fn http_error(http_error: &HttpError) -> Response {
    match http_error {
        HttpError::NotFound => error(
            status(http_error),
            "not found; send events to `/events/{source}`; `/healthz` and `/readyz` report the state of this program",
        ),
        HttpError::UnknownLink => error(
            status(http_error),
            "this link is not valid; use the whole link as it was sent",
        ),
        HttpError::Method { allowed } => method_not_allowed(allowed),
        HttpError::Media { header, expected } => error(
            status(http_error),
            &format!("unsupported {header}; {expected}"),
        ),
        HttpError::TooLarge { limit } => too_large(*limit),
        HttpError::TooManyValues { limit } => error(
            status(http_error),
            &format!("the body has more than {limit} JSON values; send fewer events per request"),
        ),
        HttpError::Form(fault) => error(status(http_error), fault.describe()),
        HttpError::Handshake(fault) => error(status(http_error), fault.describe()),
        HttpError::IncompleteBody => {
            error(status(http_error), "incomplete body; send the whole body")
        }
        HttpError::NoBodyMemory => retry_later(
            status(http_error),
            "too many large bodies at the same time; send the request again later",
        ),
        HttpError::WebPage(WebPageSign::CrossSite) => error(
            status(http_error),
            "a web page of another site sent this request; only a source with `verify` accepts that",
        ),
        HttpError::WebPage(WebPageSign::UnknownHost) => error(
            status(http_error),
            "unknown name in the `Host` header; add it to `listen.hosts` in flowtrigger.yaml; a source with `verify` accepts every name",
        ),
        HttpError::WebPage(WebPageSign::RepeatedHeader) => error(
            status(http_error),
            "`Host`, `Origin` or `Sec-Fetch-Site` occurs more than once; send each at most once",
        ),
        HttpError::NotLocal => error(
            status(http_error),
            "available only on this machine and without a proxy, and not to an address under `trusted_proxies`; set `listen.metrics` in flowtrigger.yaml and read the metrics there, or use the Unix socket in the data folder",
        ),
        HttpError::NotAllowed => error(
            status(http_error),
            "this address may not read here; add it to `listen.metrics.allow` in flowtrigger.yaml",
        ),
        HttpError::Unverified { challenge, .. } => unauthorized(challenge),
        HttpError::Ingest(IngestError::UnknownSource) => error(
            status(http_error),
            "unknown source; the log of this program lists the paths of its sources",
        ),
        HttpError::Ingest(IngestError::InvalidBody(invalid) | IngestError::InvalidId(invalid)) => {
            invalid_body(invalid)
        }
        HttpError::Ingest(IngestError::Busy { reason }) => retry_later(status(http_error), reason),
        HttpError::Ingest(IngestError::Unavailable { reason }) => {
            retry_later(status(http_error), reason)
        }
    }
}

/// The status code of an error.
pub fn status(http_error: &HttpError) -> StatusCode {
    match http_error {
        HttpError::NotFound
        | HttpError::UnknownLink
        | HttpError::Ingest(IngestError::UnknownSource) => StatusCode::NOT_FOUND,
        HttpError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        HttpError::Media { .. } | HttpError::Form(FormFault::Json | FormFault::Xml) => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        HttpError::TooLarge { .. } | HttpError::TooManyValues { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        HttpError::Handshake(HandshakeFault::WrongToken | HandshakeFault::NoSecret) => {
            StatusCode::FORBIDDEN
        }
        HttpError::IncompleteBody
        | HttpError::Form(_)
        | HttpError::Handshake(HandshakeFault::Value)
        | HttpError::WebPage(WebPageSign::RepeatedHeader)
        | HttpError::Ingest(IngestError::InvalidBody(_) | IngestError::InvalidId(_)) => {
            StatusCode::BAD_REQUEST
        }
        HttpError::NotLocal
        | HttpError::NotAllowed
        | HttpError::WebPage(WebPageSign::CrossSite) => StatusCode::FORBIDDEN,
        HttpError::WebPage(WebPageSign::UnknownHost) => StatusCode::MISDIRECTED_REQUEST,
        HttpError::Unverified { .. } => StatusCode::UNAUTHORIZED,
        HttpError::Ingest(IngestError::Busy { .. }) => StatusCode::TOO_MANY_REQUESTS,
        HttpError::NoBodyMemory | HttpError::Ingest(IngestError::Unavailable { .. }) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn invalid_body(invalid: &InvalidBody) -> Response {
    let mut response = json!({ "accepted": false });
    if let (Value::Object(response), Ok(Value::Object(details))) =
        (&mut response, serde_json::to_value(invalid))
    {
        response.extend(details);
    }
    body(StatusCode::BAD_REQUEST, &response)
}

fn error(status: StatusCode, error: &str) -> Response {
    body(status, &json!({ "accepted": false, "error": error }))
}

/// The same for every failed check, so that an attacker learns nothing; the log has the reason.
fn unauthorized(challenge: &'static str) -> Response {
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "the sender could not be verified; the log of this program has the reason",
    );
    let challenge = HeaderValue::from_static(challenge);
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn method_not_allowed(allowed: &'static str) -> Response {
    let error = format!("method not allowed; use {allowed}");
    let mut response = self::error(StatusCode::METHOD_NOT_ALLOWED, &error);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn too_large(limit: usize) -> Response {
    let error = format!("the body is larger than {limit} bytes; send fewer events per request");
    let mut response = self::error(StatusCode::PAYLOAD_TOO_LARGE, &error);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Sets `Retry-After` to a random time from 5 to 30 s: help desks ignore more than 60 s, and senders
/// must not all return at the same moment.
fn retry_later(status: StatusCode, reason: &str) -> Response {
    let mut response = error(status, reason);
    let seconds = 5 + RandomState::new().hash_one(0) % 26;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub fn metrics(text: Result<String, String>) -> Response {
    match text {
        Ok(text) => respond(StatusCode::OK, OPEN_METRICS, text),
        Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, &reason),
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn plain(status: StatusCode, text: &str) -> Response {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

pub fn body(status: StatusCode, json: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(SMALL_BODY);
    serde_json::to_writer(&mut text, json).expect("an answer is JSON");
    text.push(b'\n');
    respond(status, "application/json", text)
}

/// The bytes of most answers.
const SMALL_BODY: usize = 256;

fn respond(status: StatusCode, media: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
