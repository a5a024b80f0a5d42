//! The result of a call: the reply of the server or the command, or the failure.

use std::time::Duration;

use serde_json::Value;

/// What performing a call gave. The log of a run keeps it.
pub type CallResult = Result<Reply, CallFailure>;

/// What came back: `steps.NAME.…` of later steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// `{status, headers, body}` for HTTP (headers in lower case), `{status, stdout, stderr}` for
    /// commands, cut down to what the step keeps; of jq what it made, of settings the settings.
    pub value: Value,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFailure {
    /// A lower-case fragment that fits "failed to …", names the thing, ends with what to do.
    pub message: String,
    /// Whether another attempt may help: connection errors, time-outs, 408, 409, 425, 429, 5xx.
    pub retryable: bool,
    /// What `Retry-After` asked for.
    pub retry_after: Option<Duration>,
    /// The status of an answer that was not accepted, or with which a command ended.
    pub status: Option<u16>,
}

impl CallFailure {
    /// A failure that a further attempt cannot fix.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: false,
            retry_after: None,
            status: None,
        }
    }

    /// A failure that may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(message)
        }
    }
}
