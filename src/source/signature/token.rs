//! Tokens and passwords in the `Authorization` header, compared by digests of one length.
//! It refuses an empty token, another kind of credentials and base64 that is not whole.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{HeaderFault, Rejection, only};

/// What somebody must know, as a digest: all are of one length.
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// In a time that does not depend on where they differ.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

pub fn bearer(headers: &HeaderMap) -> Result<TokenDigest, Rejection> {
    credentials(headers, "Bearer").map(TokenDigest::of)
}

pub fn basic(headers: &HeaderMap) -> Result<TokenDigest, Rejection> {
    let told = STANDARD.decode(credentials(headers, "Basic")?);
    let told = told.map_err(|_| malformed(HeaderFault::Base64))?;
    Ok(TokenDigest::of(&told))
}

/// What stands after the name of the kind.
fn credentials<'h>(headers: &'h HeaderMap, kind: &'static str) -> Result<&'h [u8], Rejection> {
    let text = only(headers, header::AUTHORIZATION.as_str())?.as_bytes();
    let (told, rest) = match text.iter().position(|byte| *byte == b' ') {
        Some(space) => text.split_at(space),
        None => (text, &b""[..]),
    };
    if !told.eq_ignore_ascii_case(kind.as_bytes()) {
        return Err(malformed(HeaderFault::Kind(kind)));
    }
    match rest.trim_ascii_start() {
        [] => Err(malformed(HeaderFault::Empty)),
        credentials => Ok(credentials),
    }
}

fn malformed(fault: HeaderFault) -> Rejection {
    let header = header::AUTHORIZATION.to_string();
    Rejection::Malformed { header, fault }
}
