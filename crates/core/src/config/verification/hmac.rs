//! Describes an HMAC signature scheme as data: header, algorithm, signed content, encoding.
//! Signed content without the body, and a timestamp that is not signed, are errors.

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, text, words};

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

/// Reads the scheme under `hmac`; `None` after an error was reported.
pub fn lower(
    options: Option<&Node>,
    at: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<HmacScheme> {
    let options = options.filter(|options| options.as_map().is_some());
    let Some(header) = options.and_then(|options| options.get("header")) else {
        let help = "write `verify: { hmac: { header: X-Signature } }`";
        return diagnostics.reject(Code::MissingKey, at.at, "`hmac` needs a `header`", help);
    };
    let options = options?;
    diagnostics.entries(options, &HMAC)?;
    let header = lower_header(header, "header", diagnostics);
    let algorithm = one_of(
        options,
        "algorithm",
        "sha256, sha512 or sha1",
        diagnostics,
        Algorithm::parse,
    );
    let encoding = one_of(
        options,
        "encoding",
        "hex or base64",
        diagnostics,
        SignatureEncoding::parse,
    );
    let key = one_of(
        options,
        "key",
        "verbatim or base64",
        diagnostics,
        KeyEncoding::parse,
    );
    let prefix = options
        .get("prefix")
        .map(|node| diagnostics.text(node, "prefix"));
    let signed = lower_signed(options, diagnostics);
    let stamp = lower_stamp(options, diagnostics);
    let hmac = HmacScheme {
        name: "hmac",
        header: header?,
        algorithm: algorithm?.unwrap_or(Algorithm::Sha256),
        encoding: encoding?.unwrap_or(SignatureEncoding::Hex),
        prefix: prefix.map_or(Some(String::new()), |prefix| prefix)?,
        signatures: SignatureCount::One,
        signed: signed?,
        stamp: stamp?,
        key: key?.unwrap_or(KeyEncoding::Verbatim),
        test_secret: None,
    };
    check_stamp(hmac, options, diagnostics)
}

/// Checks that a timestamp is signed, and that a signed timestamp has a header.
fn check_stamp(
    hmac: HmacScheme,
    options: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<HmacScheme> {
    let (message, help) = match (&hmac.stamp, hmac.signed.has_timestamp()) {
        (Some(_), true) | (None, false) => return Some(hmac),
        (Some(_), false) => (
            "the `timestamp` is not signed: anyone could change it",
            "write `signed: \"{timestamp}.{body}\"`, as the sender does",
        ),
        (None, true) => (
            "`signed` contains `{timestamp}`, but no header for it is set",
            "add `timestamp: HEADER`",
        ),
    };
    diagnostics.reject_value(options.at, message, help)
}

fn one_of<T>(
    options: &Node,
    key: &str,
    wanted: &str,
    diagnostics: &mut Diagnostics,
    parse: fn(&str) -> Option<T>,
) -> Option<Option<T>> {
    let Some(node) = options.get(key) else {
        return Some(None);
    };
    let parsed = node.as_text().and_then(parse);
    if parsed.is_none() {
        let message = format!("`{key}` takes {wanted}");
        diagnostics.invalid(node.at, message, "");
    }
    parsed.map(Some)
}

fn lower_header(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let name = diagnostics.text(node, key)?;
    if is_header(&name) {
        return Some(name.to_ascii_lowercase());
    }
    let message = format!("`{}` is not a header name", name.escape_debug());
    let help = "use letters, digits and `-`";
    diagnostics.reject_value(node.at, message, help)
}

fn lower_signed(options: &Node, diagnostics: &mut Diagnostics) -> Option<SignedContent> {
    let Some(node) = options.get("signed") else {
        return Some(SignedContent(vec![SignedPart::Body]));
    };
    match SignedContent::parse(&diagnostics.text(node, "signed")?) {
        Ok(signed) => Some(signed),
        Err(why) => {
            let message = format!("invalid `signed`: {why}");
            let help = "write `{body}`, or `{timestamp}.{body}`";
            diagnostics.reject_value(node.at, message, help)
        }
    }
}

/// Reads the timestamp header; the inner `None` is a scheme without one.
fn lower_stamp(options: &Node, diagnostics: &mut Diagnostics) -> Option<Option<TimestampHeader>> {
    let window = crate::config::verification::preset::window(Some(options), diagnostics);
    match options.get("timestamp") {
        Some(node) => {
            let header = lower_header(node, "timestamp", diagnostics)?;
            Some(Some(TimestampHeader {
                header,
                form: TimestampFormat::Seconds,
                window: window?,
            }))
        }
        None if options.get("window").is_some() => {
            let help = "add `timestamp: HEADER`, or remove `window`";
            let message = "a `window` needs the time of signing";
            diagnostics.reject(Code::MissingKey, options.at, message, help)
        }
        None => Some(None),
    }
}
