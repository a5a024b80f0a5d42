//! Tests with vectors from public specifications, and of every rejection.

mod generic;
mod known_answers;
mod log;
mod presets;
mod property;
mod tokens;

use super::mac::Mac;
use super::signing_key::encode;
use super::{Rejection, RequestField, RequestParts, SignedRequest, SigningTarget, Verifier};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowtrigger_core::config::verification::preset::Preset;
use flowtrigger_core::config::verification::signature::{
    Algorithm, KeyEncoding, SignatureCount, SignatureEncoding, SignatureScheme,
};
use flowtrigger_core::config::verification::token::{TokenLocation, TokenScheme};
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::secret::SecretValue;
use jiff::Timestamp;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(300);

const KEY: &str = "wq3TfZl9kD0yQm7xV2sR5uJ8bN1cH6pE";

const BODY: &[u8] = br#"{"type":"zen:event-type:ticket.status_changed","id":"b1946ac9"}"#;

fn verifier(scheme: Scheme, secrets: &[&str]) -> Verifier {
    let verification = Verification {
        scheme,
        secrets: Vec::new(),
        at: Span::default(),
    };
    let named = secrets.iter().enumerate();
    let named = named.map(|(n, value)| (format!("KEY_{n}"), SecretValue::new(*value)));
    match Verifier::new(&verification, named.collect()) {
        Ok(verifier) => verifier,
        Err(invalid) => panic!("{invalid:?}"),
    }
}

fn hmac(scheme: SignatureScheme, secrets: &[&str]) -> Verifier {
    verifier(Scheme::Signature(scheme), secrets)
}

/// The signature scheme of a preset.
fn preset(name: &str) -> SignatureScheme {
    let preset = Preset::named(name).unwrap_or_else(|| panic!("no preset {name}"));
    match preset.scheme(WINDOW) {
        Scheme::Signature(scheme) => scheme,
        other => panic!("{other:?}"),
    }
}

fn zendesk() -> SignatureScheme {
    preset("zendesk")
}

fn upmind() -> SignatureScheme {
    preset("upmind")
}

fn standard_webhooks() -> SignatureScheme {
    preset("standard_webhooks")
}

fn github() -> SignatureScheme {
    preset("github")
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-25T05:09:27Z")
}

/// A request to a source, with these headers and no query.
fn request(headers: &HeaderMap) -> RequestParts<'_> {
    RequestParts {
        method: "POST",
        path: "/events/shop",
        query: None,
        headers,
        public_url: Some("https://hooks.example.com"),
    }
}

fn verify(
    verifier: &Verifier,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Rejection> {
    verify_request(verifier, &request(headers), body, now)
}

fn verify_request(
    verifier: &Verifier,
    request: &RequestParts<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Rejection> {
    let credentials = verifier.check_headers(request, now)?;
    verifier.check_body(&credentials, body)
}

/// What `sign` and `send` add to a request.
fn signed_request(verifier: &Verifier, url: &str, body: &[u8], at: Timestamp) -> SignedRequest {
    let url = url.parse().unwrap();
    let target = SigningTarget {
        method: "POST",
        url: &url,
        headers: &[],
        public_url: None,
    };
    let signed = verifier.sign(&target, body, at);
    signed.unwrap_or_else(|unusable| panic!("{unusable:?}"))
}

fn signed(verifier: &Verifier, body: &[u8], at: Timestamp) -> HeaderMap {
    let url = "https://hooks.example.com/events/shop";
    header_map(&signed_request(verifier, url, body, at))
}

fn header_map(signed: &SignedRequest) -> HeaderMap {
    let pairs = signed.headers.iter().map(|h| (&*h.name, h.value.expose()));
    headers(&pairs.collect::<Vec<_>>())
}

/// The value of a header that `sign` prints.
fn signed_value(verifier: &Verifier, body: &[u8], name: &str) -> String {
    let headers = signed(verifier, body, now());
    headers[name].to_str().unwrap().to_owned()
}

#[test]
fn github_matches_its_documentation() {
    let verifier = hmac(github(), &["It's a Secret to Everybody"]);
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = headers(&[("X-Hub-Signature-256", signature)]);
    assert_eq!(verify(&verifier, &headers, b"Hello, World!", now()), Ok(()));
    assert_eq!(
        signed_value(&verifier, b"Hello, World!", "x-hub-signature-256"),
        signature
    );
}

#[test]
fn standard_webhooks_match_the_specification() {
    let verifier = hmac(
        standard_webhooks(),
        &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    );
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let with = |signature: &str| {
        headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ])
    };
    let then = Timestamp::from_second(1_614_265_330).unwrap();
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(verify(&verifier, &with(signature), body, then), Ok(()));
    let several = format!("v1a,AAAA v1,{} {signature}", STANDARD.encode([0; 32]));
    assert_eq!(verify(&verifier, &with(&several), body, then), Ok(()));
    for invalid in [
        "v1,",
        "v1",
        "v1a,AAAA",
        &signature.replace("v1,", "v2,"),
        &signature[3..],
    ] {
        assert!(
            verify(&verifier, &with(invalid), body, then).is_err(),
            "{invalid}"
        );
    }
    let too_many = vec![signature; 17].join(" ");
    assert!(verify(&verifier, &with(&too_many), body, then).is_err());
}

