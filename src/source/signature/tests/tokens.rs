//! Tests of tokens and passwords, with many that are almost right.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BODY, basic, headers, now, request, verifier, verify, verify_request};
use crate::source::signature::RequestParts;
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::config::verification::token::{TokenLocation, TokenScheme};

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

#[test]
fn a_token_in_the_query_is_compared_with_its_decoded_value() {
    let scheme = Scheme::Token(TokenScheme {
        name: "token",
        location: TokenLocation::Query("key".into()),
    });
    let verifier = verifier(scheme, &["a token/of some+length"]);
    let headers = headers(&[]);
    let verify = |query: Option<&str>| {
        let request = RequestParts {
            query,
            ..request(&headers)
        };
        verify_request(&verifier, &request, BODY, now()).map_err(|rejection| rejection.to_string())
    };
    for query in [
        "key=a%20token%2Fof%20some%2Blength",
        "a=1&key=a+token/of+some%2Blength&b",
        "%6bey=a+token/of+some%2Blength",
    ] {
        assert_eq!(verify(Some(query)), Ok(()), "{query}");
    }
    let missing = "missing query parameter `key`";
    let wrong = "the token does not match any secret of the source";
    for (query, expected) in [
        (None, missing),
        (Some(""), missing),
        (Some("Key=a+token/of+some%2Blength"), missing),
        (Some("key"), "invalid query parameter `key`: empty value"),
        (Some("key="), "invalid query parameter `key`: empty value"),
        (Some("key=x"), wrong),
        (Some("key=a+token/of+some+length"), wrong),
        (Some("key=a+token/of+some%2Blengt"), wrong),
        (
            Some("key=a+token/of+some%2Blength&key=a+token/of+some%2Blength"),
            "duplicate query parameter `key`",
        ),
    ] {
        assert_eq!(verify(query), Err(expected.to_owned()), "{query:?}");
    }
}

#[test]
fn a_token_in_a_header_is_its_complete_value() {
    let scheme = Scheme::Token(TokenScheme {
        name: "token",
        location: TokenLocation::Header("authorization".into()),
    });
    let verifier = verifier(scheme, &["a-token-of-some-length"]);
    for (value, accepted) in [
        ("a-token-of-some-length", true),
        ("Bearer a-token-of-some-length", false),
        ("a-token-of-some-lengt", false),
        ("a-token-of-some-lengthh", false),
        ("A-token-of-some-length", false),
    ] {
        let headers = headers(&[("authorization", value)]);
        let verified = verify(&verifier, &headers, BODY, now());
        assert_eq!(verified.is_ok(), accepted, "{value}");
    }
}
