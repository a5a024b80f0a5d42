//! Whether a request comes from who may send: what its headers show, and what was signed of its bytes.
//! It refuses whatever is not shown exactly as the scheme has it, and lets nothing but a log know why.

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

use crate::core::config::{Hmac, Part, Scheme, Verification};
use crate::core::secret::SecretValue;
use mac::Mac;
use token::TokenDigest;

pub use rejection::{HeaderFault, Rejection};
pub use sign::SignedHeader;

/// What the senders of one source must show. It holds secrets and prints nothing.
pub struct Verifier {
    scheme: Scheme,
    /// None where the secrets cannot be had: nobody is let in.
    keys: Vec<VerifyingKey>,
}

/// One of the secrets, ready to be compared with.
struct VerifyingKey {
    name: String,
    value: SecretValue,
    proof: KeyMaterial,
}

enum KeyMaterial {
    Signature(Mac),
    /// Of a secret that everybody knows: it lets nobody in.
    Public(Mac),
    Token(TokenDigest),
}

/// Why a secret cannot serve its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSecret {
    pub name: String,
    pub why: &'static str,
}

/// What the headers showed.
pub enum Credentials {
    /// Enough: a token needs no body.
    Token,
    /// A signature of the right form, to be held against the body.
    Signature(SignatureCandidates),
}

/// The signatures that a request brought, and what of its headers is signed.
pub struct SignatureCandidates {
    signatures: Vec<Vec<u8>>,
    signed: Vec<SignedBytes>,
}

/// What is signed, as the request has it.
enum SignedBytes {
    Body,
    TrimmedBody,
    Bytes(Vec<u8>),
}

impl Verifier {
    /// Any one of the secrets will do. All that cannot serve are told.
    pub fn new(
        verification: &Verification,
        secrets: Vec<(String, SecretValue)>,
    ) -> Result<Self, Vec<InvalidSecret>> {
        let scheme = &verification.scheme;
        let mut keys = Vec::with_capacity(secrets.len());
        let mut unusable = Vec::new();
        for (name, value) in secrets {
            match KeyMaterial::of(scheme, &value) {
                Ok(proof) => keys.push(VerifyingKey { name, value, proof }),
                Err(why) => unusable.push(InvalidSecret { name, why }),
            }
        }
        let scheme = scheme.clone();
        match unusable.is_empty() {
            true => Ok(Self { scheme, keys }),
            false => Err(unusable),
        }
    }

    /// For a source whose secrets cannot be had.
    pub fn locked(verification: &Verification) -> Self {
        Self {
            scheme: verification.scheme.clone(),
            keys: Vec::new(),
        }
    }

    /// What can be told before the body is read.
    pub fn judge_head(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Credentials, Rejection> {
        if self.keys.is_empty() {
            return Err(Rejection::Locked);
        }
        let shown = match &self.scheme {
            Scheme::Hmac(hmac) => {
                SignatureCandidates::read(hmac, headers, now).map(Credentials::Signature)
            }
            Scheme::Bearer => token::bearer(headers).and_then(|told| self.judge_token(told)),
            Scheme::Basic { .. } => token::basic(headers).and_then(|told| self.judge_token(told)),
        };
        shown.map_err(|refused| match refused {
            Rejection::Missing { header, .. } => Rejection::Missing {
                instead: hint::scheme_of(headers, self.scheme.word()),
                header,
            },
            other => other,
        })
    }

    fn judge_token(&self, told: TokenDigest) -> Result<Credentials, Rejection> {
        // All are compared, whichever fits.
        let fits = self.keys.iter().fold(false, |fits, key| {
            fits | matches!(&key.proof, KeyMaterial::Token(token) if token.equals(&told))
        });
        match fits {
            true => Ok(Credentials::Token),
            false => Err(Rejection::WrongToken),
        }
    }

    /// The rest, over the bytes as they came.
    pub fn judge_body(&self, shown: &Credentials, body: &[u8]) -> Result<(), Rejection> {
        let Credentials::Signature(candidates) = shown else {
            return Ok(());
        };
        let fits = self.keys.iter().fold(false, |fits, key| {
            fits | matches!(&key.proof, KeyMaterial::Signature(mac) if candidates.fit(mac, body))
        });
        match (fits, self.test_key()) {
            (true, _) => Ok(()),
            (false, Some(test)) if candidates.fit(&test, body) => Err(Rejection::TestSecret),
            (false, _) => Err(Rejection::WrongSignature),
        }
    }

    /// The challenge of an answer; it tells no more than the scheme's kind.
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

    fn hmac(&self) -> Option<&Hmac> {
        match &self.scheme {
            Scheme::Hmac(hmac) => Some(hmac),
            Scheme::Bearer | Scheme::Basic { .. } => None,
        }
    }

    fn test_key(&self) -> Option<Mac> {
        let hmac = self.hmac()?;
        Mac::of(hmac, hmac.test_secret?).ok()
    }
}

impl KeyMaterial {
    fn of(scheme: &Scheme, value: &SecretValue) -> Result<Self, &'static str> {
        let value = value.expose();
        match scheme {
            Scheme::Hmac(hmac) if hmac.test_secret == Some(value) => {
                Mac::of(hmac, value).map(KeyMaterial::Public)
            }
            Scheme::Hmac(hmac) => Mac::of(hmac, value).map(KeyMaterial::Signature),
            Scheme::Bearer => Ok(KeyMaterial::Token(TokenDigest::of(value.as_bytes()))),
            Scheme::Basic { username } => {
                let told = format!("{username}:{value}");
                Ok(KeyMaterial::Token(TokenDigest::of(told.as_bytes())))
            }
        }
    }
}

impl SignatureCandidates {
    fn fit(&self, mac: &Mac, body: &[u8]) -> bool {
        let mut mac = mac.clone();
        for piece in &self.signed {
            mac.update(piece.bytes(body));
        }
        let signatures = self.signatures.iter();
        signatures.fold(false, |fits, signature| fits | mac.is(signature))
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

/// The one value of a header.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h HeaderValue, Rejection> {
    let mut values = headers.get_all(name).iter();
    let header = name.to_owned();
    match (values.next(), values.next()) {
        (None, _) => Err(Rejection::Missing {
            header,
            instead: None,
        }),
        (Some(_), Some(_)) => Err(Rejection::Repeated { header }),
        (Some(value), None) if value.is_empty() => Err(Rejection::Malformed {
            header,
            fault: HeaderFault::Empty,
        }),
        (Some(value), None) => Ok(value),
    }
}
