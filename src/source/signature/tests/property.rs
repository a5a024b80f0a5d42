//! Nothing but the whole signature passes: every change of a byte, every part, every other encoding fails.
//! It refuses no body: any bytes are signed.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::{KEY, judge, now, schemes, signed};
use crate::core::config::Encoding;
use crate::source::signature::{Rejection, Verifier};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_but_the_whole_signature_passes(
        body in prop::collection::vec(any::<u8>(), 0..80),
        place: usize,
        byte: u8,
    ) {
        for verifier in schemes(&[KEY]) {
            let sound = signed(&verifier, &body, now());
            prop_assert_eq!(judge(&verifier, &sound, &body, now()), Ok(()));
            for (name, value) in &sound {
                let mut others = changed(value.as_bytes(), place, byte);
                if Some(name.as_str()) == verifier.hmac().map(|hmac| &*hmac.header) {
                    others.extend(rewritten(&verifier, value.as_bytes()));
                }
                for other in others {
                    let Some(headers) = with(&sound, name, &other) else { continue };
                    // The kind of credentials has no letter case.
                    if name == "authorization" && same_credentials(value.as_bytes(), headers[name].as_bytes()) {
                        continue;
                    }
                    let judged = judge(&verifier, &headers, &body, now());
                    prop_assert!(judged.is_err(), "{}: {:?}", name, other.escape_ascii().to_string());
                }
            }
        }
    }

    #[test]
    fn another_body_never_passes(
        body in prop::collection::vec(any::<u8>(), 1..80),
        place: usize,
        byte: u8,
    ) {
        for verifier in schemes(&[KEY]).into_iter().filter(|v| v.hmac().is_some()) {
            let sound = signed(&verifier, &body, now());
            for other in changed(&body, place, byte) {
                let trims = verifier.hmac().is_some_and(|hmac| hmac.name == "upmind");
                if trims && other.trim_ascii() == body.trim_ascii() {
                    continue;
                }
                let judged = judge(&verifier, &sound, &other, now());
                prop_assert_eq!(judged, Err(Rejection::WrongSignature));
            }
        }
    }
}

/// Everything that a text can be changed into without being itself.
fn changed(text: &[u8], place: usize, byte: u8) -> Vec<Vec<u8>> {
    let place = place % text.len();
    let mut other = text.to_vec();
    other[place] = byte;
    let mut without = text.to_vec();
    without.remove(place);
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
        text[..place].to_vec(),
        text[place + 1..].to_vec(),
        b"null".to_vec(),
    ];
    all.retain(|changed| changed != text);
    all
}

/// The same signature, written in other ways.
fn rewritten(verifier: &Verifier, value: &[u8]) -> Vec<Vec<u8>> {
    let Some(hmac) = verifier.hmac() else {
        return Vec::new();
    };
    let signature = &value[hmac.prefix.len()..];
    let texts = match hmac.encoding {
        Encoding::Hex => {
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
        Encoding::Base64 => {
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
        .map(|text| format!("{}{text}", hmac.prefix));
    prefixed.map(String::into_bytes).collect()
}

fn with(headers: &HeaderMap, name: &HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let mut headers = headers.clone();
    // As they are read from a connection: without white space around.
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
