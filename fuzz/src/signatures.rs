//! Fuzzes signature verification with any bytes.
//! Random headers are rejected, correct signatures accepted.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use flowtrigger::source::signature::{RequestParts, SigningTarget, Verifier, timed_body};
use flowtrigger_core::config::verification::preset::PRESETS;
use flowtrigger_core::config::verification::signature::{Algorithm, TimestampLocation};
use flowtrigger_core::config::verification::token::TokenLocation;
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::secret::SecretValue;
use jiff::Timestamp;

/// Base64, so that it is valid for every scheme with a shared secret; the fuzzer cannot guess it.
const SECRET: &str = "whsec_bm9ib2R5IGtub3dzIHRoaXMgb25l";
/// A private key, which can sign.
const PRIVATE_KEY: &str = "whsk_bm9ib2R5IGtub3dzIHRoaXMgcHJpdmF0ZSBrZXkhISE=";
const ADDRESS: &str = "https://hooks.example.com";
const PATH: &str = "/events/fuzz";
const WINDOW: std::time::Duration = std::time::Duration::from_secs(300);

/// One line for each of three headers, then the body. Every scheme gets the same bytes.
pub fn signatures(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let lines: Vec<&[u8]> = parts.by_ref().take(3).collect();
    let body = parts.next().unwrap_or_default();
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    for scheme in schemes() {
        let verifier = verifier(scheme.clone());
        for lines in [&lines[..], &[b"", b"1800000000", b"x"]] {
            check_unsigned(&verifier, &headers(&scheme, lines), body, now);
        }
        let timed = timed_body(&scheme, body, now);
        check_signed(&verifier, timed.as_deref().unwrap_or(body), now);
    }
}

fn schemes() -> Vec<Scheme> {
    let basic = Scheme::Basic {
        username: "desk".into(),
    };
    let presets = PRESETS.iter().map(|preset| preset.scheme(WINDOW));
    presets.chain([Scheme::Bearer, basic]).collect()
}

fn request(headers: &HeaderMap) -> RequestParts<'_> {
    RequestParts {
        method: "POST",
        path: PATH,
        query: None,
        headers,
        public_url: Some(ADDRESS),
    }
}

fn verifier(scheme: Scheme) -> Verifier {
    let secret = match &scheme {
        Scheme::Signature(scheme) if scheme.algorithm == Algorithm::Ed25519 => PRIVATE_KEY,
        Scheme::Signature(_) | Scheme::Token(_) | Scheme::Bearer | Scheme::Basic { .. } => SECRET,
    };
    let verification = Verification {
        scheme,
        secrets: vec!["KEY".into()],
        at: Span::default(),
    };
    let secrets = vec![("KEY".to_owned(), SecretValue::new(secret))];
    let verifier = Verifier::new(&verification, secrets);
    verifier.unwrap_or_else(|unusable| panic!("{unusable:?}"))
}

/// Returns the lines as the headers that the scheme reads.
fn headers(scheme: &Scheme, lines: &[&[u8]]) -> HeaderMap {
    let names: Vec<&str> = match scheme {
        Scheme::Signature(scheme) => {
            let stamp = scheme
                .stamp
                .iter()
                .filter_map(|stamp| match &stamp.location {
                    TimestampLocation::Header(name) => Some(name.as_str()),
                    TimestampLocation::Field(_) | TimestampLocation::Body(_) => None,
                });
            let own = std::iter::once(scheme.header.as_str());
            own.chain(stamp).chain(["webhook-id"]).collect()
        }
        Scheme::Token(scheme) => match &scheme.location {
            TokenLocation::Header(name) => vec![name.as_str()],
            TokenLocation::Query(_) => Vec::new(),
        },
        Scheme::Bearer | Scheme::Basic { .. } => vec!["authorization"],
    };
    let mut headers = HeaderMap::new();
    for (name, line) in names.into_iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, value);
        }
    }
    headers
}

fn check_unsigned(verifier: &Verifier, headers: &HeaderMap, body: &[u8], now: Timestamp) {
    if let Ok(shown) = verifier.check_headers(&request(headers), now) {
        let checked = verifier.check_body(&shown, body);
        assert!(checked.is_err(), "accepted: {headers:?}");
        // The hint for the log may be anything, but must not panic.
        let _ = verifier.hint(&shown, body);
    }
}

fn check_signed(verifier: &Verifier, body: &[u8], now: Timestamp) {
    let url = format!("{ADDRESS}{PATH}").parse().expect("a URL");
    let target = SigningTarget {
        method: "POST",
        url: &url,
        headers: &[],
        public_url: None,
    };
    let signed = verifier.sign(&target, body, now);
    let signed = signed.unwrap_or_else(|unusable| panic!("{unusable:?}"));
    let mut headers = HeaderMap::new();
    for header in signed.headers {
        let name: HeaderName = header.name.parse().expect("a name");
        let value = HeaderValue::from_str(header.value.expose()).expect("a value");
        headers.append(name, value);
    }
    let Ok(shown) = verifier.check_headers(&request(&headers), now) else {
        panic!("rejected: {headers:?}");
    };
    assert!(verifier.check_body(&shown, body).is_ok());
}
