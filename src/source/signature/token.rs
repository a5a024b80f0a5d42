//! Reads tokens and passwords from a header or the query and compares them as digests.
//! Rejects empty tokens, other kinds of credentials and invalid base64.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{HeaderFault, Rejection, RequestField, RequestParts, single_value};
use flowtrigger_core::config::verification::token::TokenLocation;

/// The digest of a token. All digests have the same length, so that comparing takes constant time.
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub fn new(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Compares in constant time.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The token in a header or in a parameter of the query.
pub fn token(
    location: &TokenLocation,
    request: &RequestParts<'_>,
) -> Result<TokenDigest, Rejection> {
    match location {
        TokenLocation::Header(name) => {
            single_value(request.headers, name).map(|value| TokenDigest::new(value.as_bytes()))
        }
        TokenLocation::Query(name) => query_value(request.query.unwrap_or_default(), name),
    }
}

/// The digest of the value of a parameter that must occur exactly once.
fn query_value(query: &str, name: &str) -> Result<TokenDigest, Rejection> {
    let field = RequestField::Query(name.to_owned());
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (None, _) => Err(Rejection::Missing {
            field,
            other_scheme: None,
        }),
        (Some(_), Some(_)) => Err(Rejection::Repeated { field }),
        (Some((_, value)), None) if value.is_empty() => Err(Rejection::Malformed {
            field,
            fault: HeaderFault::Empty,
        }),
        (Some((_, value)), None) => Ok(TokenDigest::new(value.as_bytes())),
    }
}

pub fn bearer(headers: &HeaderMap) -> Result<TokenDigest, Rejection> {
    credentials(headers, "Bearer").map(TokenDigest::new)
}

pub fn basic(headers: &HeaderMap) -> Result<TokenDigest, Rejection> {
    let decoded = STANDARD.decode(credentials(headers, "Basic")?);
    let decoded = decoded.map_err(|_| malformed(HeaderFault::Base64))?;
    Ok(TokenDigest::new(&decoded))
}

/// The credentials after the name of the expected kind.
fn credentials<'h>(headers: &'h HeaderMap, kind: &'static str) -> Result<&'h [u8], Rejection> {
    let text = single_value(headers, header::AUTHORIZATION.as_str())?.as_bytes();
    let (actual, rest) = match text.iter().position(|byte| *byte == b' ') {
        Some(space) => text.split_at(space),
        None => (text, &b""[..]),
    };
    if !actual.eq_ignore_ascii_case(kind.as_bytes()) {
        return Err(malformed(HeaderFault::Kind(kind)));
    }
    match rest.trim_ascii_start() {
        [] => Err(malformed(HeaderFault::Empty)),
        credentials => Ok(credentials),
    }
}

fn malformed(fault: HeaderFault) -> Rejection {
    let field = RequestField::Header(header::AUTHORIZATION.to_string());
    Rejection::Malformed { field, fault }
}
