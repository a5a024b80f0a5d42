//! Tests of the log texts about wrong signatures, which must not contain a secret.

use super::{BODY, KEY, WINDOW, hmac, now, signed, verifier, verify};
use crate::source::signature::Verifier;
use crate::source::signature::hint::other_scheme;
use flowtrigger_core::config::verification::hmac::{Algorithm, HmacScheme, SignatureEncoding};
use flowtrigger_core::config::verification::preset::{github, standard_webhooks, upmind, zendesk};
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::secret::SecretValue;

#[test]
fn a_secret_that_cannot_be_decoded_is_named_and_not_shown() {
    let verification = Verification {
        scheme: Scheme::Hmac(standard_webhooks(WINDOW)),
        secrets: Vec::new(),
        at: Span::default(),
    };
    for value in ["c4nary, no base64", "whsec_", "whsec_c4nary!"] {
        let secrets = vec![("PAY".to_owned(), SecretValue::new(value))];
        let Err(invalid) = Verifier::new(&verification, secrets) else {
            panic!("{value} was accepted");
        };
        assert_eq!(invalid[0].name, "PAY");
        assert!(!format!("{invalid:?}").contains("c4nary"));
    }
}

#[test]
fn a_hint_says_what_would_match() {
    let hint_for = |sender: &Verifier, receiver: &Verifier, sent: &[u8], got: &[u8]| {
        let headers = signed(sender, sent, now());
        let credentials = receiver.check_headers(&headers, now()).ok().unwrap();
        assert!(receiver.check_body(&credentials, got).is_err());
        receiver.hint(&credentials, got).unwrap_or_default()
    };
    let zendesk_with = |secret: &str| hmac(zendesk(WINDOW), &[secret]);
    let here = zendesk_with(KEY);
    for (sent, got, expected) in [
        ("{}", "{}\r\n", "without the white space around it"),
        ("{}\n", "{}", "`--data-binary @FILE` does not"),
        ("{\n}", "{\r\n}", "converts CRLF and LF"),
        ("{\r\n}", "{\n}", "converts CRLF and LF"),
        ("{}", "{ }", ""),
    ] {
        let hint = hint_for(&here, &here, sent.as_bytes(), got.as_bytes());
        assert!(hint.contains(expected), "{sent:?} {got:?}: {hint}");
        assert_eq!(hint.is_empty(), expected.is_empty(), "{hint}");
    }
    let decoding = |key| HmacScheme {
        key,
        ..zendesk(WINDOW)
    };
    let decoded = hmac(
        decoding(flowtrigger_core::config::verification::hmac::KeyEncoding::Base64),
        &["whsec_d3EzVGZabDlrRDB5UW0="],
    );
    let verbatim = hmac(
        decoding(flowtrigger_core::config::verification::hmac::KeyEncoding::Verbatim),
        &["whsec_d3EzVGZabDlrRDB5UW0="],
    );
    let hint = hint_for(&decoded, &verbatim, BODY, BODY);
    assert!(hint.ends_with("write `key: base64`"), "{hint}");
    let hint = hint_for(&verbatim, &decoded, BODY, BODY);
    assert!(hint.ends_with("write `key: verbatim`"), "{hint}");
    let padded = zendesk_with(&format!("{KEY} "));
    let hint = hint_for(&here, &padded, BODY, BODY);
    assert!(hint.contains("without white space"), "{hint}");
    assert!(padded.warnings()[0].1.contains("white space"));
    assert!(verbatim.warnings()[0].1.contains("whsec_"));
    assert!(!hint.contains(KEY));
}

#[test]
fn the_help_names_the_form_of_a_signature() {
    let hex = signed(&hmac(upmind(), &[KEY]), BODY, now());
    let base64 = hmac(
        HmacScheme {
            encoding: SignatureEncoding::Base64,
            ..upmind()
        },
        &[KEY],
    );
    let rejection = verify(&base64, &hex, BODY, now()).unwrap_err();
    assert_eq!(rejection.code(), "sender_malformed");
    assert!(
        rejection.help().contains("sha256 in hex"),
        "{}",
        rejection.help()
    );
    let sha512 = HmacScheme {
        algorithm: Algorithm::Sha512,
        ..upmind()
    };
    let longer = signed(&hmac(sha512, &[KEY]), BODY, now());
    let rejection = verify(&hmac(upmind(), &[KEY]), &longer, BODY, now()).unwrap_err();
    assert!(
        rejection.help().contains("sha512 in hex"),
        "{}",
        rejection.help()
    );
}

#[test]
fn the_help_names_the_scheme_of_another_header() {
    let headers = signed(&hmac(github(), &[KEY]), BODY, now());
    let reject = |verifier: &Verifier| verify(verifier, &headers, BODY, now()).unwrap_err();
    let rejection = reject(&hmac(zendesk(WINDOW), &[KEY]));
    assert_eq!(rejection.code(), "sender_unsigned");
    assert!(
        rejection.help().contains("has the header of `github`"),
        "{}",
        rejection.help()
    );
    let rejection = reject(&verifier(Scheme::Bearer, &[KEY]));
    assert!(
        rejection.help().contains("has the header of `github`"),
        "{}",
        rejection.help()
    );
    let unsigned = verify(&hmac(github(), &[KEY]), &Default::default(), BODY, now()).unwrap_err();
    assert!(
        unsigned.help().contains("configure the sender to sign"),
        "{}",
        unsigned.help()
    );
}

#[test]
fn the_header_table_matches_the_schemes() {
    for scheme in [
        zendesk(WINDOW),
        upmind(),
        standard_webhooks(WINDOW),
        github(),
    ] {
        let name = scheme.name;
        let headers = signed(&hmac(scheme, &["d2hzZWNfd2hzZWM="]), BODY, now());
        assert_eq!(other_scheme(&headers, "other"), Some(name));
        assert_eq!(other_scheme(&headers, name), None);
    }
}
