//! Answers the request with which a sender checks the address of a source. An echoed value is short, is sent as plain
//! text, and is never stored.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::query_value::single_query_value;
use super::signature::{TokenDigest, hmac_sha256_hex};
use flowtrigger_core::config::handshake::{Handshake, ProbeMethod};
use flowtrigger_core::secret::SecretValue;

/// The longest value that is echoed.
const MAX_ECHO_BYTES: usize = 1_024;
/// The largest body that can be a handshake: those of events are often larger, and are not parsed twice.
const MAX_BODY_BYTES: usize = 4 * 1_024;

/// The handshake of a source, and the secret that it needs.
pub struct HandshakeAnswerer {
    pub handshake: Handshake,
    /// `None` if it needs none, or if it is missing.
    pub secret: Option<SecretValue>,
}

/// Why a handshake was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFault {
    /// The token is not the secret.
    WrongToken,
    /// The secret is missing.
    NoSecret,
    /// The value to echo is too long, or has characters other than printable ASCII.
    Value,
}

impl HandshakeFault {
    pub fn describe(self) -> &'static str {
        match self {
            HandshakeFault::WrongToken => {
                "the token of the handshake is not the secret of the source; give the sender the same token"
            }
            HandshakeFault::NoSecret => "the secret of the handshake is missing",
            HandshakeFault::Value => {
                "the value of the handshake is not printable ASCII of at most 1,024 bytes"
            }
        }
    }
}

type Answered = Result<Option<Response>, HandshakeFault>;

impl HandshakeAnswerer {
    /// The answer to a request whose body does not matter; `None` if it is not a handshake.
    pub fn of_request(&self, method: &Method, headers: &HeaderMap, uri: &Uri) -> Answered {
        match &self.handshake {
            Handshake::Probe(methods) => {
                let is_one = |known: &ProbeMethod| known.as_str() == method.as_str();
                Ok(methods.iter().any(is_one).then(empty))
            }
            Handshake::Query { name, token } => {
                let is_probe =
                    *method == Method::GET || (*method == Method::POST && token.is_none());
                let query = uri.query().unwrap_or_default();
                let value = single_query_value(query, name);
                let Some(value) = value.filter(|_| is_probe) else {
                    return Ok(None);
                };
                if let Some((token, _)) = token {
                    let expected = self.secret.as_ref().ok_or(HandshakeFault::NoSecret)?;
                    let sent = single_query_value(query, token).unwrap_or_default();
                    if !TokenDigest::new(sent.as_bytes())
                        .equals(&TokenDigest::new(expected.expose().as_bytes()))
                    {
                        return Err(HandshakeFault::WrongToken);
                    }
                }
                echo(&value).map(Some)
            }
            Handshake::Header(name) => {
                let mut values = headers.get_all(name.as_str()).iter();
                let (Some(value), None, true) =
                    (values.next(), values.next(), *method == Method::POST)
                else {
                    return Ok(None);
                };
                let value = value
                    .to_str()
                    .ok()
                    .filter(|value| is_plain(value))
                    .ok_or(HandshakeFault::Value)?;
                let name =
                    HeaderName::try_from(name.as_str()).map_err(|_| HandshakeFault::Value)?;
                let mut response = with_headers([(name, value)])?;
                // Asana reads the header, Front the body.
                *response.body_mut() = Body::from(value.to_owned());
                Ok(Some(response))
            }
            Handshake::CloudEvents => {
                let origin = headers.get("webhook-request-origin");
                let (Some(origin), true) = (origin, *method == Method::OPTIONS) else {
                    return Ok(None);
                };
                let origin = origin
                    .to_str()
                    .ok()
                    .filter(|value| is_plain(value))
                    .ok_or(HandshakeFault::Value)?;
                let allowed = HeaderName::from_static("webhook-allowed-origin");
                let rate = HeaderName::from_static("webhook-allowed-rate");
                Ok(Some(with_headers([(allowed, origin), (rate, "*")])?))
            }
            Handshake::Body { .. } | Handshake::Zoom | Handshake::Discord => Ok(None),
        }
    }

    /// The answer to a verified body; `None` if it is not a handshake.
    pub fn of_body(&self, body: &[u8]) -> Answered {
        if !self.handshake.reads_body() || body.len() > MAX_BODY_BYTES {
            return Ok(None);
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Ok(None);
        };
        match &self.handshake {
            Handshake::Body { path, only } => {
                let is_one = |(field, text): &(String, String)| {
                    body.get(field).and_then(Value::as_str) == Some(text)
                };
                if !only.as_ref().is_none_or(is_one) {
                    return Ok(None);
                }
                let found = path.iter().try_fold(&body, |value, name| value.get(name));
                found.and_then(Value::as_str).map(echo).transpose()
            }
            Handshake::Zoom => {
                let is_one = body["event"] == "endpoint.url_validation";
                let Some(token) = body["payload"]["plainToken"].as_str().filter(|_| is_one) else {
                    return Ok(None);
                };
                if !is_plain(token) {
                    return Err(HandshakeFault::Value);
                }
                let secret = self.secret.as_ref().ok_or(HandshakeFault::NoSecret)?;
                let encrypted = hmac_sha256_hex(secret, token).ok_or(HandshakeFault::NoSecret)?;
                let answer = json!({"plainToken": token, "encryptedToken": encrypted});
                Ok(Some(answered("application/json", answer.to_string())))
            }
            Handshake::Discord => {
                let is_ping = body["type"] == 0 && body.get("event").is_none();
                Ok(is_ping.then(|| {
                    let mut response = empty();
                    *response.status_mut() = StatusCode::NO_CONTENT;
                    response
                }))
            }
            Handshake::Probe(_)
            | Handshake::Query { .. }
            | Handshake::Header(_)
            | Handshake::CloudEvents => Ok(None),
        }
    }
}

fn is_plain(value: &str) -> bool {
    (1..=MAX_ECHO_BYTES).contains(&value.len())
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn echo(value: &str) -> Result<Response, HandshakeFault> {
    match is_plain(value) {
        true => Ok(answered("text/plain; charset=utf-8", value.to_owned())),
        false => Err(HandshakeFault::Value),
    }
}

fn empty() -> Response {
    answered("text/plain; charset=utf-8", String::new())
}

fn with_headers<const N: usize>(
    headers: [(HeaderName, &str); N],
) -> Result<Response, HandshakeFault> {
    let mut response = empty();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(|_| HandshakeFault::Value)?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Never HTML: a browser that is led here must not run what it sent.
fn answered(media: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    response
}
