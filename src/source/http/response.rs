//! The answers that senders script against: JSON bodies with their statuses.
//! Every refusal says why and what to do, and none repeats what was sent.

use std::hash::{BuildHasher, RandomState};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::source::{IngestError, IngestResponse, InvalidBody};

/// Why a request is not answered with 200.
#[derive(Debug, PartialEq)]
pub enum HttpError {
    Nowhere,
    Method {
        allowed: &'static str,
    },
    Media {
        header: &'static str,
        wanted: &'static str,
    },
    TooLarge {
        limit: usize,
    },
    CutOff,
    /// Other bodies take all the room.
    Crowded,
    /// Asked for from elsewhere than this machine.
    NotLocal,
    /// The sender did not prove who it is.
    Unverified {
        challenge: &'static str,
    },
    Refused(IngestError),
}

pub fn accepted(answer: &IngestResponse) -> Response {
    body(StatusCode::OK, &answer.to_json())
}

pub fn problem(problem: &HttpError) -> Response {
    match problem {
        HttpError::Nowhere => error(
            StatusCode::NOT_FOUND,
            "nothing is here; events go to `/events/{source}`, and `/healthz` and `/readyz` tell how this program is",
        ),
        HttpError::Method { allowed } => method(allowed),
        HttpError::Media { header, wanted } => error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            &format!("the {header} is not understood; {wanted}"),
        ),
        HttpError::TooLarge { limit } => too_large(*limit),
        HttpError::CutOff => error(
            StatusCode::BAD_REQUEST,
            "the body was cut off; send it whole",
        ),
        HttpError::Crowded => later(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many large bodies at a time; send it again later",
        ),
        HttpError::NotLocal => error(
            StatusCode::FORBIDDEN,
            "this is told on this machine alone, and through no proxy; ask from here, or with the Unix socket in the data folder",
        ),
        HttpError::Unverified { challenge } => unverified(challenge),
        HttpError::Refused(IngestError::UnknownSource { known }) => unknown_source(known),
        HttpError::Refused(IngestError::Unsound(unsound)) => self::unsound(unsound),
        HttpError::Refused(IngestError::Busy { reason }) => {
            later(StatusCode::TOO_MANY_REQUESTS, reason)
        }
        HttpError::Refused(IngestError::Unavailable { reason }) => {
            later(StatusCode::SERVICE_UNAVAILABLE, reason)
        }
    }
}

fn unsound(unsound: &InvalidBody) -> Response {
    let mut answer = json!({ "accepted": false });
    if let (Value::Object(answer), Ok(Value::Object(details))) =
        (&mut answer, serde_json::to_value(unsound))
    {
        answer.extend(details);
    }
    body(StatusCode::BAD_REQUEST, &answer)
}

fn error(status: StatusCode, error: &str) -> Response {
    body(status, &json!({ "accepted": false, "error": error }))
}

fn unknown_source(known: &[String]) -> Response {
    let known: Vec<String> = known.iter().map(|path| format!("`{path}`")).collect();
    let error = match known.as_slice() {
        [] => "no such source".into(),
        known => format!(
            "no such source; send to one of {}, or add another under `sources` in flowtrigger.yaml",
            known.join(", ")
        ),
    };
    self::error(StatusCode::NOT_FOUND, &error)
}

/// The same whatever failed: only the log tells.
fn unverified(challenge: &'static str) -> Response {
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "the sender did not prove who it is; the log of this program says what is missing",
    );
    let challenge = HeaderValue::from_static(challenge);
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn method(allowed: &'static str) -> Response {
    let error = format!("this address takes {allowed} only");
    let mut response = self::error(StatusCode::METHOD_NOT_ALLOWED, &error);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn too_large(limit: usize) -> Response {
    let error = format!("the body has more than {limit} bytes; send fewer events at a time");
    let mut response = self::error(StatusCode::PAYLOAD_TOO_LARGE, &error);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Asks to come back after 5 to 30 s: never more than 60, which help desks ignore, and never at the
/// same moment for all.
fn later(status: StatusCode, reason: &str) -> Response {
    let mut response = error(status, reason);
    let seconds = 5 + RandomState::new().hash_one(0) % 26;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What is counted and timed.
pub fn metrics(text: Result<String, String>) -> Response {
    match text {
        Ok(text) => respond(StatusCode::OK, OPEN_METRICS, text),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub fn plain(status: StatusCode, text: &str) -> Response {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

pub fn body(status: StatusCode, json: &Value) -> Response {
    respond(status, "application/json", format!("{json}\n"))
}

fn respond(status: StatusCode, media: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
