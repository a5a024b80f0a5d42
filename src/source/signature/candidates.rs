//! Reads the signatures and the signed headers of a request, and checks its timestamp.
//! Accepts a signature only in full length, in the scheme's encoding and with its prefix.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::{HeaderFault, Rejection, SignatureCandidates, SignedBytes, single_value, timestamp};
use flowtrigger_core::config::verification::hmac::SignedPart;
use flowtrigger_core::config::verification::hmac::{
    Algorithm, HmacScheme, SignatureCount, SignatureEncoding,
};

/// More than one, because a sender that replaces its secret signs with both. Limits the cost of a request.
const MAX_SIGNATURES: usize = 16;

impl SignatureCandidates {
    pub fn read(hmac: &HmacScheme, headers: &HeaderMap, now: Timestamp) -> Result<Self, Rejection> {
        let malformed = |fault| Rejection::Malformed {
            header: hmac.header.clone(),
            fault,
        };
        let text = single_value(headers, &hmac.header)?.as_bytes();
        let signatures = signatures(hmac, text).map_err(malformed)?;
        if let Some(stamp) = &hmac.stamp {
            timestamp::check(stamp, headers, now)?;
        }
        let signed = hmac
            .signed
            .0
            .iter()
            .map(|part| signed_bytes(part, hmac, headers));
        Ok(Self {
            signatures,
            signed: signed.collect::<Result<_, _>>()?,
        })
    }
}

fn signed_bytes(
    part: &SignedPart,
    hmac: &HmacScheme,
    headers: &HeaderMap,
) -> Result<SignedBytes, Rejection> {
    let header = |name: &str| {
        Ok(SignedBytes::Bytes(
            single_value(headers, name)?.as_bytes().to_vec(),
        ))
    };
    match part {
        SignedPart::Body => Ok(SignedBytes::Body),
        SignedPart::TrimmedBody => Ok(SignedBytes::TrimmedBody),
        SignedPart::Timestamp => header(hmac.stamp.as_ref().map_or("", |stamp| &stamp.header)),
        SignedPart::Header(name) => header(name),
        SignedPart::Text(text) => Ok(SignedBytes::Bytes(text.as_bytes().to_vec())),
    }
}

fn signatures(hmac: &HmacScheme, text: &[u8]) -> Result<Vec<Vec<u8>>, HeaderFault> {
    let prefix = hmac.prefix.as_bytes();
    let decode_one = |text: &[u8]| match text.strip_prefix(prefix) {
        Some(signature) => decode(hmac, signature),
        None => Err(HeaderFault::Prefix(hmac.prefix.clone())),
    };
    match hmac.signatures {
        SignatureCount::One => Ok(vec![decode_one(text)?]),
        SignatureCount::Several => several(text.split(|byte| *byte == b' '), prefix, decode_one),
    }
}

/// Ignores signatures with another prefix. Every signature with the prefix must be valid.
fn several<'t>(
    texts: impl Iterator<Item = &'t [u8]>,
    prefix: &[u8],
    decode_one: impl Fn(&[u8]) -> Result<Vec<u8>, HeaderFault>,
) -> Result<Vec<Vec<u8>>, HeaderFault> {
    let texts: Vec<&[u8]> = texts.take(MAX_SIGNATURES + 1).collect();
    if texts.len() > MAX_SIGNATURES {
        return Err(HeaderFault::TooMany);
    }
    let prefixed = texts.iter().filter(|text| text.starts_with(prefix));
    let signatures: Vec<Vec<u8>> = prefixed
        .map(|text| decode_one(text))
        .collect::<Result<_, _>>()?;
    match signatures.is_empty() {
        true => Err(HeaderFault::Prefix(
            String::from_utf8_lossy(prefix).into_owned(),
        )),
        false => Ok(signatures),
    }
}

fn decode(hmac: &HmacScheme, text: &[u8]) -> Result<Vec<u8>, HeaderFault> {
    let size = hmac.algorithm.size();
    let decoded = match hmac.encoding {
        SignatureEncoding::Hex => from_hex(text),
        SignatureEncoding::Base64 => STANDARD.decode(text).ok(),
    };
    decoded
        .filter(|signature| signature.len() == size)
        .ok_or_else(|| HeaderFault::Form {
            algorithm: hmac.algorithm,
            encoding: hmac.encoding,
            length: text.len(),
            actual: detect_form(text),
        })
}

/// The algorithm and encoding of a text that has the form of a signature.
fn detect_form(text: &[u8]) -> Option<(Algorithm, SignatureEncoding)> {
    let of_size = |bytes: usize| ALGORITHMS.into_iter().find(|known| known.size() == bytes);
    let hex = from_hex(text);
    if let Some(algorithm) = hex.and_then(|bytes| of_size(bytes.len())) {
        return Some((algorithm, SignatureEncoding::Hex));
    }
    let bytes = STANDARD.decode(text).ok()?;
    Some((of_size(bytes.len())?, SignatureEncoding::Base64))
}

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Sha1];

/// Some senders write upper case. The decoded bytes are compared, so both spellings are one signature.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
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
