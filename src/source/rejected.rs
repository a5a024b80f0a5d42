//! A request that was not accepted: who sent what where, and why it was rejected. Has no part of its body.

use std::net::IpAddr;
use std::sync::Arc;

/// What is known about a rejected request. Text from outside is shortened, and has no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRequest {
    /// The source at its path, if there is one.
    pub source: Option<Arc<str>>,
    pub method: String,
    /// Empty if the request could not be read.
    pub path: String,
    /// The sender's address, if it is known.
    pub peer: Option<IpAddr>,
    /// The value of the metric label `reason`.
    pub reason: &'static str,
    pub status: u16,
    /// Bytes of the body, if the sender announced them.
    pub size: Option<u64>,
    /// What is wrong, and what to do about it.
    pub detail: String,
}

/// The values of the metric label `reason`.
pub const REASONS: [&str; 32] = [
    "unsound",
    "id_header",
    "media_type",
    "method",
    "too_large",
    "too_many_values",
    "invalid_form",
    "handshake",
    "incomplete",
    "unknown_source",
    "unknown_path",
    "unknown_link",
    "not_http",
    "plain_http",
    "head_too_large",
    "cross_site",
    "unknown_host",
    "repeated_header",
    "not_local",
    "not_allowed",
    "busy",
    "unavailable",
    "no_memory",
    "sender_unsigned",
    "sender_repeated",
    "sender_malformed",
    "sender_stale",
    "sender_early",
    "sender_wrong_signature",
    "sender_wrong_token",
    "sender_test_secret",
    "sender_locked",
];

const MAX_METHOD_CHARS: usize = 20;
pub const MAX_PATH_CHARS: usize = 200;
const MAX_DETAIL_CHARS: usize = 600;

impl RejectedRequest {
    /// Shortens what a sender can make as long as it likes.
    pub fn shortened(self) -> Self {
        Self {
            method: shortened(self.method, MAX_METHOD_CHARS),
            path: shortened(self.path, MAX_PATH_CHARS),
            detail: shortened(self.detail, MAX_DETAIL_CHARS),
            ..self
        }
    }
}

pub fn shortened(text: String, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::signature::Rejection;

    #[test]
    fn every_reason_is_documented_and_every_check_of_senders_is_a_reason() {
        let page = include_str!("../../docs/operations.md");
        let row = page
            .lines()
            .find(|line| line.starts_with("| `flowtrigger_requests_refused_total`"));
        let row = row.expect("the row of the metric");
        for reason in REASONS {
            let name = reason.strip_prefix("sender_").unwrap_or(reason);
            assert!(row.contains(&format!("`{name}`")), "{reason}");
        }
        for code in Rejection::CODES {
            assert!(REASONS.contains(&code), "{code}");
        }
    }
}
