//! Verifies the sender of a request by a signature, token or password, as the source's scheme defines.
//! The reason of a rejection goes to the log only, never to the sender.

mod candidates;
mod ed25519;
mod hint;
mod mac;
mod rejection;
mod request_parts;
mod sign;
mod signing_key;
#[cfg(test)]
mod tests;
mod timestamp;
mod token;

use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use flowtrigger_core::config::verification::signature::SignatureScheme;
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::secret::SecretValue;
use signing_key::SigningKey;

pub use hint::MIN_SECRET_CHARS;
pub use rejection::{HeaderFault, Rejection, RequestField};
pub use request_parts::RequestParts;
pub use sign::{
    SignedHeader, SignedQuery, SignedRequest, SigningTarget, UnusableForSigning, timed_body,
};
pub use signing_key::hmac_sha256_hex;
pub use token::TokenDigest;

/// Checks requests to one source. Contains secrets, so it has no `Debug`.
pub struct Verifier {
    scheme: Scheme,
    /// Empty if the secrets are not available; then every request is rejected.
    keys: Vec<VerifyingKey>,
}

/// One secret, prepared for comparison.
struct VerifyingKey {
    name: String,
    value: SecretValue,
    material: KeyMaterial,
}

enum KeyMaterial {
    Signature(SigningKey),
    /// A published test secret: it verifies no request.
    Public(SigningKey),
    Token(TokenDigest),
}

/// A secret that its scheme cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSecret {
    pub name: String,
    pub why: &'static str,
}

/// The credentials in the headers or the query.
pub enum Credentials {
    /// A valid token. The body needs no check.
    Token,
    /// Well-formed signatures, to be compared with the body.
    Signature(SignatureCandidates),
}

/// The signatures of a request, and the bytes that they sign.
pub struct SignatureCandidates {
    signatures: Vec<Vec<u8>>,
    /// More than one variant if the URL that the sender called is not known for certain.
    signed: Vec<Vec<SignedBytes>>,
    /// When the headers were checked.
    received: Timestamp,
}

/// One part of the signed bytes.
enum SignedBytes {
    Body,
    TrimmedBody,
    Bytes(Vec<u8>),
}

impl Verifier {
    /// Accepts requests that match any of the secrets.
    ///
    /// # Errors
    /// All secrets that the scheme cannot use.
    pub fn new(
        verification: &Verification,
        secrets: Vec<(String, SecretValue)>,
    ) -> Result<Self, Vec<InvalidSecret>> {
        let scheme = &verification.scheme;
        let mut keys = Vec::with_capacity(secrets.len());
        let mut invalid = Vec::new();
        for (name, value) in secrets {
            match KeyMaterial::new(scheme, &value) {
                Ok(material) => keys.push(VerifyingKey {
                    name,
                    value,
                    material,
                }),
                Err(why) => invalid.push(InvalidSecret { name, why }),
            }
        }
        let scheme = scheme.clone();
        match invalid.is_empty() {
            true => Ok(Self { scheme, keys }),
            false => Err(invalid),
        }
    }

    /// A verifier that rejects every request, for a source whose secrets are not available.
    pub fn without_secrets(verification: &Verification) -> Self {
        Self {
            scheme: verification.scheme.clone(),
            keys: Vec::new(),
        }
    }

    /// Checks what does not need the body: tokens, and the form and time of signatures.
    pub fn check_headers(
        &self,
        request: &RequestParts<'_>,
        now: Timestamp,
    ) -> Result<Credentials, Rejection> {
        if self.keys.is_empty() {
            return Err(Rejection::NoSecret);
        }
        let credentials = match &self.scheme {
            Scheme::Signature(scheme) => {
                SignatureCandidates::read(scheme, request, now).map(Credentials::Signature)
            }
            Scheme::Token(scheme) => {
                token::token(&scheme.location, request).and_then(|token| self.check_token(token))
            }
            Scheme::Bearer => {
                token::bearer(request.headers).and_then(|token| self.check_token(token))
            }
            Scheme::Basic { .. } => {
                token::basic(request.headers).and_then(|token| self.check_token(token))
            }
        };
        credentials.map_err(|rejection| match rejection {
            Rejection::Missing { field, .. } => Rejection::Missing {
                other_scheme: hint::other_scheme(request.headers, self.scheme.as_str()),
                field,
            },
            other => other,
        })
    }

