//! Posts an event to a daemon as a sender does, and returns the response.
//! No redirect or proxy is used, and the response size is limited. The egress policy does not apply.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, Response, Url};
use serde_json::Value;

use crate::tls::PemFile;
use flowtrigger_core::config::sender_method::SenderMethod;
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
    #[error("the certificate is not trusted: {0}")]
    Untrusted(CertificateFault),
    #[error("{0}")]
    Other(String),
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("its authority is unknown")]
    UnknownAuthority,
    #[error("it is not valid for this name")]
    OtherName,
    #[error("it is the certificate of an authority, not of a server")]
    OfAuthority,
    #[error("it is expired, or not valid yet")]
    Time,
    #[error("it cannot be verified")]
    Other,
}

impl CertificateFault {
    /// Reads the text of an error of the TLS library; `None` if it is about something else.
    fn of(text: &str) -> Option<Self> {
        let fault = text.strip_prefix("invalid peer certificate: ")?;
        let known = [
            ("UnknownIssuer", Self::UnknownAuthority),
            ("NotValidForName", Self::OtherName),
            ("not valid for name", Self::OtherName),
            ("CaUsedAsEndEntity", Self::OfAuthority),
            ("Expired", Self::Time),
            ("expired", Self::Time),
            ("NotValidYet", Self::Time),
            ("not valid yet", Self::Time),
        ];
        let found = known.into_iter().find(|(word, _)| fault.contains(word));
        Some(found.map_or(Self::Other, |(_, fault)| fault))
    }

    pub fn help(self) -> &'static str {
        match self {
            Self::UnknownAuthority => {
                "name the file with its authority: `--ca FILE`, or `SSL_CERT_FILE` in the environment"
            }
            Self::OtherName => "name the daemon as its certificate does: `--to https://NAME`",
            Self::OfAuthority => {
                "issue a certificate for the server, with `basicConstraints = CA:FALSE`, and name its authority with `--ca FILE`"
            }
            Self::Time => "renew it, or check the clocks of both machines",
            Self::Other => {
                "`flowtrigger check` on the machine of the daemon reports mistakes in it"
            }
        }
    }
}

impl Poster {
    /// Verifies certificates with the authorities of `ca`, or with those of the system.
    pub fn new(ca: Option<&PemFile>) -> Result<Self, PostError> {
        // An error means that a provider is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || {
            let builder = Client::builder().redirect(Policy::none()).no_proxy();
            builder.timeout(POST_TIMEOUT)
        };
        // Without certificate authorities, plain http still works.
        let client = match ca {
            Some(ca) => {
                let authorities = Certificate::from_pem_bundle(ca.bytes()).map_err(other)?;
                builder().tls_certs_only(authorities).build()
            }
            None => builder()
                .build()
                .or_else(|_| builder().tls_certs_only([]).build()),
        };
        client.map(Self).map_err(other)
    }

    pub async fn post(
        &self,
        method: SenderMethod,
        url: &Url,
        headers: &[(&str, &SecretValue)],
        body: Vec<u8>,
    ) -> Result<Posted, PostError> {
        let method = match method {
            SenderMethod::Post => Method::POST,
            SenderMethod::Put => Method::PUT,
            SenderMethod::Patch => Method::PATCH,
        };
        let request = self.0.request(method, url.clone());
        let request = request.headers(header_map(headers)?);
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
        _ => match CertificateFault::of(&cause.to_string()) {
            Some(fault) => PostError::Untrusted(fault),
            None => PostError::Other(cause.to_string()),
        },
    }
}
