//! Requests whose signature is wrong, one of each kind.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flowtrigger_testing::sender::{
    ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP, hex, hmac_sha256, now, post, timestamp, zendesk_signature,
};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The secrets that the senders share with the daemon.
pub const KEY: &str = "canary-attack-hook-key";
pub const TOKEN: &str = "canary-attack-token";

fn signature(key: &str, timestamp: &str, body: &str) -> String {
    zendesk_signature(key, timestamp, body.as_bytes())
}

/// Requests with what is wrong with each; the daemon must reject all of them in the same way.
pub fn wrong_signatures(path: &str, body: &str) -> Vec<(&'static str, Vec<u8>)> {
    let time = timestamp(now());
    let right = signature(KEY, &time, body);
    let with = |signature: &str, time: &str| {
        post(
            path,
            &[(ZENDESK_SIGNATURE, signature), (ZENDESK_TIMESTAMP, time)],
            body,
        )
    };
    let (old, late) = (timestamp(now() - 3_600), timestamp(now() + 3_600));
    let sha1 = {
        let mut mac = Hmac::<Sha1>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(format!("{time}{body}").as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let raw = hmac_sha256(KEY.as_bytes(), &[time.as_bytes(), body.as_bytes()]);
    let flipped = {
        let mut raw = raw.clone();
        raw[31] ^= 1;
        STANDARD.encode(raw)
    };
    vec![
        ("no signature", post(path, &[], body)),
        ("no time", post(path, &[(ZENDESK_SIGNATURE, &right)], body)),
        (
            "a time without a signature",
            post(path, &[(ZENDESK_TIMESTAMP, &time)], body),
        ),
        ("an empty signature", with("", &time)),
        (
            "a truncated signature",
            with(&STANDARD.encode(&raw[..16]), &time),
        ),
        ("a signature cut within its text", with(&right[..20], &time)),
        (
            "an extended signature",
            with(&STANDARD.encode([&raw[..], b"x"].concat()), &time),
        ),
        (
            "a signature followed by another",
            with(&format!("{right},{right}"), &time),
        ),
        ("one bit flipped", with(&flipped, &time)),
        ("another key", with(&signature("guess", &time, body), &time)),
        ("an empty key", with(&signature("", &time, body), &time)),
        (
            "the published test key",
            with(
                &signature("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", &time, body),
                &time,
            ),
        ),
        ("another body", with(&signature(KEY, &time, "{}"), &time)),
        ("hexadecimal", with(&hex(&raw), &time)),
        (
            "base64 for URLs without padding",
            with(&URL_SAFE_NO_PAD.encode(&raw[..31]), &time),
        ),
        ("another algorithm", with(&sha1, &time)),
        ("a time that was not signed", with(&right, &old)),
        ("a stale time", with(&signature(KEY, &old, body), &old)),
        (
            "a time in the future",
            with(&signature(KEY, &late, body), &late),
        ),
        (
            "a time that is no time",
            with(&signature(KEY, "now", body), "now"),
        ),
        (
            "two signatures",
            post(
                path,
                &[
                    (ZENDESK_SIGNATURE, &right),
                    (ZENDESK_SIGNATURE, &right),
                    (ZENDESK_TIMESTAMP, &time),
                ],
                body,
            ),
        ),
        (
            "a token in its sandbox",
            post(path, &[("authorization", &format!("Bearer {TOKEN}"))], body),
        ),
    ]
}