/// Computed with `openssl dgst -sha256 -hmac KEY -binary | base64` over the time and the body.
#[test]
fn zendesk_signatures_are_accepted() {
    let verifier = hmac(zendesk(), &[KEY]);
    let with = |signature: &str| {
        headers(&[
            ("X-Zendesk-Webhook-Signature", signature),
            (
                "X-Zendesk-Webhook-Signature-Timestamp",
                "2026-03-25T05:09:27Z",
            ),
        ])
    };
    let signature = with("m2f2jvdk3yKKAxT4vGx5WbNO/X8rGp4kYiqYkX3qlC0=");
    assert_eq!(verify(&verifier, &signature, BODY, now()), Ok(()));
    let empty_body = with("99KDPZncnagiRcEn7H7Y7M0kjXMkmL3PEf3obSIuLBY=");
    assert_eq!(verify(&verifier, &empty_body, b"", now()), Ok(()));
    assert_eq!(
        signed_value(&verifier, BODY, "x-zendesk-webhook-signature"),
        "m2f2jvdk3yKKAxT4vGx5WbNO/X8rGp4kYiqYkX3qlC0="
    );
}

/// Computed with `openssl dgst -sha256 -hmac KEY`.
#[test]
fn upmind_signs_the_body_without_white_space_around_it() {
    let verifier = hmac(upmind(), &[KEY]);
    let signature = "934e4651ac9b14f446a399e83266a94b6ea5cfb68a9ce97d8fcad8bc8c4f46f3";
    let headers = headers(&[("X-Webhook-Signature", signature)]);
    for body in ["{\"hook_code\":\"x\"}", " \r\n{\"hook_code\":\"x\"}\n"] {
        assert_eq!(
            verify(&verifier, &headers, body.as_bytes(), now()),
            Ok(()),
            "{body:?}"
        );
    }
    assert!(verify(&verifier, &headers, b"{\"hook_code\": \"x\"}", now()).is_err());
}

#[test]
fn algorithms_match_rfc_4231_and_rfc_2202() {
    let (ones, many): (&[u8], &[u8]) = (&[0x0b; 20], &[0xaa; 131]);
    let hi = "Hi There";
    let question = "what do ya want for nothing?";
    let larger = "Test Using Larger Than Block-Size Key - Hash Key First";
    for (algorithm, key, text, expected) in [
        (
            Algorithm::Sha256,
            ones,
            hi,
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            Algorithm::Sha256,
            b"Jefe",
            question,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            Algorithm::Sha256,
            many,
            larger,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            Algorithm::Sha512,
            ones,
            hi,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            Algorithm::Sha512,
            b"Jefe",
            question,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            Algorithm::Sha512,
            many,
            larger,
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
        (
            Algorithm::Sha1,
            ones,
            hi,
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            Algorithm::Sha1,
            b"Jefe",
            question,
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            Algorithm::Sha1,
            &many[..80],
            larger,
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
    ] {
        let mac = Mac::with_key(algorithm, key).unwrap_or_else(|why| panic!("{why}"));
        let signature = mac.of(&[text.as_bytes()]).finish();
        assert_eq!(
            encode(SignatureEncoding::Hex, &signature),
            expected,
            "{algorithm:?}"
        );
    }
}

#[test]
fn times_outside_the_window_are_rejected() {
    let verifier = hmac(zendesk(), &[KEY]);
    let headers = signed(&verifier, BODY, now());
    for (seconds, expected) in [
        (0, None),
        (300, None),
        (-300, None),
        (301, Some("sender_stale")),
        (-301, Some("sender_early")),
        (90_000_000, Some("sender_stale")),
    ] {
        let then = now() + jiff::SignedDuration::from_secs(seconds);
        let verified = verify(&verifier, &headers, BODY, then);
        assert_eq!(verified.err().map(|r| r.code()), expected, "{seconds}");
    }
}

#[test]
fn the_test_secret_is_rejected() {
    let public = zendesk().test_secret.unwrap();
    let headers = signed(&hmac(zendesk(), &[public]), BODY, now());
    for secrets in [&[KEY][..], &[public], &[KEY, public]] {
        let verifier = hmac(zendesk(), secrets);
        let verified = verify(&verifier, &headers, BODY, now());
        assert_eq!(verified, Err(Rejection::TestSecret));
    }
    let verifier = hmac(zendesk(), &[KEY, public]);
    let warnings = verifier.warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].0, "KEY_1");
    assert!(!warnings[0].1.contains(public));
}

