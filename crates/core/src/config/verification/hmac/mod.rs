//! Describes an HMAC signature scheme as data: header, algorithm, signed content, encoding.
//! Signed content without the body, and a timestamp that is not signed, are errors.

mod lower;

use std::time::Duration;

use serde_json::{Value, json};

use crate::document::vocabulary::{Vocabulary, duration, text, words};

pub use crate::config::verification::hmac::lower::lower;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacScheme {
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
    /// The header with the time of signing, if the scheme has one.
    pub stamp: Option<TimestampHeader>,
    pub key: KeyEncoding,
    /// A publicly known secret, which the sender uses for test requests.
    pub test_secret: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Sha256,
    Sha512,
    Sha1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    Hex,
    Base64,
}

/// How many signatures the header may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureCount {
    One,
    /// Separated by spaces; one valid signature with the prefix is enough.
    Several,
}

/// The parts of the signed content, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedContent(pub Vec<SignedPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    Body,
    /// The body without leading and trailing white space.
    TrimmedBody,
    /// The value of the timestamp header, unchanged.
    Timestamp,
    /// The value of another header; its name is in lower case.
    Header(String),
    Text(String),
}

/// The header with the time of signing: seconds since 1970, or RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampHeader {
    /// In lower case.
    pub header: String,
    /// The format used when signing; when verifying, every format is accepted.
    pub form: TimestampFormat,
    /// The maximum difference from now, before and after.
    pub window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    Seconds,
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
        "encoding" encoding_schema => "`hex` or `base64`. Default: `hex`.";
        "prefix" text => "The text before the signature in the header, such as `sha256=`. Default: none.";
        "signed" text =>
            "The signed content: `{body}`, `{trimmed_body}`, `{timestamp}`, `{header:NAME}` and text between them. Default: `{body}`.";
        "timestamp" text => "The header with the time of signing, which must be part of the signed content.";
        "window" duration => "The maximum difference between the time of signing and now. Default: 5m.";
        "key" key_schema => "`verbatim`, or `base64` to decode the secret first. Default: `verbatim`.";
    },
};

fn algorithm_schema() -> Value {
    json!({"enum": ["sha256", "sha512", "sha1"], "default": "sha256"})
}

fn encoding_schema() -> Value {
    json!({"enum": ["hex", "base64"], "default": "hex"})
}

fn key_schema() -> Value {
    json!({"enum": ["verbatim", "base64"], "default": "verbatim"})
}

pub fn schema() -> Value {
    HMAC.schema(&["header"])
}

impl Algorithm {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::Sha1 => "sha1",
        }
    }

    /// The length of a signature in bytes.
    pub fn size(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
            Algorithm::Sha1 => 20,
        }
    }

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
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "hex" => Some(SignatureEncoding::Hex),
            "base64" => Some(SignatureEncoding::Base64),
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

impl SignedContent {
    /// Parses a text such as `{timestamp}.{body}`; the error says what is wrong.
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(SignedPart::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').ok_or("unclosed `{`")? + open;
            parts.push(SignedPart::parse(&rest[open + 1..close])?);
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(SignedPart::Text(rest.to_owned()));
        }
        let has_body =
            |part: &SignedPart| matches!(part, SignedPart::Body | SignedPart::TrimmedBody);
        match parts.iter().any(has_body) {
            true => Ok(Self(parts)),
            false => Err("without `{body}`, anyone could change the body".into()),
        }
    }

    fn has_timestamp(&self) -> bool {
        self.0.contains(&SignedPart::Timestamp)
    }
}

impl SignedPart {
    fn parse(name: &str) -> Result<Self, String> {
        match (name, name.split_once(':')) {
            ("body", _) => Ok(SignedPart::Body),
            ("trimmed_body", _) => Ok(SignedPart::TrimmedBody),
            ("timestamp", _) => Ok(SignedPart::Timestamp),
            (_, Some(("header", header))) if is_header(header) => {
                Ok(SignedPart::Header(header.to_ascii_lowercase()))
            }
            _ => Err(format!(
                "unknown placeholder `{{{name}}}`, expected {{body}}, {{trimmed_body}}, {{timestamp}} or {{header:NAME}}"
            )),
        }
    }
}

fn is_header(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}
