//! What whoever runs the program is told of a signature that does not fit.
//! No secret stands in it.

use super::{BODY, KEY, WINDOW, hmac, judge, now, signed, verifier};
use crate::core::config::{
    self, Algorithm, Encoding, Hmac, Scheme, Verification, github, standard_webhooks, upmind,
    zendesk,
};
use crate::core::diagnostic::Position;
use crate::core::secret::SecretValue;
use crate::source::signature::Verifier;
use crate::source::signature::hint::scheme_of;

#[test]
fn a_secret_that_cannot_be_decoded_is_named_and_not_shown() {
    let verification = Verification {
        scheme: Scheme::Hmac(standard_webhooks(WINDOW)),
        secrets: Vec::new(),
        at: Position::default(),
    };
    for value in ["c4nary, no base64", "whsec_", "whsec_c4nary!"] {
        let secrets = vec![("PAY".to_owned(), SecretValue::new(value))];
        let Err(unusable) = Verifier::new(&verification, secrets) else {
            panic!("{value} was taken");
        };
        assert_eq!(unusable[0].name, "PAY");
        assert!(!format!("{unusable:?}").contains("c4nary"));
    }
}

#[test]
fn a_log_says_what_would_have_fitted() {
    let told = |sender: &Verifier, receiver: &Verifier, sent: &[u8], got: &[u8]| {
        let headers = signed(sender, sent, now());
        let shown = receiver.judge_head(&headers, now()).ok().unwrap();
        assert!(receiver.judge_body(&shown, got).is_err());
        receiver.hint(&shown, got).unwrap_or_default()
    };
    let zendesk_of = |secret: &str| hmac(zendesk(WINDOW), &[secret]);
    let here = zendesk_of(KEY);
    for (sent, got, wanted) in [
        ("{}", "{}\r\n", "without the white space around it"),
        ("{}\n", "{}", "`--data-binary @FILE` does not"),
        ("{\n}", "{\r\n}", "changes CRLF and LF"),
        ("{\r\n}", "{\n}", "changes CRLF and LF"),
        ("{}", "{ }", ""),
    ] {
        let hint = told(&here, &here, sent.as_bytes(), got.as_bytes());
        assert!(hint.contains(wanted), "{sent:?} {got:?}: {hint}");
        assert_eq!(hint.is_empty(), wanted.is_empty(), "{hint}");
    }
    let decoding = |key| Hmac {
        key,
        ..zendesk(WINDOW)
    };
    let decoded = hmac(
        decoding(config::Key::Base64),
        &["whsec_d3EzVGZabDlrRDB5UW0="],
    );
    let verbatim = hmac(
        decoding(config::Key::Verbatim),
        &["whsec_d3EzVGZabDlrRDB5UW0="],
    );
    let hint = told(&decoded, &verbatim, BODY, BODY);
    assert!(hint.ends_with("write `key: base64`"), "{hint}");
    let hint = told(&verbatim, &decoded, BODY, BODY);
    assert!(hint.ends_with("write `key: verbatim`"), "{hint}");
    let padded = zendesk_of(&format!("{KEY} "));
    let hint = told(&here, &padded, BODY, BODY);
    assert!(hint.contains("without white space"), "{hint}");
    assert!(padded.doubts()[0].1.contains("white space"));
    assert!(verbatim.doubts()[0].1.contains("whsec_"));
    assert!(!hint.contains(KEY));
}

#[test]
fn a_log_says_what_a_signature_looks_like() {
    let hex = signed(&hmac(upmind(), &[KEY]), BODY, now());
    let base64 = hmac(
        Hmac {
            encoding: Encoding::Base64,
            ..upmind()
        },
        &[KEY],
    );
    let refused = judge(&base64, &hex, BODY, now()).unwrap_err();
    assert_eq!(refused.word(), "sender_malformed");
    assert!(
        refused.help().contains("sha256 in hex"),
        "{}",
        refused.help()
    );
    let sha512 = Hmac {
        algorithm: Algorithm::Sha512,
        ..upmind()
    };
    let longer = signed(&hmac(sha512, &[KEY]), BODY, now());
    let refused = judge(&hmac(upmind(), &[KEY]), &longer, BODY, now()).unwrap_err();
    assert!(
        refused.help().contains("sha512 in hex"),
        "{}",
        refused.help()
    );
}

#[test]
fn a_log_says_whose_header_comes_in_place_of_ours() {
    let headers = signed(&hmac(github(), &[KEY]), BODY, now());
    let told = |verifier: &Verifier| judge(verifier, &headers, BODY, now()).unwrap_err();
    let refused = told(&hmac(zendesk(WINDOW), &[KEY]));
    assert_eq!(refused.word(), "sender_unsigned");
    assert!(
        refused.help().contains("the header of `github`"),
        "{}",
        refused.help()
    );
    let refused = told(&verifier(Scheme::Bearer, &[KEY]));
    assert!(
        refused.help().contains("the header of `github`"),
        "{}",
        refused.help()
    );
    let unsigned = judge(&hmac(github(), &[KEY]), &Default::default(), BODY, now()).unwrap_err();
    assert!(
        unsigned.help().contains("let the sender sign"),
        "{}",
        unsigned.help()
    );
}

#[test]
fn the_table_of_headers_is_that_of_the_schemes() {
    for scheme in [
        zendesk(WINDOW),
        upmind(),
        standard_webhooks(WINDOW),
        github(),
    ] {
        let name = scheme.name;
        let headers = signed(&hmac(scheme, &["d2hzZWNfd2hzZWM="]), BODY, now());
        assert_eq!(scheme_of(&headers, "other"), Some(name));
        assert_eq!(scheme_of(&headers, name), None);
    }
}
