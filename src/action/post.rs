//! Posts an event to a daemon as a sender does, and gives back what it was answered.
//! It refuses redirects, proxies and answers without end; where it posts to is the caller's to choose.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::Value;

use super::secret::SecretValue;

/// A daemon answers within seconds, whatever stands before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// The answer to an array of events names all of their runs.
const ANSWER_CAP: usize = 4 * 1024 * 1024;

pub struct Poster(Client);

/// What was answered.
#[derive(Debug)]
pub struct Posted {
    pub status: u16,
    /// JSON, or the text that stands in its place.
    pub body: Value,
}

/// Why nothing was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    #[error("nothing listens there (connection refused)")]
    Refused,
    #[error("{0}")]
    Other(String),
}

impl Poster {
    pub fn new() -> Result<Self, PostError> {
        // A second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || {
            let builder = Client::builder().redirect(Policy::none()).no_proxy();
            builder.timeout(PATIENCE)
        };
        // Without certificates everything that is not encrypted can still be reached.
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
        let request = self.0.post(url.clone()).headers(written(headers)?);
        let request = request.body(body);
        let mut response = request.send().await.map_err(other)?;
        let status = response.status().as_u16();
        let bytes = read(&mut response).await?;
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Ok(Posted { status, body })
    }
}

fn written(headers: &[(&str, &SecretValue)]) -> Result<HeaderMap, PostError> {
    let mut written = HeaderMap::new();
    written.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        let unfit = || PostError::Other(format!("the header `{name}` cannot be written"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
        let value = HeaderValue::from_bytes(value.expose().as_bytes());
        let mut value = value.map_err(|_| unfit())?;
        value.set_sensitive(true);
        written.insert(header, value);
    }
    Ok(written)
}

async fn read(response: &mut Response) -> Result<Vec<u8>, PostError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(other)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ANSWER_CAP {
            return Err(PostError::Other("the answer has no end".into()));
        }
    }
    Ok(bytes)
}

/// The innermost cause says most.
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
