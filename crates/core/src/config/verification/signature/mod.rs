//! Describes a signature scheme as data: header, algorithm, signed content, encoding.
//! Signed content without the body, and a timestamp that is not signed, are errors.

pub(super) mod lower;
pub mod signed;

use std::time::Duration;

use serde_json::{Value, json};

use crate::document::vocabulary::{Vocabulary, duration, text, words};

pub use crate::config::verification::signature::lower::{lower_ed25519, lower_hmac};
pub use crate::config::verification::signature::signed::{SignedContent, SignedPart};

/// A signature in a header, with a shared secret (HMAC) or with a key pair (Ed25519).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureScheme {
    /// The name of the scheme.
    pub name: &'static str,
    /// In lower case.
    pub header: String,
    pub algorithm: Algorithm,
    pub encoding: SignatureEncoding,
    /// The text before the signature in the header.
    pub prefix: String,
    pub signatures: SignatureCount,
    pub signed: SignedContent,
    /// The time of signing, if the scheme has one.
    pub stamp: Option<SigningTime>,
    /// Not used for Ed25519, whose keys are recognised by their form.
    pub key: KeyEncoding,
    /// A publicly known secret, which the sender uses for test requests.
    pub test_secret: Option<&'static str>,
    /// How the secrets of this sender begin, if that text is a part of the key.
    pub secret_prefix: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Sha256,
    Sha512,
    Sha1,
    /// A key pair: the secret here is the public key.
    Ed25519,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    Hex,
    Base64,
    /// With `-` and `_`; padding is optional.
    Base64Url,
}

/// How many signatures the header may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureCount {
    One,
    /// One valid signature with the prefix is enough. Other parts of the header are ignored.
    Several(Separator),
}

/// What separates the parts of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    Space,
    /// White space around the parts is ignored, as for semicolons.
    Comma,
    Semicolon,
}

/// The time of signing: seconds or milliseconds since 1970, or RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningTime {
    pub location: TimestampLocation,
    /// The format used when signing; when verifying, every format is accepted.
    pub form: TimestampFormat,
    /// The maximum difference from now, before and after.
    pub window: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampLocation {
    /// A header of its own; its name is in lower case.
    Header(String),
    /// A part of the signature header: `t` for `t=1700000000`.
    Field(String),
    /// A key of the body, which is checked only in bodies that have it. The signed content has the body.
    Body(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    Seconds,
    Milliseconds,
    Rfc3339,
}

/// How the key is derived from the secret's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The bytes of the text.
    Verbatim,
    /// Decoded from base64, after an optional `whsec_`.
    Base64,
}

pub const HMAC: Vocabulary = Vocabulary {
    name: "`hmac`",
    words: words! {
        "header" text => "The header that holds the signature.";
        "algorithm" algorithm_schema => "`sha256`, `sha512` or `sha1`. Default: `sha256`.";
        "encoding" encoding_schema => "`hex`, `base64` or `base64url`. Default: `hex`.";
        "prefix" text => "The text before the signature in the header, such as `sha256=`. Default: none.";
        "separator" separator_schema =>
            "`comma`, `semicolon` or `space` if the header has several parts, of which each signature has the prefix: `v1=…,v1=…`. Default: one signature.";
        "signed" text =>
            "The signed content: text with `{body}`, `{trimmed_body}`, `{timestamp}`, `{header:NAME}`, `{method}`, `{path}`, `{query}`, `{url}` or `{decoded_url}`. Default: `{body}`.";
        "timestamp" timestamp_schema =>
            "The header with the time of signing, or `{ field: t }` for the part `t=…` of the signature header. It must be part of the signed content.";
        "window" duration => "The maximum difference between the time of signing and now. Default: 5m.";
        "key" key_schema => "`verbatim`, or `base64` to decode the secret first. Default: `verbatim`.";
    },
};

pub const ED25519: Vocabulary = Vocabulary {
    name: "`ed25519`",
    words: words! {
        "header" text => "The header that holds the signature.";
        "encoding" encoding_schema => "`hex`, `base64` or `base64url`. Default: `hex`.";
        "prefix" text => "The text before the signature in the header. Default: none.";
        "separator" separator_schema =>
            "`comma`, `semicolon` or `space` if the header has several parts, of which each signature has the prefix. Default: one signature.";
        "signed" text =>
            "The signed content, as in `hmac`. Default: `{body}`.";
        "timestamp" timestamp_schema =>
            "The header with the time of signing, or `{ field: t }`, as in `hmac`.";
        "window" duration => "The maximum difference between the time of signing and now. Default: 5m.";
    },
};

/// The keys of `timestamp` as a mapping.
pub const TIMESTAMP: Vocabulary = Vocabulary {
    name: "`timestamp`",
    words: words! {
        "header" text => "The header with the time of signing.";
        "field" text => "The name of the part of the signature header with the time: `t` for `t=…`.";
    },
};

fn algorithm_schema() -> Value {
    json!({"enum": ["sha256", "sha512", "sha1"], "default": "sha256"})
}

fn encoding_schema() -> Value {
    json!({"enum": ["hex", "base64", "base64url"], "default": "hex"})
}

fn key_schema() -> Value {
    json!({"enum": ["verbatim", "base64"], "default": "verbatim"})
}

fn separator_schema() -> Value {
    json!({"enum": ["comma", "semicolon", "space"]})
}

fn timestamp_schema() -> Value {
    let mut mapping = TIMESTAMP.schema(&[]);
    mapping["minProperties"] = 1.into();
    mapping["maxProperties"] = 1.into();
    json!({"oneOf": [{"type": "string"}, mapping]})
}

pub fn hmac_schema() -> Value {
    HMAC.schema(&["header"])
}

pub fn ed25519_schema() -> Value {
    ED25519.schema(&["header"])
}

impl Algorithm {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::Sha1 => "sha1",
            Algorithm::Ed25519 => "ed25519",
        }
    }

    /// The length of a signature in bytes.
    pub fn size(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 | Algorithm::Ed25519 => 64,
            Algorithm::Sha1 => 20,
        }
    }

    /// The algorithms of `hmac`.
    fn parse(word: &str) -> Option<Self> {
        match word {
            "sha256" => Some(Algorithm::Sha256),
            "sha512" => Some(Algorithm::Sha512),
            "sha1" => Some(Algorithm::Sha1),
            _ => None,
        }
    }
}

impl SignatureEncoding {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            SignatureEncoding::Hex => "hex",
            SignatureEncoding::Base64 => "base64",
            SignatureEncoding::Base64Url => "base64url",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "hex" => Some(SignatureEncoding::Hex),
            "base64" => Some(SignatureEncoding::Base64),
            "base64url" => Some(SignatureEncoding::Base64Url),
            _ => None,
        }
    }
}

impl KeyEncoding {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "verbatim" => Some(KeyEncoding::Verbatim),
            "base64" => Some(KeyEncoding::Base64),
            _ => None,
        }
    }
}

impl Separator {
    pub fn byte(self) -> u8 {
        match self {
            Separator::Space => b' ',
            Separator::Comma => b',',
            Separator::Semicolon => b';',
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "space" => Some(Separator::Space),
            "comma" => Some(Separator::Comma),
            "semicolon" => Some(Separator::Semicolon),
            _ => None,
        }
    }
}

/// Whether a text can be the name of a header, or of a part of one.
pub(in crate::config) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}
