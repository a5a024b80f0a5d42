//! Fuzzes signature verification with any bytes.
//! Random headers are rejected, correct signatures accepted.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use flowtrigger::source::signature::Verifier;
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::secret::SecretValue;
use jiff::Timestamp;

/// Base64, so that it is valid for every scheme; the fuzzer cannot guess it.
const SECRET: &str = "whsec_bm9ib2R5IGtub3dzIHRoaXMgb25l";
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
        check_signed(&verifier, body, now);
    }
}

fn schemes() -> [Scheme; 6] {
    let basic = Scheme::Basic {
        username: "desk".into(),
    };
    [
        Scheme::Hmac(flowtrigger_core::config::verification::preset::zendesk(
            WINDOW,
        )),
        Scheme::Hmac(flowtrigger_core::config::verification::preset::upmind()),
        Scheme::Hmac(flowtrigger_core::config::verification::preset::standard_webhooks(WINDOW)),
        Scheme::Hmac(flowtrigger_core::config::verification::preset::github()),
        Scheme::Bearer,
        basic,
    ]
}

fn verifier(scheme: Scheme) -> Verifier {
    let verification = Verification {
        scheme,
        secrets: vec!["KEY".into()],
        at: Span::default(),
    };
    let secrets = vec![("KEY".to_owned(), SecretValue::new(SECRET))];
    let verifier = Verifier::new(&verification, secrets);
    verifier.unwrap_or_else(|unusable| panic!("{unusable:?}"))
}

/// Returns the lines as the headers that the scheme reads.
fn headers(scheme: &Scheme, lines: &[&[u8]]) -> HeaderMap {
    let names: Vec<&str> = match scheme {
        Scheme::Hmac(hmac) => {
            let stamp = hmac.stamp.iter().map(|stamp| stamp.header.as_str());
            let own = std::iter::once(hmac.header.as_str());
            own.chain(stamp).chain(["webhook-id"]).collect()
        }
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
    if let Ok(shown) = verifier.check_headers(headers, now) {
        let checked = verifier.check_body(&shown, body);
        assert!(checked.is_err(), "accepted: {headers:?}");
        // The hint for the log may be anything, but must not panic.
        let _ = verifier.hint(&shown, body);
    }
}

fn check_signed(verifier: &Verifier, body: &[u8], now: Timestamp) {
    let mut headers = HeaderMap::new();
    for header in verifier.sign(body, now) {
        let name: HeaderName = header.name.parse().expect("a name");
        let value = HeaderValue::from_str(header.value.expose()).expect("a value");
        headers.append(name, value);
    }
    let Ok(shown) = verifier.check_headers(&headers, now) else {
        panic!("rejected: {headers:?}");
    };
    assert!(verifier.check_body(&shown, body).is_ok());
}
