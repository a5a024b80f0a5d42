//! The verification of known senders: one row for each in [`PRESETS`], and its option `window`.
//! A window over one day is an error: a recorded request could be sent again within it.

mod table;

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::verification::signature::{
    Algorithm, KeyEncoding, SignatureCount, SignatureEncoding, SignatureScheme, SignedContent,
    SigningTime, TimestampFormat, TimestampLocation,
};
use crate::config::verification::token::{TokenLocation, TokenScheme};
use crate::config::verification::{Scheme, WINDOW};
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, words};

pub use crate::config::verification::preset::table::PRESETS;

/// How a known sender proves who it is, as its documentation describes it.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The name in the configuration.
    pub name: &'static str,
    /// The name of the sender.
    pub title: &'static str,
    pub summary: &'static str,
    pub kind: PresetKind,
    /// The header with the id of a delivery, the same in every attempt. In lower case.
    pub delivery_id: Option<&'static str>,
    pub event_type: Option<EventTypeLocation>,
    /// The page of the sender's documentation that describes it.
    pub documented: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub enum PresetKind {
    Signature(SignatureRow),
    /// A token in this header, in lower case.
    Token(&'static str),
}

/// A [`SignatureScheme`] as a constant.
#[derive(Debug, Clone, Copy)]
pub struct SignatureRow {
    /// In lower case.
    pub header: &'static str,
    pub algorithm: Algorithm,
    pub encoding: SignatureEncoding,
    pub prefix: &'static str,
    pub signatures: SignatureCount,
    /// As in the configuration: `{timestamp}.{body}`.
    pub signed: &'static str,
    pub stamp: Option<SigningTimeRow>,
    pub key: KeyEncoding,
    pub test_secret: Option<&'static str>,
    pub secret_prefix: Option<&'static str>,
}

/// Where the time of signing is.
#[derive(Debug, Clone, Copy)]
pub enum SigningTimeRow {
    /// A header, in lower case.
    Header(&'static str, TimestampFormat),
    /// A part of the signature header, in seconds.
    Field(&'static str),
    /// A key of the body, which is checked only in bodies that have it.
    Body(&'static str, TimestampFormat),
}

/// Where a request names the type of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTypeLocation {
    /// A header, in lower case.
    Header(&'static str),
    /// A path in the body, or in each element of an array.
    Body(&'static str),
}

/// The options of a preset with a signed time.
pub const PRESET: Vocabulary = Vocabulary {
    name: "this scheme",
    words: words! {
        "window" duration => "The maximum difference between the time of signing and now. Default: 5m.";
    },
};

impl Preset {
    /// The preset with this name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The scheme; the window has no effect on one without a signed time.
    pub fn scheme(&self, window: Duration) -> Scheme {
        match &self.kind {
            PresetKind::Signature(row) => Scheme::Signature(row.scheme(self.name, window)),
            PresetKind::Token(header) => Scheme::Token(TokenScheme {
                name: self.name,
                location: TokenLocation::Header((*header).to_owned()),
            }),
        }
    }

    /// The header with the signature or the token, in lower case.
    pub const fn header(&self) -> &'static str {
        match &self.kind {
            PresetKind::Signature(row) => row.header,
            PresetKind::Token(header) => header,
        }
    }

    /// Whether the time of signing is signed, so that an old request is rejected.
    pub const fn has_window(&self) -> bool {
        match &self.kind {
            PresetKind::Signature(row) => row.stamp.is_some(),
            PresetKind::Token(_) => false,
        }
    }

    /// The schema of its options.
    pub(super) const fn schema(&self) -> fn() -> Value {
        match self.has_window() {
            true => with_window,
            false => without_options,
        }
    }
}

impl SignatureRow {
    fn scheme(&self, name: &'static str, window: Duration) -> SignatureScheme {
        let stamp = self.stamp.map(|stamp| match stamp {
            SigningTimeRow::Header(header, form) => SigningTime {
                location: TimestampLocation::Header(header.to_owned()),
                form,
                window,
            },
            SigningTimeRow::Field(field) => SigningTime {
                location: TimestampLocation::Field(field.to_owned()),
                form: TimestampFormat::Seconds,
                window,
            },
            SigningTimeRow::Body(key, form) => SigningTime {
                location: TimestampLocation::Body(key.to_owned()),
                form,
                window,
            },
        });
        SignatureScheme {
            name,
            header: self.header.to_owned(),
            algorithm: self.algorithm,
            encoding: self.encoding,
            prefix: self.prefix.to_owned(),
            signatures: self.signatures,
            signed: SignedContent::parse(self.signed).expect("the signed content of a preset"),
            stamp,
            key: self.key,
            test_secret: self.test_secret,
            secret_prefix: self.secret_prefix,
        }
    }
}

fn with_window() -> Value {
    let mut schema = PRESET.schema(&[]);
    schema["type"] = json!(["object", "null"]);
    schema
}

/// The schema of a scheme without options.
pub(super) fn without_options() -> Value {
    json!({"type": ["object", "null"], "additionalProperties": false})
}

/// Clocks differ by seconds; one day is far more than a sender needs.
const WINDOW_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);

/// Reads the window of a preset scheme, which has no other option.
pub(super) fn lower(options: Option<&Node>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    if let Some(options) = options.filter(|options| options.as_map().is_some()) {
        diagnostics.entries(options, &PRESET)?;
    }
    window(options, diagnostics)
}

/// Reads `window` of a scheme's options; `None` after an error was reported.
pub(super) fn window(options: Option<&Node>, diagnostics: &mut Diagnostics) -> Option<Duration> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The verifier compares names of headers in lower case, and reads what the configuration could say too.
    #[test]
    fn every_row_is_a_scheme_that_can_be_configured() {
        for preset in PRESETS {
            let name = preset.name;
            let plain = |header: &str| header == header.to_ascii_lowercase();
            assert!(plain(preset.header()), "{name}");
            assert!(preset.delivery_id.is_none_or(plain), "{name}");
            if let Some(EventTypeLocation::Header(header)) = preset.event_type {
                assert!(plain(header), "{name}");
            }
            let Scheme::Signature(scheme) = preset.scheme(WINDOW) else {
                continue;
            };
            let is_apart =
                |stamp: &SigningTime| !matches!(stamp.location, TimestampLocation::Body(_));
            assert_eq!(
                scheme.stamp.as_ref().is_some_and(is_apart),
                scheme.signed.has_timestamp(),
                "{name}"
            );
            if let Some(SigningTime {
                location: TimestampLocation::Field(_),
                ..
            }) = scheme.stamp
            {
                assert!(!scheme.prefix.is_empty(), "{name}");
                assert_ne!(scheme.signatures, SignatureCount::One, "{name}");
            }
            if let SignatureCount::Several(separator) = scheme.signatures {
                assert!(
                    !scheme.prefix.contains(char::from(separator.byte())),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        names.extend(
            crate::config::verification::GENERIC
                .words
                .iter()
                .map(|word| word.name),
        );
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
