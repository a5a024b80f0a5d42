//! Requests that a receiver recorded, and the responses that it gives.

use std::ops::Deref;
use std::time::{Duration, Instant};

use crate::http_wire::Message;

/// One request, with the status that was sent back.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    /// The idempotency key; empty without one.
    pub key: String,
    /// 0 where the response is no HTTP.
    pub status: u16,
    /// When it had arrived completely.
    pub arrived: Instant,
    /// When its response was sent; `None` before that.
    pub answered: Option<Instant>,
    id: String,
    message: Message,
}

impl Deref for Received {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Received {
    pub(super) fn new(message: Message) -> Self {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        Self {
            id: body["id"].as_str().unwrap_or_default().to_owned(),
            path: message.path().to_owned(),
            key: message
                .header("idempotency-key")
                .unwrap_or_default()
                .to_owned(),
            status: 0,
            arrived: Instant::now(),
            answered: None,
            message,
        }
    }

    /// The field `id` of a JSON body; empty without one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Head and body as they were received.
    pub fn text(&self) -> String {
        format!("{}\r\n\r\n{}", self.head, self.body)
    }
}

/// The bytes to send back, and what happens to the connection after them.
#[derive(Debug, Clone)]
pub struct Response {
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// Waits for the next request.
    KeepOpen,
    Close,
    /// Sends no more and waits until the client closes the connection.
    Hang,
    /// Sends this again and again, with a pause in between.
    Repeat(&'static str, Duration),
}

impl Response {
    /// An empty JSON object with a status.
    pub fn status(status: u16) -> Self {
        Self::full(&format!("{status} Status"), "", "{}", Then::KeepOpen)
    }

    /// A status line's end (`404 Not Found`), header lines and a body.
    pub fn new(status: &str, headers: &str, body: &str) -> Self {
        Self::full(status, headers, body, Then::Close)
    }

    fn full(status: &str, headers: &str, body: &str, then: Then) -> Self {
        let length = body.len();
        let connection = match then {
            Then::Close => "connection: close\r\n",
            Then::KeepOpen | Then::Hang | Then::Repeat(..) => "",
        };
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{connection}{headers}\r\n{body}"
        );
        Self {
            status: status[..3].parse().expect("a status"),
            bytes: text.into_bytes(),
            then,
        }
    }

    /// Any bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self {
            status: 0,
            bytes: bytes.into(),
            then,
        }
    }
}
