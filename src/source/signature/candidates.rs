//! Reads the signatures and the signed parts of a request, and checks its timestamp.
//! Accepts a signature only in full length, in the scheme's encoding and with its prefix.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::{
    HeaderFault, Rejection, RequestField, RequestParts, SignatureCandidates, SignedBytes,
    single_value, timestamp,
};
use flowtrigger_core::config::verification::signature::signed::DECODED;
use flowtrigger_core::config::verification::signature::{
    Algorithm, SignatureCount, SignatureEncoding, SignatureScheme, SignedPart, SigningTime,
    TimestampLocation,
};

/// More than one, because a sender that replaces its secret signs with both. Limits the cost of a request.
const MAX_SIGNATURES: usize = 16;

/// Base64 with `-` and `_`, with padding or without.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl SignatureCandidates {
    pub fn read(
        scheme: &SignatureScheme,
        request: &RequestParts<'_>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let malformed = |fault| Rejection::Malformed {
            field: RequestField::Header(scheme.header.clone()),
            fault,
        };
        let text = single_value(request.headers, &scheme.header)?.as_bytes();
        let parts = parts(scheme.signatures, text).map_err(malformed)?;
        let signatures = signatures(scheme, &parts).map_err(malformed)?;
        let signed_at = match &scheme.stamp {
            Some(stamp) => {
                let (signed_at, header) = match &stamp.location {
                    TimestampLocation::Header(name) => {
                        (single_value(request.headers, name)?.as_bytes(), Some(name))
                    }
                    TimestampLocation::Field(name) => {
                        let value = field(&parts, name).map_err(malformed)?;
                        (value, Some(&scheme.header))
                    }
                    // Checked with the body.
                    TimestampLocation::Body(_) => (b"".as_slice(), None),
                };
                if let Some(header) = header {
                    let field = RequestField::Header(header.clone());
                    timestamp::check(stamp, signed_at, field, now)?;
                }
                signed_at
            }
            None => b"",
        };
        // All schemes that sign no URL have one variant.
        let urls = match scheme.signed.has_url() {
            true => request.urls()?,
            false => vec![String::new()],
        };
        let signed = urls.iter().map(|url| {
            let parts = scheme.signed.0.iter();
            let parts = parts.map(|part| signed_bytes(part, request, signed_at, url));
            parts.collect::<Result<Vec<_>, _>>()
        });
        Ok(Self {
            signatures,
            signed: signed.collect::<Result<_, _>>()?,
            received: now,
        })
    }
}

fn signed_bytes(
    part: &SignedPart,
    request: &RequestParts<'_>,
    signed_at: &[u8],
    url: &str,
) -> Result<SignedBytes, Rejection> {
    let bytes = |bytes: &[u8]| Ok(SignedBytes::Bytes(bytes.to_vec()));
    match part {
        SignedPart::Body => Ok(SignedBytes::Body),
        SignedPart::TrimmedBody => Ok(SignedBytes::TrimmedBody),
        SignedPart::Timestamp => bytes(signed_at),
        SignedPart::Header(name) => bytes(single_value(request.headers, name)?.as_bytes()),
        SignedPart::Method => bytes(request.method.as_bytes()),
        SignedPart::Path => bytes(request.path.as_bytes()),
        SignedPart::Query => bytes(request.query.unwrap_or_default().as_bytes()),
        SignedPart::Url => bytes(url.as_bytes()),
        SignedPart::DecodedUrl => bytes(decoded_url(url).as_bytes()),
        SignedPart::Text(text) => bytes(text.as_bytes()),
    }
}

/// The URL with the characters of [`DECODED`] in place of their percent-encoding.
pub fn decoded_url(url: &str) -> String {
    let mut decoded = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = rest.get(..3);
        let byte = code.and_then(
            |code| match *percent_decode_str(code).collect::<Vec<u8>>() {
                [byte] if DECODED.contains(&byte) => Some(byte),
                _ => None,
            },
        );
        let (text, length) = match byte {
            Some(byte) => (char::from(byte), 3),
            None => ('%', 1),
        };
        decoded.push(text);
        rest = &rest[length..];
    }
    decoded.push_str(rest);
    decoded
}

