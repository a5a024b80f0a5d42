//! Tests of the log texts about wrong signatures, which must not contain a secret.

use super::{
    BODY, KEY, github, headers, hmac, now, preset, request, signed, standard_webhooks, upmind,
    verifier, verify, zendesk,
};
use crate::source::signature::Verifier;
use crate::source::signature::hint::other_scheme;
use flowtrigger_core::config::verification::preset::PRESETS;
use flowtrigger_core::config::verification::signature::{
    Algorithm, KeyEncoding, SignatureEncoding, SignatureScheme,
};
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::secret::SecretValue;

#[test]
fn a_secret_that_cannot_be_decoded_is_named_and_not_shown() {
    let verification = Verification {
        scheme: Scheme::Signature(standard_webhooks()),
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
        let credentials = receiver
            .check_headers(&request(&headers), now())
            .ok()
            .unwrap();
        assert!(receiver.check_body(&credentials, got).is_err());
        receiver.hint(&credentials, got).unwrap_or_default()
    };
    let zendesk_with = |secret: &str| hmac(zendesk(), &[secret]);
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
    let decoding = |key| SignatureScheme { key, ..zendesk() };
    let decoded = hmac(
        decoding(KeyEncoding::Base64),
        &["whsec_d3EzVGZabDlrRDB5UW0="],
    );
    let verbatim = hmac(
        decoding(KeyEncoding::Verbatim),
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
        SignatureScheme {
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
    let sha512 = SignatureScheme {
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
    let mut headers = signed(&hmac(github(), &[KEY]), BODY, now());
    headers.insert("x-github-event", "issues".parse().unwrap());
    let reject = |verifier: &Verifier| verify(verifier, &headers, BODY, now()).unwrap_err();
    let rejection = reject(&hmac(zendesk(), &[KEY]));
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
fn the_header_of_every_preset_is_recognised() {
    for preset in PRESETS {
        let name = preset.name;
        let marked = headers(&[(preset.header(), "x")]);
        let sharing = PRESETS.iter().filter(|p| p.header() == preset.header());
        let expected = (sharing.count() == 1).then_some(name);
        assert_eq!(other_scheme(&marked, "other"), expected, "{name}");
        assert_ne!(other_scheme(&marked, name), Some(name));
    }
    let bearer = headers(&[("authorization", "Bearer x")]);
    assert_eq!(other_scheme(&bearer, "github"), Some("bearer"));
    assert_eq!(other_scheme(&bearer, "bearer"), None);
}

#[test]
fn a_header_that_senders_share_is_not_guessed() {
    for (sent, verify, expected) in [
        (
            &["x-hub-signature-256", "x-github-event"][..],
            "zendesk",
            Some("github"),
        ),
        (&["x-hub-signature-256"], "zendesk", None),
        (
            &["x-hub-signature", "x-hub-signature-256", "x-github-event"],
            "zendesk",
            Some("github"),
        ),
        (&["x-hub-signature", "x-github-event"], "zendesk", None),
        (&["x-hub-signature", "x-github-event"], "github", None),
        (&["x-hub-signature"], "github", None),
        (
            &["x-hub-signature", "x-atlassian-webhook-identifier"],
            "zendesk",
            Some("jira"),
        ),
        (
            &["webhook-signature", "webhook-id"],
            "zendesk",
            Some("standard_webhooks"),
        ),
        (
            &["webhook-signature", "webhook-id", "x-gitlab-event"],
            "zendesk",
            Some("gitlab_signed"),
        ),
        (
            &["webhook-signature", "webhook-id"],
            "standard_webhooks",
            None,
        ),
        (&["x-front-signature"], "front", Some("front_rule")),
        (
            &["stripe-signature", "idempotency-key"],
            "zendesk",
            Some("stripe"),
        ),
    ] {
        let pairs: Vec<_> = sent.iter().map(|name| (*name, "x")).collect();
        assert_eq!(
            other_scheme(&headers(&pairs), verify),
            expected,
            "{sent:?} {verify}"
        );
    }
    for (agent, expected) in [
        ("GitHub-Hookshot/044aadd", Some("github")),
        ("facebookexternalua", Some("meta")),
        ("curl/8.5.0", None),
    ] {
        let sent = headers(&[
            ("x-hub-signature", "sha1=x"),
            ("x-hub-signature-256", "sha256=x"),
            ("user-agent", agent),
        ]);
        assert_eq!(other_scheme(&sent, "zendesk"), expected, "{agent}");
    }
    let old = headers(&[
        ("x-hub-signature", "sha1=x"),
        ("user-agent", "GitHub-Hookshot/044aadd"),
    ]);
    assert_eq!(other_scheme(&old, "zendesk"), None);
}

#[test]
fn a_wrong_signature_over_the_url_names_the_public_url() {
    let verifier = hmac(preset("hubspot"), &[KEY]);
    let headers = signed(&verifier, BODY, now());
    let request = crate::source::signature::RequestParts {
        public_url: Some("https://other.example.com"),
        ..request(&headers)
    };
    let credentials = verifier.check_headers(&request, now()).ok().unwrap();
    assert!(verifier.check_body(&credentials, BODY).is_err());
    let hint = verifier.hint(&credentials, BODY).unwrap();
    assert!(hint.contains("set `listen.public_url`"), "{hint}");
}

#[test]
fn a_secret_of_stripe_begins_as_it_should() {
    let long = format!("whsec_{KEY}");
    assert!(hmac(preset("stripe"), &[&long]).warnings().is_empty());
    assert_eq!(hmac(preset("slack"), &[&long]).warnings().len(), 1);
}
