//! Tests that what `sign` writes is accepted for every preset, and of the senders with a form of their own.

use super::known_answers::KNOWN_ANSWERS;
use super::{
    BODY, KEY, WINDOW, header_map, headers, hmac, now, preset, request, signed_request, verifier,
    verify, verify_request,
};
use crate::source::signature::{RequestParts, SigningTarget, UnusableForSigning, timed_body};
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::config::verification::preset::PRESETS;

/// A private key, with which Ed25519 schemes can sign; the others use it as text.
const SECRET: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

#[test]
fn what_is_signed_is_accepted_for_every_preset() {
    for preset in PRESETS {
        let name = preset.name;
        let secret = match name {
            "standard_webhooks" | "svix" | "gitlab_signed" => "whsec_d3EzVGZabDlrRDB5UW0=",
            _ => SECRET,
        };
        let verifier = verifier(preset.scheme(WINDOW), &[secret]);
        let url = "https://hooks.example.com/events/shop";
        let timed = br#"{"webhookTimestamp":1774415367000}"#.as_slice();
        for body in [BODY, b"", b" \n{}\n", timed] {
            let signed = signed_request(&verifier, url, body, now());
            assert!(signed.query.is_none());
            let headers = header_map(&signed);
            assert_eq!(verify(&verifier, &headers, body, now()), Ok(()), "{name}");
            if preset.has_window() && (name != "linear" || body == timed) {
                let later = now() + jiff::SignedDuration::from_secs(301);
                assert!(verify(&verifier, &headers, body, later).is_err(), "{name}");
            }
        }
        let shown = signed_request(&verifier, url, BODY, now()).headers;
        assert!(
            shown.iter().all(|header| !header.shown.contains(secret)),
            "{name}"
        );
    }
}

#[test]
fn an_old_sample_is_signed_with_a_new_time_in_its_body() {
    let linear = Scheme::Signature(preset("linear"));
    let old = br#"{"id":1,"webhookTimestamp":5,"data":{}}"#;
    let timed = timed_body(&linear, old, now()).unwrap();
    let expected = r#"{"id":1,"webhookTimestamp":1774415367000,"data":{}}"#;
    assert_eq!(String::from_utf8(timed).unwrap(), expected);
    assert_eq!(timed_body(&linear, b"{}", now()), None);
    assert_eq!(
        timed_body(&Scheme::Signature(preset("github")), old, now()),
        None
    );
}

#[test]
fn a_public_key_cannot_sign() {
    let discord = KNOWN_ANSWERS.iter().find(|known| known.preset == "discord");
    let verifier = discord.unwrap().verifier();
    let target = SigningTarget {
        method: "POST",
        url: &"https://hooks.example.com/".parse().unwrap(),
        headers: &[],
        public_url: None,
    };
    let signed = verifier.sign(&target, BODY, now());
    let secret = "KEY_0".to_owned();
    assert_eq!(signed.err(), Some(UnusableForSigning { secret }));
}

#[test]
fn one_of_several_signatures_is_enough() {
    let pagerduty = hmac(preset("pagerduty"), &[KEY]);
    let own = signed_request(&pagerduty, "https://x.example/", BODY, now());
    let own = own.headers[0].value.expose().to_owned();
    let other = format!("v1={}", "0".repeat(64));
    let with = |value: &str| {
        let headers = headers(&[("x-pagerduty-signature", value)]);
        verify(&pagerduty, &headers, BODY, now()).is_ok()
    };
    for value in [
        own.clone(),
        format!("{other},{own}"),
        format!("{own}, {other}"),
        format!("v2=whatever,{own}"),
        own.to_uppercase().replace("V1", "v1"),
    ] {
        assert!(with(&value), "{value}");
    }
    let sixteen = vec![own.as_str(); 16].join(",");
    assert!(with(&sixteen));
    for value in [
        other.clone(),
        format!("{other} {own}"),
        format!("{own};{other}"),
        own.replace("v1=", "v2="),
        own.replace("v1=", ""),
        // Every signature of the known version must be one.
        format!("v1=x,{own}"),
        format!("{sixteen},{own}"),
    ] {
        assert!(!with(&value), "{value}");
    }
}

