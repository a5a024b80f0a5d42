//! Posts an event to a daemon as a sender does, and returns the response.
//! No redirect or proxy is used, and the response size is limited. The egress policy does not apply.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::Value;

use flowtrigger_core::secret::SecretValue;

/// A daemon answers within seconds.
const POST_TIMEOUT: Duration = Duration::from_secs(30);
/// The response to an array of events lists all their runs.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

pub struct Poster(Client);

/// The response of the daemon.
#[derive(Debug)]
pub struct Posted {
    pub status: u16,
    /// JSON, or a text if it is not JSON.
    pub body: Value,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    #[error("nothing listens there (connection refused)")]
    Refused,
    #[error("{0}")]
    Other(String),
}

impl Poster {
    pub fn new() -> Result<Self, PostError> {
        // An error means that a provider is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || {
            let builder = Client::builder().redirect(Policy::none()).no_proxy();
            builder.timeout(POST_TIMEOUT)
        };
        // Without certificate authorities, plain http still works.
        let client = builder().build();
        let client = client.or_else(|_| builder().tls_certs_only([]).build());
        client.map(Self).map_err(other)
    }

    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&str, &SecretValue)],
        body: Vec<u8>,
    ) -> Result<Posted, PostError> {
        let request = self.0.post(url.clone()).headers(header_map(headers)?);
        let request = request.body(body);
        let mut response = request.send().await.map_err(other)?;
        let status = response.status().as_u16();
        let bytes = read(&mut response).await?;
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Ok(Posted { status, body })
    }
}

fn header_map(headers: &[(&str, &SecretValue)]) -> Result<HeaderMap, PostError> {
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        let invalid = || PostError::Other(format!("the value of the header `{name}` is not valid"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let value = HeaderValue::from_bytes(value.expose().as_bytes());
        let mut value = value.map_err(|_| invalid())?;
        value.set_sensitive(true);
        map.insert(header, value);
    }
    Ok(map)
}

async fn read(response: &mut Response) -> Result<Vec<u8>, PostError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(other)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_RESPONSE_BYTES {
            return Err(PostError::Other("the response is too long".into()));
        }
    }
    Ok(bytes)
}

/// The innermost cause is the most specific.
fn other(error: reqwest::Error) -> PostError {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(behind) = cause.source() {
        cause = behind;
    }
    let refused = cause.downcast_ref::<std::io::Error>();
    match refused.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::ConnectionRefused) => PostError::Refused,
        _ => PostError::Other(cause.to_string()),
    }
}
