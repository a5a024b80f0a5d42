//! The signature schemes of known senders, as their documentation describes them, and `window`.
//! A window over one day is an error: a recorded request could be sent again within it.

use std::time::Duration;

use serde_json::Value;

use crate::config::verification::WINDOW;
use crate::config::verification::hmac::{
    Algorithm, HmacScheme, KeyEncoding, SignatureCount, SignatureEncoding, SignedContent,
    SignedPart, TimestampFormat, TimestampHeader,
};
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, words};

/// The keys of a scheme with a signed timestamp.
pub const PRESET: Vocabulary = Vocabulary {
    name: "this scheme",
    words: words! {
        "window" duration => "The maximum difference between the time of signing and now. Default: 5m.";
    },
};

pub fn schema() -> Value {
    let mut schema = PRESET.schema(&[]);
    schema["type"] = serde_json::json!(["object", "null"]);
    schema
}

/// Base64 over timestamp and body without a separator; the secret is used unchanged.
pub fn zendesk(window: Duration) -> HmacScheme {
    HmacScheme {
        name: "zendesk",
        header: "x-zendesk-webhook-signature".into(),
        encoding: SignatureEncoding::Base64,
        signed: SignedContent(vec![SignedPart::Timestamp, SignedPart::Body]),
        stamp: stamp(
            "x-zendesk-webhook-signature-timestamp",
            TimestampFormat::Rfc3339,
            window,
        ),
        // Zendesk signs with this secret when a webhook is tested before it is saved.
        test_secret: Some("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="),
        ..plain()
    }
}

/// Hexadecimal over the body without leading and trailing white space; no timestamp is signed.
pub fn upmind() -> HmacScheme {
    HmacScheme {
        name: "upmind",
        header: "x-webhook-signature".into(),
        signed: SignedContent(vec![SignedPart::TrimmedBody]),
        ..plain()
    }
}

/// `v1,` and base64 over id, timestamp and body; the secret is base64 after `whsec_`.
pub fn standard_webhooks(window: Duration) -> HmacScheme {
    let dot = || SignedPart::Text(".".into());
    HmacScheme {
        name: "standard_webhooks",
        header: "webhook-signature".into(),
        encoding: SignatureEncoding::Base64,
        prefix: "v1,".into(),
        signatures: SignatureCount::Several,
        signed: SignedContent(vec![
            SignedPart::Header("webhook-id".into()),
            dot(),
            SignedPart::Timestamp,
            dot(),
            SignedPart::Body,
        ]),
        stamp: stamp("webhook-timestamp", TimestampFormat::Seconds, window),
        key: KeyEncoding::Base64,
        ..plain()
    }
}

/// `sha256=` and hexadecimal over the body.
pub fn github() -> HmacScheme {
    HmacScheme {
        name: "github",
        header: "x-hub-signature-256".into(),
        prefix: "sha256=".into(),
        ..plain()
    }
}

/// The header with the id of a delivery, by the name of the scheme.
pub fn delivery_id(scheme: &str) -> Option<&'static str> {
    match scheme {
        "zendesk" => Some("x-zendesk-webhook-invocation-id"),
        "standard_webhooks" => Some("webhook-id"),
        "github" => Some("x-github-delivery"),
        _ => None,
    }
}

fn stamp(header: &str, form: TimestampFormat, window: Duration) -> Option<TimestampHeader> {
    Some(TimestampHeader {
        header: header.to_owned(),
        form,
        window,
    })
}

fn plain() -> HmacScheme {
    HmacScheme {
        name: "hmac",
        header: String::new(),
        algorithm: Algorithm::Sha256,
        encoding: SignatureEncoding::Hex,
        prefix: String::new(),
        signatures: SignatureCount::One,
        signed: SignedContent(vec![SignedPart::Body]),
        stamp: None,
        key: KeyEncoding::Verbatim,
        test_secret: None,
    }
}

/// Clocks differ by seconds; one day is far more than a sender needs.
const WINDOW_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);

/// Reads the window of a preset scheme, which has no other option.
pub fn lower(options: Option<&Node>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    if let Some(options) = options.filter(|options| options.as_map().is_some()) {
        diagnostics.entries(options, &PRESET)?;
    }
    window(options, diagnostics)
}

/// Reads `window` of a scheme's options; `None` after an error was reported.
pub fn window(options: Option<&Node>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let Some(options) = options.filter(|options| options.as_map().is_some()) else {
        return Some(WINDOW);
    };
    let Some(node) = options.get("window") else {
        return Some(WINDOW);
    };
    let window = diagnostics.duration(node, "window")?;
    if WINDOW_RANGE.contains(&window) {
        return Some(window);
    }
    let message = "`window` is at least 1s and at most 1d";
    let help = "a recorded request could be sent again within this time; 5m is usual";
    diagnostics.reject_value(node.at, message, help)
}
