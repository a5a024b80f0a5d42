//! Tests of tokens and passwords, with many that are almost right.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BODY, basic, headers, now, verifier, verify};
use flowtrigger_core::config::verification::Scheme;

#[test]
fn wrong_tokens_are_rejected() {
    let bearer = verifier(Scheme::Bearer, &["a-token-of-some-length"]);
    let basic = basic(&["a-token-of-some-length"]);
    let wrong = STANDARD.encode("desk:a-token-of-some-lengt");
    let no_user = STANDARD.encode(":a-token-of-some-length");
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nothing",
        "bearer x",
        "Bearer a-token-of-some-lengt",
        "Bearer a-token-of-some-lengthh",
        "Bearer A-TOKEN-OF-SOME-LENGTH",
        "Bearer a-token-of-some-length extra",
        "Bearera-token-of-some-length",
        "a-token-of-some-length",
        "Basic",
        "Basic ===",
        &format!("Basic {wrong}"),
        &format!("Basic {no_user}"),
        &format!("Basic {}", STANDARD.encode("desk:")),
        &format!(
            "Basic {}",
            STANDARD
                .encode("desk:a-token-of-some-length")
                .trim_end_matches("Ro")
        ),
        "Digest username=\"desk\"",
    ] {
        let headers = headers(&[("authorization", value)]);
        assert!(verify(&bearer, &headers, BODY, now()).is_err(), "{value}");
        assert!(verify(&basic, &headers, BODY, now()).is_err(), "{value}");
    }
    for value in [
        "Bearer a-token-of-some-length",
        "bearer  a-token-of-some-length",
    ] {
        let headers = headers(&[("authorization", value)]);
        assert_eq!(verify(&bearer, &headers, BODY, now()), Ok(()), "{value}");
    }
}
