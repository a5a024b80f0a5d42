//! The result of a call: the reply of the server or the command, or the failure.

use std::time::Duration;

use serde_json::Value;

/// The result of a call. The log of a run stores it.
pub type CallResult = Result<Reply, CallFailure>;

/// A reply, which later steps read as `steps.NAME.…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// `{status, headers, body}` for HTTP (headers in lower case), `{status, stdout, stderr}` for
    /// commands, limited to what the step keeps; the result of jq; the settings of an integration.
    pub value: Value,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFailure {
    /// A lower-case fragment that names the subject and ends with what to do.
    pub message: String,
    /// Whether another attempt may help: connection errors, time-outs, 408, 409, 425, 429, 5xx.
    pub retryable: bool,
    /// The delay that `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The status of a response that was not accepted, or the exit status of a command.
    pub status: Option<u16>,
    pub effect: CallEffect,
    /// Whether its receiver counted as down when the attempt was made, so that the attempt is not counted.
    pub during_outage: bool,
}

/// What a failed call did at its receiver, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEffect {
    /// It may have had its effect: no response arrived, or one that does not exclude it.
    Possible,
    /// Nothing was sent, or the receiver rejected it.
    None,
}

impl CallFailure {
    /// Creates a failure that a further attempt cannot fix.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: false,
            retry_after: None,
            status: None,
            effect: CallEffect::Possible,
            during_outage: false,
        }
    }

    /// Creates a failure that a further attempt may fix.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(message)
        }
    }

    /// Whether an outage of the receiver explains it: a retryable failure without a response, or with 408, 429 or 5xx.
    /// Meaningful for requests; the status of a command is its exit status.
    pub fn is_outage(&self) -> bool {
        self.retryable && matches!(self.status, None | Some(408 | 429 | 500..=599))
    }

    /// The same failure of a call that changed nothing at its receiver.
    pub fn without_effect(self) -> Self {
        Self {
            effect: CallEffect::None,
            ..self
        }
    }
}
