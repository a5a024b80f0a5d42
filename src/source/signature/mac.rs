//! A keyed HMAC of any supported algorithm, to verify or write a signature.
//! Compares the whole signature in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use flowtrigger_core::config::verification::signature::{Algorithm, KeyEncoding, SignatureScheme};

#[derive(Clone)]
pub enum Mac {
    Sha256(hmac::Hmac<Sha256>),
    Sha512(hmac::Hmac<Sha512>),
    Sha1(hmac::Hmac<Sha1>),
}

impl Mac {
    /// Derives the key from the secret as the scheme defines.
    pub fn new(scheme: &SignatureScheme, secret: &str) -> Result<Self, &'static str> {
        Self::with_key(scheme.algorithm, &key_bytes(scheme.key, secret)?)
    }

    pub fn with_key(algorithm: Algorithm, key: &[u8]) -> Result<Self, &'static str> {
        // HMAC accepts keys of any length, so this error does not occur.
        let invalid = |_| "cannot be the key of a signature";
        Ok(match algorithm {
            Algorithm::Sha256 => Mac::Sha256(KeyInit::new_from_slice(key).map_err(invalid)?),
            Algorithm::Sha512 => Mac::Sha512(KeyInit::new_from_slice(key).map_err(invalid)?),
            Algorithm::Sha1 => Mac::Sha1(KeyInit::new_from_slice(key).map_err(invalid)?),
            Algorithm::Ed25519 => return Err("is not the key of an HMAC signature"),
        })
    }

    /// The HMAC of the parts, put together.
    pub fn of(&self, parts: &[&[u8]]) -> Self {
        let mut mac = self.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Mac::Sha256(mac) => mac.update(bytes),
            Mac::Sha512(mac) => mac.update(bytes),
            Mac::Sha1(mac) => mac.update(bytes),
        }
    }

    /// Whether this is the complete signature of the bytes so far.
    pub fn verifies(&self, signature: &[u8]) -> bool {
        let verified = match self.clone() {
            Mac::Sha256(mac) => mac.verify_slice(signature),
            Mac::Sha512(mac) => mac.verify_slice(signature),
            Mac::Sha1(mac) => mac.verify_slice(signature),
        };
        verified.is_ok()
    }

    /// The signature of the bytes so far.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Mac::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Mac::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
            Mac::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

fn key_bytes(key: KeyEncoding, secret: &str) -> Result<Vec<u8>, &'static str> {
    match key {
        KeyEncoding::Verbatim => Ok(secret.as_bytes().to_vec()),
        KeyEncoding::Base64 => decode_secret(secret).ok_or(
            "is not base64, which this scheme requires (`whsec_…`; copy all of it from the sender)",
        ),
    }
}

/// Decodes a base64 secret with or without the prefix `whsec_`.
pub fn decode_secret(secret: &str) -> Option<Vec<u8>> {
    let text = secret.strip_prefix("whsec_").unwrap_or(secret);
    let bytes = STANDARD.decode(text).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}
