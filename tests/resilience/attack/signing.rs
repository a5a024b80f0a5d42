//! Requests as a help desk signs them, and every way to get a signature wrong.
//! It computes signatures on its own, so that it proves more than that the program agrees with itself.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha1::Sha1;
use sha2::Sha256;

/// What the help desk and the daemon share.
pub const KEY: &str = "canary-attack-hook-key";
pub const TOKEN: &str = "canary-attack-token";
const SIGNATURE: &str = "x-zendesk-webhook-signature";
const STAMP: &str = "x-zendesk-webhook-signature-timestamp";

fn mac(key: &str, stamp: &str, body: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(stamp.as_bytes());
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The time so many seconds from now, as Zendesk writes it.
pub fn stamp(seconds: i64) -> String {
    let at = Timestamp::now() + SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn signature(key: &str, stamp: &str, body: &str) -> String {
    STANDARD.encode(mac(key, stamp, body))
}

/// A request with these headers.
pub fn request(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!(
        "POST {path} HTTP/1.1\r\nhost: desk\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// As it should be.
pub fn signed(path: &str, body: &str) -> Vec<u8> {
    let stamp = stamp(0);
    let signature = signature(KEY, &stamp, body);
    request(path, &[(SIGNATURE, &signature), (STAMP, &stamp)], body)
}

/// Each with what is wrong with it; all of them must be refused alike.
pub fn wrong(path: &str, body: &str) -> Vec<(&'static str, Vec<u8>)> {
    let now = stamp(0);
    let right = signature(KEY, &now, body);
    let with = |signature: &str, stamp: &str| {
        request(path, &[(SIGNATURE, signature), (STAMP, stamp)], body)
    };
    let (old, late) = (stamp(-3_600), stamp(3_600));
    let sha1 = {
        let mut mac = Hmac::<Sha1>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(format!("{now}{body}").as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let raw = mac(KEY, &now, body);
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let turned = {
        let mut raw = raw.clone();
        raw[31] ^= 1;
        STANDARD.encode(raw)
    };
    vec![
        ("no signature", request(path, &[], body)),
        ("no time", request(path, &[(SIGNATURE, &right)], body)),
        (
            "no signature beside a time",
            request(path, &[(STAMP, &now)], body),
        ),
        ("an empty signature", with("", &now)),
        (
            "a truncated signature",
            with(&STANDARD.encode(&raw[..16]), &now),
        ),
        ("a signature cut in its text", with(&right[..20], &now)),
        (
            "an extended signature",
            with(&STANDARD.encode([&raw[..], b"x"].concat()), &now),
        ),
        (
            "a signature with more behind it",
            with(&format!("{right},{right}"), &now),
        ),
        ("one bit turned", with(&turned, &now)),
        ("another key", with(&signature("guess", &now, body), &now)),
        ("an empty key", with(&signature("", &now, body), &now)),
        (
            "the key that everybody knows",
            with(
                &signature("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", &now, body),
                &now,
            ),
        ),
        ("another body", with(&signature(KEY, &now, "{}"), &now)),
        ("hexadecimal", with(&hex, &now)),
        (
            "base64 for URLs without padding",
            with(&URL_SAFE_NO_PAD.encode(&raw[..31]), &now),
        ),
        ("another algorithm", with(&sha1, &now)),
        ("a time that was not signed", with(&right, &old)),
        ("a stale time", with(&signature(KEY, &old, body), &old)),
        ("a time to come", with(&signature(KEY, &late, body), &late)),
        ("no time at all", with(&signature(KEY, "now", body), "now")),
        (
            "two signatures",
            request(
                path,
                &[(SIGNATURE, &right), (SIGNATURE, &right), (STAMP, &now)],
                body,
            ),
        ),
        (
            "a token in its place",
            request(path, &[("authorization", &format!("Bearer {TOKEN}"))], body),
        ),
    ]
}
