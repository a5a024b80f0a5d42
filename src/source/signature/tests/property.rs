//! Property tests: only the complete signature verifies.
//! Any changed byte, part or other encoding fails; only the case of hexadecimal digits is free.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::{KEY, now, schemes, signed, verify};
use crate::source::signature::{Rejection, Verifier};
use flowtrigger_core::config::verification::signature::{SignatureEncoding, SignatureScheme};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_complete_signature_verifies(
        body in prop::collection::vec(any::<u8>(), 0..80),
        position: usize,
        byte: u8,
    ) {
        for verifier in schemes(&[KEY]) {
            let valid = signed(&verifier, &body, now());
            prop_assert_eq!(verify(&verifier, &valid, &body, now()), Ok(()));
            for (name, value) in &valid {
                let mut others = changed(value.as_bytes(), position, byte);
                if Some(name.as_str()) == verifier.signature().map(|scheme| &*scheme.header) {
                    others.extend(rewritten(&verifier, value.as_bytes()));
                }
                for other in others {
                    let Some(headers) = with(&valid, name, &other) else { continue };
                    // The kind of credentials is case-insensitive.
                    if name == "authorization" && same_credentials(value.as_bytes(), headers[name].as_bytes()) {
                        continue;
                    }
                    let verified = verify(&verifier, &headers, &body, now());
                    // Some senders write hexadecimal digits in upper case.
                    if verifier.signature().is_some_and(|scheme| is_same_hex(scheme, name, value.as_bytes(), &other)) {
                        prop_assert_eq!(verified, Ok(()));
                        continue;
                    }
                    prop_assert!(verified.is_err(), "{}: {:?}", name, other.escape_ascii().to_string());
                }
            }
        }
    }

    #[test]
    fn another_body_never_verifies(
        body in prop::collection::vec(any::<u8>(), 1..80),
        position: usize,
        byte: u8,
    ) {
        for verifier in schemes(&[KEY]).into_iter().filter(|v| v.signature().is_some()) {
            let valid = signed(&verifier, &body, now());
            for other in changed(&body, position, byte) {
                let trims = verifier.signature().is_some_and(|scheme| scheme.name == "upmind");
                if trims && other.trim_ascii() == body.trim_ascii() {
                    continue;
                }
                let verified = verify(&verifier, &valid, &other, now());
                prop_assert_eq!(verified, Err(Rejection::WrongSignature));
            }
        }
    }
}

/// Whether a signature in hexadecimal has the same digits as another, in upper or lower case.
fn is_same_hex(
    scheme: &SignatureScheme,
    name: &HeaderName,
    signature: &[u8],
    other: &[u8],
) -> bool {
    scheme.header == name.as_str()
        && scheme.encoding == SignatureEncoding::Hex
        && other.starts_with(scheme.prefix.as_bytes())
        && other.eq_ignore_ascii_case(signature)
}

/// Variants of a text that differ from it.
fn changed(text: &[u8], position: usize, byte: u8) -> Vec<Vec<u8>> {
    let position = position % text.len();
    let mut other = text.to_vec();
    other[position] = byte;
    let mut without = text.to_vec();
    without.remove(position);
    let twice = [text, text].concat();
    let beside = [text, b",", text].concat();
    let extended = [text, &[byte]].concat();
    let before = [&[byte], text].concat();
    let upper = text.to_ascii_uppercase();
    let lower = text.to_ascii_lowercase();
    let mut all = vec![
        other,
        without,
        twice,
        beside,
        extended,
        before,
        upper,
        lower,
        text[..position].to_vec(),
        text[position + 1..].to_vec(),
        b"null".to_vec(),
    ];
    all.retain(|changed| changed != text);
    all
}

/// The same signature in other encodings.
fn rewritten(verifier: &Verifier, value: &[u8]) -> Vec<Vec<u8>> {
    let Some(scheme) = verifier.signature() else {
        return Vec::new();
    };
    let signature = &value[scheme.prefix.len()..];
    let texts = match scheme.encoding {
        SignatureEncoding::Hex => {
            let text = std::str::from_utf8(signature).unwrap();
            let bytes: Vec<u8> = (0..text.len() / 2)
                .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
                .collect();
            vec![
                STANDARD.encode(&bytes),
                text.to_uppercase(),
                format!("0x{text}"),
            ]
        }
        SignatureEncoding::Base64 | SignatureEncoding::Base64Url => {
            let bytes = STANDARD.decode(signature).unwrap();
            vec![
                bytes.iter().map(|b| format!("{b:02x}")).collect(),
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE.encode(&bytes).replace('=', ""),
                STANDARD.encode(STANDARD.encode(&bytes)),
            ]
        }
    };
    let prefixed = texts
        .into_iter()
        .map(|text| format!("{}{text}", scheme.prefix));
    prefixed.map(String::into_bytes).collect()
}

fn with(headers: &HeaderMap, name: &HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let mut headers = headers.clone();
    // Header values read from a connection have no white space around them.
    let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
    (value != headers[name]).then(|| headers.insert(name, value))?;
    Some(headers)
}

fn same_credentials(one: &[u8], other: &[u8]) -> bool {
    let split = |text: &[u8]| {
        let space = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
        let (kind, rest) = text.split_at(space);
        (kind.to_ascii_lowercase(), rest.trim_ascii_start().to_vec())
    };
    split(one) == split(other)
}
