//! Tests of signatures that the configuration describes: parts of the request, encodings and separators.

use super::{BODY, KEY, header_map, hmac, now, preset, request, signed_request, verify_request};
use crate::source::signature::candidates::decoded_url;
use crate::source::signature::{RequestParts, Verifier};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use flowtrigger_core::config::verification::signature::{
    Algorithm, SignatureCount, SignatureEncoding, SignatureScheme, SignedContent, SigningTime,
    TimestampFormat, TimestampLocation,
};
use hmac::{KeyInit, Mac};
use std::time::Duration;

const URL: &str = "https://hooks.example.com/events/shop?a=1&b=%2F";

fn scheme(signed: &str) -> SignatureScheme {
    SignatureScheme {
        name: "hmac",
        header: "x-signature".into(),
        signed: SignedContent::parse(signed).unwrap(),
        ..preset("linear")
    }
}

fn is_accepted(verifier: &Verifier, value: &str, headers: &[(&str, &str)]) -> bool {
    let headers = [headers, &[("x-signature", value)]].concat();
    let headers = super::headers(&headers);
    let parts = RequestParts {
        query: Some("a=1&b=%2F"),
        ..request(&headers)
    };
    verify_request(verifier, &parts, BODY, now()).is_ok()
}

/// HMAC with SHA-256, computed with the library alone.
fn mac(text: &str) -> Vec<u8> {
    let mut mac: hmac::Hmac<sha2::Sha256> = KeyInit::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_part_of_a_request_can_be_signed() {
    let body = std::str::from_utf8(BODY).unwrap();
    for (signed, text) in [
        ("{method} {body}", format!("POST {body}")),
        ("{path}\n{body}", format!("/events/shop\n{body}")),
        ("{query}{body}", format!("a=1&b=%2F{body}")),
        ("{url}{body}", format!("{URL}{body}")),
        (
            "{decoded_url}{body}",
            format!("https://hooks.example.com/events/shop?a=1&b=/{body}"),
        ),
        ("{header:x-id}:{body}", format!("7:{body}")),
        ("{body}{trimmed_body}!", format!("{body}{body}!")),
    ] {
        let verifier = hmac(scheme(signed), &[KEY]);
        let with_id = &[("x-id", "7")][..];
        assert!(
            is_accepted(&verifier, &hex(&mac(&text)), with_id),
            "{signed}"
        );
        assert!(
            !is_accepted(&verifier, &hex(&mac(body)), with_id),
            "{signed}"
        );
        let headers = header_map(&signed_request(&verifier, URL, BODY, now()));
        let parts = RequestParts {
            query: Some("a=1&b=%2F"),
            ..request(&headers)
        };
        let verified = verify_request(&verifier, &parts, BODY, now());
        assert_eq!(verified, Ok(()), "{signed}");
    }
}

#[test]
fn a_signature_has_one_encoding() {
    let body = std::str::from_utf8(BODY).unwrap();
    // With characters that differ between the two kinds of base64.
    let text = (0..).map(|n| format!("{n}{body}"));
    let (n, signature) = text
        .map(|text| mac(&text))
        .enumerate()
        .find(|(_, signature)| {
            let base64 = STANDARD.encode(signature);
            base64.contains('+') && base64.contains('/')
        })
        .unwrap();
    let of = |encoding| {
        let scheme = SignatureScheme {
            encoding,
            ..scheme(&format!("{n}{{body}}"))
        };
        hmac(scheme, &[KEY])
    };
    let texts = [
        (hex(&signature), SignatureEncoding::Hex),
        (hex(&signature).to_uppercase(), SignatureEncoding::Hex),
        (STANDARD.encode(&signature), SignatureEncoding::Base64),
        (URL_SAFE.encode(&signature), SignatureEncoding::Base64Url),
        (
            URL_SAFE_NO_PAD.encode(&signature),
            SignatureEncoding::Base64Url,
        ),
    ];
    for (text, encoding) in &texts {
        for other in [
            SignatureEncoding::Hex,
            SignatureEncoding::Base64,
            SignatureEncoding::Base64Url,
        ] {
            let accepted = is_accepted(&of(other), text, &[]);
            assert_eq!(accepted, other == *encoding, "{text} {other:?}");
        }
    }
}

#[test]
fn the_separator_can_be_a_semicolon() {
    let scheme = SignatureScheme {
        prefix: "h1=".into(),
        signatures: SignatureCount::Several(
            flowtrigger_core::config::verification::signature::Separator::Semicolon,
        ),
        stamp: Some(SigningTime {
            location: TimestampLocation::Field("ts".into()),
            form: TimestampFormat::Seconds,
            window: Duration::from_secs(300),
        }),
        ..scheme("{timestamp}:{body}")
    };
    let verifier = hmac(scheme, &[KEY]);
    let body = std::str::from_utf8(BODY).unwrap();
    let at = now().as_second();
    let signature = hex(&mac(&format!("{at}:{body}")));
    let value = format!("ts={at};h1={signature}");
    assert!(is_accepted(&verifier, &value, &[]));
    assert!(!is_accepted(&verifier, &value.replace(';', ","), &[]));
    let signed = signed_request(&verifier, URL, BODY, now());
    assert_eq!(signed.headers[0].value.expose(), value);
}

#[test]
fn an_ed25519_signature_can_be_in_base64() {
    let scheme = SignatureScheme {
        algorithm: Algorithm::Ed25519,
        encoding: SignatureEncoding::Base64,
        ..scheme("{header:x-id}.{body}")
    };
    let private = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let sender = hmac(scheme.clone(), &[private]);
    let receiver = hmac(scheme, &[public]);
    let headers = header_map(&signed_request(&sender, URL, BODY, now()));
    let verify = |body: &[u8]| verify_request(&receiver, &request(&headers), body, now());
    assert_eq!(verify(BODY), Ok(()));
    assert!(verify(b"{}").is_err());
}

#[test]
fn listed_characters_of_a_url_are_decoded() {
    for (url, decoded) in [
        (
            "https://a/b%2Fc?d=%3A%3f%40%21%24%27%28%29%2A%2c%3B",
            "https://a/b/c?d=:?@!$'()*,;",
        ),
        ("/%20%26%3D%25%2", "/%20%26%3D%25%2"),
        ("/%253A%", "/%253A%"),
        ("/%é%3A", "/%é:"),
        ("/%3", "/%3"),
    ] {
        assert_eq!(decoded_url(url), decoded);
    }
}
