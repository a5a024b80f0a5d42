//! What a receiver answered: read up to a cap, judged by what the step expects, cut to what it keeps.
//! It refuses to keep secrets that the receiver sends back.

use jiff::Timestamp;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::{Map, Value, json};

use super::label::Target;
use super::retry_after;
use crate::action::excerpt;
use crate::action::secret::Secrets;
use crate::core::flow::call::{HttpCall, Keep, is_passing};
use crate::core::run::{CallFailure, Reply};

/// How much of an answer stands in a message.
const SHOWN: usize = 200;

pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    truncated: bool,
}

impl Answer {
    /// Reads at most `cap` bytes of the body; the rest is not waited for.
    pub(super) async fn read(mut response: Response, cap: usize) -> Result<Self, reqwest::Error> {
        let mut answer = Self {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
            truncated: false,
        };
        while let Some(chunk) = response.chunk().await? {
            let room = cap - answer.body.len();
            answer.truncated = chunk.len() > room;
            answer
                .body
                .extend_from_slice(&chunk[..chunk.len().min(room)]);
            if answer.truncated {
                break;
            }
        }
        Ok(answer)
    }

    pub(super) fn judge(
        self,
        call: &HttpCall,
        target: &Target,
        secrets: &Secrets,
    ) -> Result<Reply, CallFailure> {
        if !call.expect.accepts(self.status.as_u16()) {
            return Err(self.failure(target, secrets));
        }
        let value = match call.keep {
            Keep::Body => secrets.redact_value(self.value(secrets)),
            Keep::Status => json!({ "status": self.status.as_u16() }),
            Keep::None => json!({}),
        };
        Ok(Reply { value })
    }

    fn value(&self, secrets: &Secrets) -> Value {
        let mut value = json!({
            "status": self.status.as_u16(),
            "headers": self.headers(),
            "body": self.body(),
        });
        if let Some(text) = value["body"].as_str().filter(|_| self.truncated) {
            value["body"] = secrets.redact_head(text).into();
        }
        if self.truncated {
            value["truncated"] = true.into();
        }
        value
    }

    /// Names are lower case; a header that comes more than once is joined as HTTP says.
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

    fn body(&self) -> Value {
        if !self.says_json() {
            return self.text().into();
        }
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| self.text().into())
    }

    fn says_json(&self) -> bool {
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

    fn failure(&self, target: &Target, secrets: &Secrets) -> CallFailure {
        let status = self.status;
        let mut message = format!("{} answered {}", target.shown, status.as_str());
        if let Some(reason) = status.canonical_reason() {
            message = format!("{message} {reason}");
        }
        let shown = excerpt::first(&secrets.redact(&self.text()), SHOWN);
        if !shown.is_empty() {
            message = format!("{message}: {shown}");
        }
        CallFailure {
            message: format!("{message}; {}", self.advice(secrets)),
            retryable: is_passing(status.as_u16()),
            retry_after: self
                .header(RETRY_AFTER.as_str())
                .and_then(|value| retry_after::parse(value, Timestamp::now())),
            status: Some(status.as_u16()),
        }
    }

    fn advice(&self, secrets: &Secrets) -> String {
        if self.status.is_redirection() {
            return self.redirect_advice(secrets);
        }
        if self.status.is_success() {
            return "the step's `expect` does not accept this status, correct one or the other"
                .into();
        }
        if is_passing(self.status.as_u16()) {
            return "this may pass, the step's `retry` says how often it is tried".into();
        }
        let advice = match self.status.as_u16() {
            401 | 403 => "check the step's credentials and what they may do",
            404 | 410 => "check the `url`",
            405 => "check the step's `method`",
            413 => "send less",
            _ => "check what the step sends, `flowtrigger dry-run --explain` shows it",
        };
        advice.into()
    }

    fn redirect_advice(&self, secrets: &Secrets) -> String {
        let place = match self.header(LOCATION.as_str()) {
            Some(place) => format!(" to {}", excerpt::first(&secrets.redact(place), SHOWN)),
            None => String::new(),
        };
        format!("redirects are not followed, this one leads{place}: put the final address in `url`")
    }
}
