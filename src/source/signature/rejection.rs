//! Why a request failed verification: a code to count by, and for the log the reason and what to do.
//! Repeats nothing of the request except names of headers and parameters, and no secret.

use std::fmt;
use std::time::Duration;

use flowtrigger_core::config::verification::signature::{Algorithm, SignatureEncoding};

/// The check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    Missing {
        field: RequestField,
        /// The scheme whose header the request has instead.
        other_scheme: Option<&'static str>,
    },
    /// It occurs more than once.
    Repeated {
        field: RequestField,
    },
    Malformed {
        field: RequestField,
        fault: HeaderFault,
    },
    Stale {
        by: Duration,
        window: Duration,
    },
    /// Signed in the future.
    Early {
        by: Duration,
        window: Duration,
    },
    WrongSignature,
    WrongToken,
    /// Signed with the published test secret.
    TestSecret,
    /// The source's secrets are not available.
    NoSecret,
}

/// What the credentials of a request are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestField {
    /// A header, by its name in lower case.
    Header(String),
    /// A parameter of the query, by its name.
    Query(String),
    /// A key of the body.
    Body(String),
}

/// What is wrong with a header or a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderFault {
    Empty,
    /// The value does not start with this prefix.
    Prefix(String),
    Form {
        algorithm: Algorithm,
        encoding: SignatureEncoding,
        length: usize,
        /// The form that the value has instead.
        actual: Option<(Algorithm, SignatureEncoding)>,
    },
    TooMany,
    /// No part of the header begins so.
    NoField(String),
    /// Several parts of the header begin so.
    RepeatedField(String),
    Timestamp,
    /// The credentials are not of this kind.
    Kind(&'static str),
    Base64,
}

impl Rejection {
    /// All values of [`Rejection::code`].
    pub const CODES: [&'static str; 9] = [
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

    /// The value of the metric label `reason`, and of `reason` in the log.
    pub fn code(&self) -> &'static str {
        let index = match self {
            Rejection::Missing { .. } => 0,
            Rejection::Repeated { .. } => 1,
            Rejection::Malformed { .. } => 2,
            Rejection::Stale { .. } => 3,
            Rejection::Early { .. } => 4,
            Rejection::WrongSignature => 5,
            Rejection::WrongToken => 6,
            Rejection::TestSecret => 7,
            Rejection::NoSecret => 8,
        };
        Self::CODES[index]
    }

    /// What the operator can do.
    pub fn help(&self) -> String {
        match self {
            Rejection::Missing {
                other_scheme: Some(scheme),
                ..
            } => format!(
                "the request has the header of `{scheme}`: if the sender is genuine, set `verify: {scheme}`"
            ),
            Rejection::Missing {
                other_scheme: None,
                field: RequestField::Query(name),
            } => format!(
                "add `?{name}=…` with the secret to the URL at the sender; otherwise an unknown sender uses this URL"
            ),
            Rejection::Missing {
                other_scheme: None,
                field: RequestField::Header(_) | RequestField::Body(_),
            } => "configure the sender to sign its requests, and check that `verify` names its scheme and that a proxy forwards its headers; otherwise an unknown sender uses this URL".into(),
            Rejection::Repeated { .. } => {
                "check whether a proxy adds a header that the sender already sets".into()
            }
            Rejection::Malformed { fault, .. } => fault.help(),
            Rejection::Stale { .. } => "check the clock of this machine; a replayed request is rejected in the same way; if the sender signs long before it sends, raise `window`".into(),
            Rejection::Early { .. } => {
                "one of the two clocks is wrong: first check the clock of this machine".into()
            }
            Rejection::WrongSignature => "copy the secret from the sender again, and check that no proxy changes the body".into(),
            Rejection::WrongToken => "copy the secret to the sender again, and with `basic` the user name; while you replace a token, keep the old one under `secrets` beside the new one".into(),
            Rejection::TestSecret => "this is a test of a webhook that is not saved yet: save it, copy its own secret, and test it again".into(),
            Rejection::NoSecret => "see the errors in the log from the start of the program".into(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Missing { field, .. } => write!(f, "missing {field}"),
            Rejection::Repeated { field } => write!(f, "duplicate {field}"),
            Rejection::Malformed { field, fault } => write!(f, "invalid {field}: {fault}"),
            Rejection::Stale { by, window } => write!(
                f,
                "signed {} s ago, but the window is {} s",
                by.as_secs(),
                window.as_secs()
            ),
            Rejection::Early { by, window } => write!(
                f,
                "signed {} s in the future, but the window is {} s",
                by.as_secs(),
                window.as_secs()
            ),
            Rejection::WrongSignature => f.write_str("the signature does not match the request"),
            Rejection::WrongToken => {
                f.write_str("the token does not match any secret of the source")
            }
            Rejection::TestSecret => f.write_str("signed with the published test secret"),
            Rejection::NoSecret => f.write_str("the secrets of the source are not available"),
        }
    }
}

impl fmt::Display for RequestField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestField::Header(name) => write!(f, "header `{name}`"),
            RequestField::Query(name) => write!(f, "query parameter `{name}`"),
            RequestField::Body(key) => write!(f, "`{key}` in the body"),
        }
    }
}

impl HeaderFault {
    fn help(&self) -> String {
        match self {
            HeaderFault::Form {
                actual: Some((algorithm, encoding)),
                ..
            } => format!(
                "the value has the form of {} in {}: if the sender is genuine, set that in `verify`",
                algorithm.as_str(),
                encoding.as_str()
            ),
            HeaderFault::Form { actual: None, .. }
            | HeaderFault::Empty
            | HeaderFault::Prefix(_)
            | HeaderFault::NoField(_)
            | HeaderFault::RepeatedField(_)
            | HeaderFault::Timestamp => {
                "check that `verify` names the scheme of this sender and that a proxy forwards its headers unchanged".into()
            }
            HeaderFault::TooMany => {
                "a sender sends two signatures while it replaces its secret; check what sends more".into()
            }
            HeaderFault::Kind(_) | HeaderFault::Base64 => {
                "configure the sender with the kind of credentials that `verify` names".into()
            }
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderFault::Empty => f.write_str("empty value"),
            HeaderFault::Prefix(prefix) => write!(f, "expected the prefix `{prefix}`"),
            HeaderFault::Form {
                algorithm,
                encoding,
                length,
                ..
            } => write!(
                f,
                "expected {} in {}, found {length} characters",
                algorithm.as_str(),
                encoding.as_str(),
            ),
            HeaderFault::TooMany => f.write_str("too many signatures"),
            HeaderFault::NoField(prefix) => write!(f, "expected a part with `{prefix}`"),
            HeaderFault::RepeatedField(prefix) => write!(f, "duplicate part with `{prefix}`"),
            HeaderFault::Timestamp => f.write_str("expected a time"),
            HeaderFault::Kind(kind) => write!(f, "expected credentials of the kind `{kind}`"),
            HeaderFault::Base64 => f.write_str("invalid base64"),
        }
    }
}