#[test]
fn a_source_without_its_secrets_rejects_every_request() {
    let with_secret = hmac(github(), &[KEY]);
    let headers = signed(&with_secret, BODY, now());
    let verification = Verification {
        scheme: Scheme::Signature(github()),
        secrets: vec!["GONE".into()],
        at: Span::default(),
    };
    let without = Verifier::without_secrets(&verification);
    assert_eq!(
        verify(&without, &headers, BODY, now()),
        Err(Rejection::NoSecret)
    );
    assert!(signed(&without, BODY, now()).is_empty());
}

#[test]
fn missing_and_duplicate_headers_are_rejected() {
    for verifier in schemes(&[KEY]) {
        let valid = signed(&verifier, BODY, now());
        assert_eq!(verify(&verifier, &valid, BODY, now()), Ok(()));
        for (name, value) in &valid {
            let mut twice = valid.clone();
            twice.append(name, value.clone());
            let verified = verify(&verifier, &twice, BODY, now());
            let field = RequestField::Header(name.to_string());
            assert_eq!(
                verified,
                Err(Rejection::Repeated {
                    field: field.clone()
                })
            );
            let mut without = valid.clone();
            without.remove(name);
            let verified = verify(&verifier, &without, BODY, now());
            let missing =
                matches!(verified, Err(Rejection::Missing { field: found, .. }) if found == field);
            assert!(missing, "{name}");
        }
    }
}

#[test]
fn both_secrets_are_accepted_during_a_rotation() {
    let (old, new) = ("the old secret of it", "the new secret of it");
    let third = schemes(&["a third"]);
    let all = schemes(&[old]).into_iter().zip(schemes(&[new])).zip(third);
    for ((before, after), other) in all {
        let both = verifier_like(before.scheme.clone(), &[new, old]);
        for (signer, expected) in [(&before, true), (&after, true), (&other, false)] {
            let headers = signed(signer, BODY, now());
            assert_eq!(verify(&both, &headers, BODY, now()).is_ok(), expected);
        }
    }
}

fn basic(secrets: &[&str]) -> Verifier {
    let username = "desk".into();
    verifier(Scheme::Basic { username }, secrets)
}

/// The same scheme with other secrets, given as plain text.
fn verifier_like(scheme: Scheme, secrets: &[&str]) -> Verifier {
    match &scheme {
        Scheme::Signature(signature) if signature.key == KeyEncoding::Base64 => {
            let encoded: Vec<String> = secrets.iter().map(|s| STANDARD.encode(s)).collect();
            verifier(
                scheme,
                &encoded.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        }
        Scheme::Signature(_) | Scheme::Token(_) | Scheme::Bearer | Scheme::Basic { .. } => {
            verifier(scheme, secrets)
        }
    }
}

/// One verifier of every kind of scheme.
fn schemes(secrets: &[&str]) -> Vec<Verifier> {
    let generic = SignatureScheme {
        header: "x-signature".into(),
        algorithm: Algorithm::Sha512,
        encoding: SignatureEncoding::Base64,
        prefix: "t=".into(),
        ..standard_webhooks()
    };
    let sha1 = SignatureScheme {
        header: "x-hub-signature".into(),
        algorithm: Algorithm::Sha1,
        prefix: "sha1=".into(),
        ..github()
    };
    let one = SignatureScheme {
        signatures: SignatureCount::One,
        ..generic
    };
    let hmacs = [
        zendesk(),
        upmind(),
        standard_webhooks(),
        github(),
        one,
        sha1,
    ];
    let mut schemes: Vec<Scheme> = hmacs.into_iter().map(Scheme::Signature).collect();
    schemes.push(Scheme::Token(TokenScheme {
        name: "token",
        location: TokenLocation::Header("x-token".into()),
    }));
    schemes.push(Scheme::Bearer);
    schemes.push(Scheme::Basic {
        username: "desk".into(),
    });
    let schemes = schemes.into_iter();
    schemes
        .map(|scheme| verifier_like(scheme, secrets))
        .collect()
}
