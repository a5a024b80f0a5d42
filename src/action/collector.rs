//! Sends traces to a collector, and says what became of them: accepted, rejected for good, or to be sent again.
//! No redirect or proxy is used, and the egress policy does not apply: the address is that of the operator.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::Performer;
use super::excerpt;
use super::http::request::AGENT;
use super::secret::SecretStore;
use flowtrigger_core::config::TraceExport;
use flowtrigger_core::run::retry_after;

/// Bytes of a response that are read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Characters of a message of the collector.
const MAX_MESSAGE_CHARS: usize = 300;
/// The longest pause that a collector may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);

/// A collector of traces.
pub struct Collector {
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    timeout: Duration,
    secrets: SecretStore,
}

/// What a collector did with spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    Accepted,
    /// It accepted all but so many, which it will never accept.
    Partly {
        rejected: u64,
        message: String,
    },
    /// It will never accept them.
    Rejected {
        reason: String,
    },
}

/// Why the same spans have to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorError {
    pub reason: String,
    /// The pause that the collector asks for.
    pub retry_after: Option<Duration>,
}

/// The response of OTLP; its numbers may be texts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExportResponse {
    partial_success: Option<PartialSuccess>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    rejected_spans: Value,
    error_message: String,
}

impl Performer {
    /// The collector of a configuration; `None` if it has no address.
    ///
    /// # Errors
    /// Why its headers cannot be sent.
    pub fn collector(
        &self,
        export: &TraceExport,
        vars: &Value,
    ) -> Result<Option<Collector>, String> {
        let Some(endpoint) = export.endpoint.clone() else {
            return Ok(None);
        };
        let headers = export.render_headers(vars);
        let headers = headers.map_err(|error| error.to_string())?;
        let mut map = HeaderMap::new();
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        map.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, text) in headers {
            let exposed = self.secrets.expose_text(&text);
            let exposed = exposed.map_err(|failure| failure.message)?;
            let invalid = || format!("the header `{name}` of `traces` is not valid; correct it");
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let value = HeaderValue::from_bytes(exposed.expose().as_bytes());
            let mut value = value.map_err(|_| invalid())?;
            value.set_sensitive(true);
            map.insert(header, value);
        }
        Ok(Some(Collector {
            client: client()?,
            endpoint,
            headers: map,
            timeout: export.timeout,
            secrets: self.secrets.clone(),
        }))
    }
}

fn client() -> Result<Client, String> {
    // An error means that a provider is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || Client::builder().redirect(Policy::none()).no_proxy();
    // Without certificate authorities, plain http still works.
    let client = builder().build();
    let client = client.or_else(|_| builder().tls_certs_only([]).build());
    client.map_err(|error| error.to_string())
}

impl Collector {
    /// Sends a body in the JSON encoding of OTLP.
    pub async fn send(&self, body: Vec<u8>) -> Result<Collected, CollectorError> {
        let request = self.client.post(self.endpoint.clone());
        let request = request.headers(self.headers.clone()).body(body);
        let response = request.timeout(self.timeout).send().await;
        let response = response.map_err(|error| self.failed(error))?;
        let (status, pause) = (response.status(), pause(&response));
        let read = read(response).await;
        let text = String::from_utf8_lossy(&read.map_err(|error| self.failed(error))?).into_owned();
        if status.is_success() {
            return Ok(accepted(&self.secrets.redact(&text)));
        }
        let shown = excerpt::first(&self.secrets.redact(&text), MAX_MESSAGE_CHARS);
        let reason = match shown {
            text if text.is_empty() => format!("it answered {}", status.as_u16()),
            text => format!("it answered {}: {text}", status.as_u16()),
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Err(CollectorError {
                reason,
                retry_after: pause,
            }),
            _ => Ok(Collected::Rejected { reason }),
        }
    }

    /// The innermost cause is the most specific.
    fn failed(&self, error: reqwest::Error) -> CollectorError {
        let is_timeout = error.is_timeout();
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(behind) = cause.source() {
            cause = behind;
        }
        CollectorError {
            reason: match is_timeout {
                true => format!("it did not answer within {:?}", self.timeout),
                false => cause.to_string(),
            },
            retry_after: None,
        }
    }
}

fn accepted(text: &str) -> Collected {
    let response: ExportResponse = serde_json::from_str(text).unwrap_or_default();
    let Some(partly) = response.partial_success else {
        return Collected::Accepted;
    };
    let rejected = match &partly.rejected_spans {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    match rejected.unwrap_or_default() {
        // A message without rejected spans is a hint.
        0 => Collected::Accepted,
        rejected => Collected::Partly {
            rejected,
            message: excerpt::first(&partly.error_message, MAX_MESSAGE_CHARS),
        },
    }
}

fn pause(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let pause = retry_after::parse(text, Timestamp::now());
    pause.map(|pause| pause.min(MAX_RETRY_AFTER))
}

async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        let left = MAX_RESPONSE_BYTES - bytes.len();
        bytes.extend_from_slice(&piece[..piece.len().min(left)]);
        if bytes.len() == MAX_RESPONSE_BYTES {
            break;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_says_what_was_rejected() {
        let partly = |rejected, message: &str| Collected::Partly {
            rejected,
            message: message.to_owned(),
        };
        for (text, collected) in [
            ("", Collected::Accepted),
            ("{}", Collected::Accepted),
            ("not JSON", Collected::Accepted),
            (r#"{"partialSuccess":{}}"#, Collected::Accepted),
            (
                r#"{"partialSuccess":{"errorMessage":"slow down"}}"#,
                Collected::Accepted,
            ),
            (
                r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#,
                partly(2, "too old"),
            ),
            (r#"{"partialSuccess":{"rejectedSpans":3}}"#, partly(3, "")),
        ] {
            assert_eq!(accepted(text), collected, "{text}");
        }
    }
}