#[test]
fn time_and_signature_can_be_in_one_header() {
    let stripe = hmac(preset("stripe"), &["whsec_the secret of an endpoint"]);
    let own = signed_request(&stripe, "https://x.example/", BODY, now());
    let own = own.headers[0].value.expose().to_owned();
    let (time, signature) = own.split_once(',').unwrap();
    let with = |value: &str| {
        let headers = headers(&[("stripe-signature", value)]);
        let checked = verify(&stripe, &headers, BODY, now());
        checked.map_err(|rejection| rejection.to_string())
    };
    let other = format!("v1={}", "0".repeat(64));
    for value in [
        own.clone(),
        format!("{signature},{time}"),
        format!("{time},{signature},v0={}", "1".repeat(64)),
        format!("{time}, {other}, {signature}"),
    ] {
        assert_eq!(with(&value), Ok(()), "{value}");
    }
    let invalid = |fault: &str| Err(format!("invalid header `stripe-signature`: {fault}"));
    for (value, expected) in [
        (signature.to_owned(), invalid("expected a part with `t=`")),
        (time.to_owned(), invalid("expected the prefix `v1=`")),
        (format!("{time},{own}"), invalid("duplicate part with `t=`")),
        (format!("t=,{signature}"), invalid("expected a time")),
        (format!("t=now,{signature}"), invalid("expected a time")),
        (
            format!("{time},v1=00"),
            invalid("expected sha256 in hex, found 2 characters"),
        ),
        (
            format!("{time},{other}"),
            Err("the signature does not match the request".into()),
        ),
        (
            format!("{time},{}", signature.replace("v1=", "v0=")),
            invalid("expected the prefix `v1=`"),
        ),
    ] {
        assert_eq!(with(&value), expected, "{value}");
    }
}

#[test]
fn method_and_url_are_signed_by_hubspot() {
    let hubspot = hmac(preset("hubspot"), &[KEY]);
    let url = "https://hooks.example.com/events/shop?to=a%40b.example%3A1&x=%20";
    let signed = header_map(&signed_request(&hubspot, url, BODY, now()));
    let with = |change: fn(&mut RequestParts<'static>), headers: &axum::http::HeaderMap| {
        let headers: &'static axum::http::HeaderMap = Box::leak(Box::new(headers.clone()));
        let mut parts = RequestParts {
            query: Some("to=a%40b.example%3A1&x=%20"),
            ..request(headers)
        };
        change(&mut parts);
        verify_request(&hubspot, &parts, BODY, now()).is_ok()
    };
    assert!(with(|_| (), &signed));
    // The listed characters are signed as they are, the others percent-encoded.
    assert!(with(
        |parts| parts.query = Some("to=a@b.example:1&x=%20"),
        &signed
    ));
    assert!(!with(
        |parts| parts.query = Some("to=a@b.example:1&x= "),
        &signed
    ));
    assert!(!with(|parts| parts.query = None, &signed));
    assert!(!with(|parts| parts.query = Some(""), &signed));
    assert!(!with(|parts| parts.method = "PUT", &signed));
    assert!(!with(|parts| parts.path = "/events/desk", &signed));
    assert!(!with(|parts| parts.path = "/events/shop/", &signed));
    assert!(!with(
        |parts| parts.public_url = Some("http://hooks.example.com"),
        &signed
    ));
    // Without a public URL, the `Host` header names the machine, with TLS or without.
    assert!(!with(|parts| parts.public_url = None, &signed));
    let mut hosted = signed.clone();
    hosted.extend(headers(&[("host", "hooks.example.com")]));
    assert!(with(|parts| parts.public_url = None, &hosted));
    let plain = url.replace("https://", "http://");
    let mut plain = header_map(&signed_request(&hubspot, &plain, BODY, now()));
    plain.extend(headers(&[("host", "hooks.example.com")]));
    assert!(with(|parts| parts.public_url = None, &plain));
    plain.insert("host", "other.example.com".parse().unwrap());
    assert!(!with(|parts| parts.public_url = None, &plain));
}

#[test]
fn a_public_url_is_signed_in_place_of_the_address() {
    let hubspot = hmac(preset("hubspot"), &[KEY]);
    let target = SigningTarget {
        method: "POST",
        url: &"http://127.0.0.1:8080/events/shop".parse().unwrap(),
        headers: &[],
        public_url: Some("https://hooks.example.com"),
    };
    let signed = hubspot.sign(&target, BODY, now()).unwrap_or_default();
    let headers = header_map(&signed);
    assert_eq!(verify(&hubspot, &headers, BODY, now()), Ok(()));
}
