//! Verifies the sender of a request by a signature, token or password, as the source's scheme defines.
//! The reason of a rejection goes to the log only, never to the sender.

mod candidates;
mod hint;
mod mac;
mod rejection;
mod sign;
#[cfg(test)]
mod tests;
mod timestamp;
mod token;

use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use flowtrigger_core::config::verification::hmac::HmacScheme;
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::secret::SecretValue;
use mac::Mac;
use token::TokenDigest;

pub use rejection::{HeaderFault, Rejection};
pub use sign::SignedHeader;

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
    Signature(Mac),
    /// A published test secret: it verifies no request.
    Public(Mac),
    Token(TokenDigest),
}

/// A secret that its scheme cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSecret {
    pub name: String,
    pub why: &'static str,
}

/// The credentials in the headers.
pub enum Credentials {
    /// A valid token. The body needs no check.
    Token,
    /// Well-formed signatures, to be compared with the body.
    Signature(SignatureCandidates),
}

/// The signatures of a request, and the bytes that they sign.
pub struct SignatureCandidates {
    signatures: Vec<Vec<u8>>,
    signed: Vec<SignedBytes>,
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
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Credentials, Rejection> {
        if self.keys.is_empty() {
            return Err(Rejection::NoSecret);
        }
        let credentials = match &self.scheme {
            Scheme::Hmac(hmac) => {
                SignatureCandidates::read(hmac, headers, now).map(Credentials::Signature)
            }
            Scheme::Bearer => token::bearer(headers).and_then(|token| self.check_token(token)),
            Scheme::Basic { .. } => token::basic(headers).and_then(|token| self.check_token(token)),
        };
        credentials.map_err(|rejection| match rejection {
            Rejection::Missing { header, .. } => Rejection::Missing {
                other_scheme: hint::other_scheme(headers, self.scheme.as_str()),
                header,
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
                | matches!(&key.material, KeyMaterial::Signature(mac) if candidates.matches(mac, body))
        });
        match (matches, self.test_mac()) {
            (true, _) => Ok(()),
            (false, Some(test)) if candidates.matches(&test, body) => Err(Rejection::TestSecret),
            (false, _) => Err(Rejection::WrongSignature),
        }
    }

    /// The value of `WWW-Authenticate` in a 401 response. Names only the kind of the scheme.
    pub fn challenge(&self) -> &'static str {
        match &self.scheme {
            Scheme::Hmac(_) => "Signature realm=\"events\"",
            Scheme::Bearer => "Bearer realm=\"events\"",
            Scheme::Basic { .. } => "Basic realm=\"events\"",
        }
    }

    /// The names of the secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }

    fn hmac(&self) -> Option<&HmacScheme> {
        match &self.scheme {
            Scheme::Hmac(hmac) => Some(hmac),
            Scheme::Bearer | Scheme::Basic { .. } => None,
        }
    }

    fn test_mac(&self) -> Option<Mac> {
        let hmac = self.hmac()?;
        Mac::new(hmac, hmac.test_secret?).ok()
    }
}

impl KeyMaterial {
    fn new(scheme: &Scheme, value: &SecretValue) -> Result<Self, &'static str> {
        let value = value.expose();
        match scheme {
            Scheme::Hmac(hmac) if hmac.test_secret == Some(value) => {
                Mac::new(hmac, value).map(KeyMaterial::Public)
            }
            Scheme::Hmac(hmac) => Mac::new(hmac, value).map(KeyMaterial::Signature),
            Scheme::Bearer => Ok(KeyMaterial::Token(TokenDigest::new(value.as_bytes()))),
            Scheme::Basic { username } => {
                let credentials = format!("{username}:{value}");
                Ok(KeyMaterial::Token(TokenDigest::new(credentials.as_bytes())))
            }
        }
    }
}

impl SignatureCandidates {
    fn matches(&self, mac: &Mac, body: &[u8]) -> bool {
        let mut mac = mac.clone();
        for part in &self.signed {
            mac.update(part.bytes(body));
        }
        let signatures = self.signatures.iter();
        signatures.fold(false, |matches, signature| {
            matches | mac.verifies(signature)
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
    let header = name.to_owned();
    match (values.next(), values.next()) {
        (None, _) => Err(Rejection::Missing {
            header,
            other_scheme: None,
        }),
        (Some(_), Some(_)) => Err(Rejection::Repeated { header }),
        (Some(value), None) if value.is_empty() => Err(Rejection::Malformed {
            header,
            fault: HeaderFault::Empty,
        }),
        (Some(value), None) => Ok(value),
    }
}
