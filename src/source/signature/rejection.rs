//! Why a sender was not let in: a word to count by, and for the log alone what failed and how to mend it.
//! It repeats nothing that was sent, and no secret.

use std::fmt;
use std::time::Duration;

use crate::core::config::{Algorithm, Encoding};

/// Which check failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    Missing {
        header: String,
        /// The scheme whose header stands there in its place.
        instead: Option<&'static str>,
    },
    /// The header stands there more than once.
    Repeated {
        header: String,
    },
    Malformed {
        header: String,
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
    /// Signed with the secret that everybody knows.
    TestSecret,
    /// The source's secrets cannot be had.
    Locked,
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderFault {
    Empty,
    /// It does not begin with this.
    Prefix(String),
    Form {
        algorithm: Algorithm,
        encoding: Encoding,
        length: usize,
        /// What it has the form of instead.
        looks: Option<(Algorithm, Encoding)>,
    },
    TooMany,
    NoTime,
    /// Credentials of another kind than this.
    Kind(&'static str),
    Base64,
}

impl Rejection {
    /// Every word that refusals are counted by.
    pub const WORDS: [&'static str; 9] = [
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

    /// Why, in a word.
    pub fn word(&self) -> &'static str {
        let place = match self {
            Rejection::Missing { .. } => 0,
            Rejection::Repeated { .. } => 1,
            Rejection::Malformed { .. } => 2,
            Rejection::Stale { .. } => 3,
            Rejection::Early { .. } => 4,
            Rejection::WrongSignature => 5,
            Rejection::WrongToken => 6,
            Rejection::TestSecret => 7,
            Rejection::Locked => 8,
        };
        Self::WORDS[place]
    }

    /// What whoever runs the program can do.
    pub fn help(&self) -> String {
        match self {
            Rejection::Missing {
                instead: Some(scheme),
                ..
            } => format!(
                "it comes with the header of `{scheme}`: let `verify` say that if this sender is sound"
            ),
            Rejection::Missing { instead: None, .. } => "let the sender sign what it sends, or look who else knows this address; does `verify` name the scheme of this sender, and does a proxy pass its headers on?".into(),
            Rejection::Repeated { .. } => "a proxy may add a header that the sender wrote already".into(),
            Rejection::Malformed { fault, .. } => fault.help(),
            Rejection::Stale { .. } => "is this machine's clock right? A recorded request that is sent again is refused like this; where the sender signs long before it sends, raise `window`".into(),
            Rejection::Early { .. } => "one of the two clocks is wrong: see to the time of this machine first".into(),
            Rejection::WrongSignature => "copy the secret from the sender once more, and see that no proxy changes the body".into(),
            Rejection::WrongToken => "copy the secret to the sender once more; a token that is being replaced stays under `secrets` beside the new one".into(),
            Rejection::TestSecret => "this was a test of a webhook that is not saved yet: save it, copy its own secret, and test it again".into(),
            Rejection::Locked => "see the errors at the start".into(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Missing { header, .. } => write!(f, "the header `{header}` is missing"),
            Rejection::Repeated { header } => {
                write!(f, "the header `{header}` stands there more than once")
            }
            Rejection::Malformed { header, fault } => write!(f, "the header `{header}` {fault}"),
            Rejection::Stale { by, window } => write!(
                f,
                "it was signed {} s ago, and the window is {} s",
                by.as_secs(),
                window.as_secs()
            ),
            Rejection::Early { by, window } => write!(
                f,
                "it was signed {} s in the future, and the window is {} s",
                by.as_secs(),
                window.as_secs()
            ),
            Rejection::WrongSignature => f.write_str("the signature does not fit what was sent"),
            Rejection::WrongToken => f.write_str("the token is none of this source"),
            Rejection::TestSecret => {
                f.write_str("it is signed with the test secret that everybody knows")
            }
            Rejection::Locked => f.write_str("the source has no secret that could be read"),
        }
    }
}

impl HeaderFault {
    fn help(&self) -> String {
        match self {
            HeaderFault::Form {
                looks: Some((algorithm, encoding)),
                ..
            } => format!(
                "it has the form of {} in {}: let `verify` say so if this sender is sound",
                algorithm.word(),
                encoding.word()
            ),
            HeaderFault::Form { looks: None, .. } | HeaderFault::Empty | HeaderFault::Prefix(_) | HeaderFault::NoTime => {
                "does `verify` name the scheme of this sender, and does a proxy pass its headers on unchanged?".into()
            }
            HeaderFault::TooMany => "a sender that replaces its secret signs twice; more was not meant".into(),
            HeaderFault::Kind(_) | HeaderFault::Base64 => {
                "set the sender's credentials to the kind that `verify` names".into()
            }
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderFault::Empty => f.write_str("is empty"),
            HeaderFault::Prefix(prefix) => write!(f, "does not begin with `{prefix}`"),
            HeaderFault::Form {
                algorithm,
                encoding,
                length,
                ..
            } => write!(
                f,
                "holds no {} in {}: it has {length} characters",
                algorithm.word(),
                encoding.word(),
            ),
            HeaderFault::TooMany => f.write_str("holds too many signatures"),
            HeaderFault::NoTime => f.write_str("holds no time"),
            HeaderFault::Kind(kind) => write!(f, "is not of the kind `{kind}`"),
            HeaderFault::Base64 => f.write_str("holds no whole base64"),
        }
    }
}