/// The parts of the signature header.
fn parts(count: SignatureCount, text: &[u8]) -> Result<Vec<&[u8]>, HeaderFault> {
    let separator = match count {
        SignatureCount::One => return Ok(vec![text]),
        SignatureCount::Several(separator) => separator.byte(),
    };
    let parts = text.split(|byte| *byte == separator);
    let parts: Vec<&[u8]> = match separator {
        b' ' => parts.take(MAX_SIGNATURES + 1).collect(),
        _ => parts
            .take(MAX_SIGNATURES + 1)
            .map(<[u8]>::trim_ascii)
            .collect(),
    };
    match parts.len() > MAX_SIGNATURES {
        true => Err(HeaderFault::TooMany),
        false => Ok(parts),
    }
}

/// The value of the one part that begins with `NAME=`.
fn field<'t>(parts: &[&'t [u8]], name: &str) -> Result<&'t [u8], HeaderFault> {
    let prefix = format!("{name}=");
    let mut values = parts
        .iter()
        .filter_map(|part| part.strip_prefix(prefix.as_bytes()));
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(HeaderFault::NoField(prefix)),
        (Some(_), Some(_)) => Err(HeaderFault::RepeatedField(prefix)),
    }
}

/// Ignores parts with another prefix, if there can be several. Every signature with the prefix must be valid.
fn signatures(scheme: &SignatureScheme, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, HeaderFault> {
    let prefix = scheme.prefix.as_bytes();
    let is_time = |part: &&&[u8]| match &scheme.stamp {
        Some(SigningTime {
            location: TimestampLocation::Field(name),
            ..
        }) => part.starts_with(format!("{name}=").as_bytes()),
        Some(_) | None => false,
    };
    let own = parts.iter().filter(|part| !is_time(part));
    let signatures: Vec<Vec<u8>> = own
        .filter_map(|part| part.strip_prefix(prefix))
        .map(|signature| decode(scheme, signature))
        .collect::<Result<_, _>>()?;
    match signatures.is_empty() {
        true => Err(HeaderFault::Prefix(scheme.prefix.clone())),
        false => Ok(signatures),
    }
}

fn decode(scheme: &SignatureScheme, text: &[u8]) -> Result<Vec<u8>, HeaderFault> {
    let size = scheme.algorithm.size();
    let decoded = match scheme.encoding {
        SignatureEncoding::Hex => from_hex(text),
        SignatureEncoding::Base64 => STANDARD.decode(text).ok(),
        SignatureEncoding::Base64Url => BASE64_URL.decode(text).ok(),
    };
    decoded
        .filter(|signature| signature.len() == size)
        .ok_or_else(|| HeaderFault::Form {
            algorithm: scheme.algorithm,
            encoding: scheme.encoding,
            length: text.len(),
            actual: detect_form(text),
        })
}

/// The algorithm and encoding of a text that has the form of a signature.
fn detect_form(text: &[u8]) -> Option<(Algorithm, SignatureEncoding)> {
    let of_size = |bytes: usize| ALGORITHMS.into_iter().find(|known| known.size() == bytes);
    let with = |decoded: Option<Vec<u8>>, encoding| {
        let algorithm = of_size(decoded?.len())?;
        Some((algorithm, encoding))
    };
    with(from_hex(text), SignatureEncoding::Hex)
        .or_else(|| with(STANDARD.decode(text).ok(), SignatureEncoding::Base64))
        .or_else(|| with(BASE64_URL.decode(text).ok(), SignatureEncoding::Base64Url))
}

/// Those that a length can be of; an Ed25519 signature has that of SHA-512.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Sha1];

/// Some senders write upper case. The decoded bytes are compared, so both spellings are one signature.
pub fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(pair).collect()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
