//! Reads a response up to a size limit, checks it against the step's `expect`, and reduces it to what `keep`
//! says. Secrets that the receiver sends back are redacted.

use jiff::Timestamp;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::{Map, Value, json};

use super::label::RequestLabel;
use crate::action::excerpt;
use crate::action::exchange::ExchangeRecorder;
use crate::action::secret::SecretStore;
use flowtrigger_core::event::json::size::{JsonSize, MAX_VALUES};
use flowtrigger_core::flow::call::{HttpCall, KeepOutput, is_transient};
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, Reply};
use flowtrigger_core::run::retry_after;

/// Characters of a body in a message.
const MAX_SHOWN_CHARS: usize = 200;

pub(super) struct ReceivedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    truncated: bool,
    /// Bytes of the body that the receiver announced.
    announced: Option<u64>,
}

/// A request that the receiver rejects had no effect there. Behind any other status it may have had one: a gateway
/// may answer 502 for a request that was executed, and 408 comes after a part of it.
fn effect_of(status: StatusCode) -> CallEffect {
    match status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        true => CallEffect::None,
        false => CallEffect::Possible,
    }
}

impl ReceivedResponse {
    /// Reads at most `cap` bytes of the body, and does not wait for the rest.
    pub(super) async fn read(mut response: Response, cap: usize) -> Result<Self, reqwest::Error> {
        let mut received = Self {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
            truncated: false,
            announced: response.content_length(),
        };
        while let Some(chunk) = response.chunk().await? {
            let room = cap - received.body.len();
            received.truncated = chunk.len() > room;
            received
                .body
                .extend_from_slice(&chunk[..chunk.len().min(room)]);
            if received.truncated {
                break;
            }
        }
        Ok(received)
    }

    pub(super) fn record(&self, recorder: &ExchangeRecorder, secrets: &SecretStore) {
        let read = self.body.len() as u64;
        let whole = self.truncated.then(|| self.announced.unwrap_or(read));
        recorder.response_body(&self.body, whole, secrets);
    }

    pub(super) fn into_result(
        self,
        call: &HttpCall,
        label: &RequestLabel,
        secrets: &SecretStore,
    ) -> Result<Reply, CallFailure> {
        if !call.expect.accepts(self.status.as_u16()) {
            return Err(self.failure(label, secrets));
        }
        let value = match call.keep {
            KeepOutput::Body => secrets.redact_value(self.value(label, secrets)?),
            KeepOutput::Status => json!({ "status": self.status.as_u16() }),
            KeepOutput::None => json!({}),
        };
        Ok(Reply { value })
    }

    fn value(&self, label: &RequestLabel, secrets: &SecretStore) -> Result<Value, CallFailure> {
        let mut value = json!({
            "status": self.status.as_u16(),
            "headers": self.headers(),
            "body": self.body(label)?,
        });
        if let Some(text) = value["body"].as_str().filter(|_| self.truncated) {
            value["body"] = secrets.redact_head(text).into();
        }
        if self.truncated {
            value["truncated"] = true.into();
        }
        Ok(value)
    }

    /// Names are in lower case; repeated headers are joined with commas.
    fn headers(&self) -> Map<String, Value> {
        let text = |name| {
            let values = self.headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            values.join(", ")
        };
        self.headers
            .keys()
            .map(|name| (name.to_string(), text(name).into()))
            .collect()
    }

    fn body(&self, label: &RequestLabel) -> Result<Value, CallFailure> {
        if !self.is_json() {
            return Ok(self.text().into());
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if JsonSize::of(&self.body).values > MAX_VALUES {
            return Err(CallFailure {
                status: Some(self.status.as_u16()),
                ..CallFailure::permanent(format!(
                    "the answer of {} has more than {MAX_VALUES} JSON values; request fewer items or fields, or set `keep: status`",
                    label.shown
                ))
            });
        }
        Ok(serde_json::from_slice(&self.body).unwrap_or_else(|_| self.text().into()))
    }

    fn is_json(&self) -> bool {
        let Some(media) = self.header(CONTENT_TYPE.as_str()) else {
            return false;
        };
        let media = media.split(';').next().unwrap_or_default();
        let media = media.trim().to_ascii_lowercase();
        media.ends_with("/json") || media.ends_with("+json")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn failure(&self, label: &RequestLabel, secrets: &SecretStore) -> CallFailure {
        let status = self.status;
        let mut message = format!("{} answered {}", label.shown, status.as_str());
        if let Some(reason) = status.canonical_reason() {
            message = format!("{message} {reason}");
        }
        let shown = excerpt::first(&secrets.redact(&self.text()), MAX_SHOWN_CHARS);
        if !shown.is_empty() {
            message = format!("{message}: {shown}");
        }
        CallFailure {
            message: format!("{message}; {}", self.advice(secrets)),
            retryable: is_transient(status.as_u16()),
            retry_after: self
                .header(RETRY_AFTER.as_str())
                .and_then(|value| retry_after::parse(value, Timestamp::now())),
            status: Some(status.as_u16()),
            effect: effect_of(status),
            during_outage: false,
        }
    }

    fn advice(&self, secrets: &SecretStore) -> String {
        if self.status.is_redirection() {
            return self.redirect_advice(secrets);
        }
        if self.status.is_success() {
            return "the step's `expect` does not accept this status; correct the step or the receiver"
                .into();
        }
        if is_transient(self.status.as_u16()) {
            return "this may be temporary; `retry` of the step, or of its connection, says how long it is attempted again".into();
        }
        let advice = match self.status.as_u16() {
            401 | 403 => "check the step's credentials and their permissions",
            404 | 410 => "check the `url`",
            405 => "check the step's `method`",
            413 => "send a smaller body",
            _ => "check what the step sends: `flowtrigger dry-run --explain` shows it",
        };
        advice.into()
    }

    fn redirect_advice(&self, secrets: &SecretStore) -> String {
        let location = match self.header(LOCATION.as_str()) {
            Some(location) => format!(
                " to {}",
                excerpt::first(&secrets.redact(location), MAX_SHOWN_CHARS)
            ),
            None => String::new(),
        };
        format!(
            "redirects are not followed, and this one leads{location}: put the final address in `url`"
        )
    }
}