    fn check_token(&self, received: TokenDigest) -> Result<Credentials, Rejection> {
        // Compares with every key, so that the time does not depend on which one matches.
        let matches = self.keys.iter().fold(false, |matches, key| {
            matches | matches!(&key.material, KeyMaterial::Token(token) if token.equals(&received))
        });
        match matches {
            true => Ok(Credentials::Token),
            false => Err(Rejection::WrongToken),
        }
    }

    /// Compares the signatures with the body, byte for byte as received.
    pub fn check_body(&self, credentials: &Credentials, body: &[u8]) -> Result<(), Rejection> {
        let Credentials::Signature(candidates) = credentials else {
            return Ok(());
        };
        let matches = self.keys.iter().fold(false, |matches, key| {
            matches
                | matches!(&key.material, KeyMaterial::Signature(key) if candidates.matches(key, body))
        });
        match (matches, self.test_key()) {
            (true, _) => match self.signature().and_then(|scheme| scheme.stamp.as_ref()) {
                Some(stamp) => timestamp::check_body(stamp, body, candidates.received),
                None => Ok(()),
            },
            (false, Some(test)) if candidates.matches(&test, body) => Err(Rejection::TestSecret),
            (false, _) => Err(Rejection::WrongSignature),
        }
    }

    /// The value of `WWW-Authenticate` in a 401 response. Names only the kind of the scheme.
    pub fn challenge(&self) -> &'static str {
        match &self.scheme {
            Scheme::Signature(_) => "Signature realm=\"events\"",
            Scheme::Token(_) => "Token realm=\"events\"",
            Scheme::Bearer => "Bearer realm=\"events\"",
            Scheme::Basic { .. } => "Basic realm=\"events\"",
        }
    }

    /// The names of the secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }

    fn signature(&self) -> Option<&SignatureScheme> {
        match &self.scheme {
            Scheme::Signature(scheme) => Some(scheme),
            Scheme::Token(_) | Scheme::Bearer | Scheme::Basic { .. } => None,
        }
    }

    fn test_key(&self) -> Option<SigningKey> {
        let scheme = self.signature()?;
        SigningKey::new(scheme, scheme.test_secret?).ok()
    }
}

impl KeyMaterial {
    fn new(scheme: &Scheme, value: &SecretValue) -> Result<Self, &'static str> {
        let value = value.expose();
        match scheme {
            Scheme::Signature(scheme) if scheme.test_secret == Some(value) => {
                SigningKey::new(scheme, value).map(KeyMaterial::Public)
            }
            Scheme::Signature(scheme) => SigningKey::new(scheme, value).map(KeyMaterial::Signature),
            Scheme::Token(_) | Scheme::Bearer => {
                Ok(KeyMaterial::Token(TokenDigest::new(value.as_bytes())))
            }
            Scheme::Basic { username } => {
                let credentials = format!("{username}:{value}");
                Ok(KeyMaterial::Token(TokenDigest::new(credentials.as_bytes())))
            }
        }
    }
}

impl SignatureCandidates {
    fn matches(&self, key: &SigningKey, body: &[u8]) -> bool {
        self.signed.iter().fold(false, |matches, parts| {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.bytes(body)).collect();
            matches | key.verifies(&parts, &self.signatures)
        })
    }
}

impl SignedBytes {
    fn bytes<'b>(&'b self, body: &'b [u8]) -> &'b [u8] {
        match self {
            SignedBytes::Body => body,
            SignedBytes::TrimmedBody => body.trim_ascii(),
            SignedBytes::Bytes(bytes) => bytes,
        }
    }
}

/// The value of a header that must occur exactly once.
fn single_value<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h HeaderValue, Rejection> {
    let mut values = headers.get_all(name).iter();
    let field = RequestField::Header(name.to_owned());
    match (values.next(), values.next()) {
        (None, _) => Err(Rejection::Missing {
            field,
            other_scheme: None,
        }),
        (Some(_), Some(_)) => Err(Rejection::Repeated { field }),
        (Some(value), None) if value.is_empty() => Err(Rejection::Malformed {
            field,
            fault: HeaderFault::Empty,
        }),
        (Some(value), None) => Ok(value),
    }
}
