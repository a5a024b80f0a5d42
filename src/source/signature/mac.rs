//! One keyed HMAC of any algorithm: fed with bytes, then held against a signature or written down.
//! It compares in constant time and the whole length alone, and refuses a secret that is no base64 where it must be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::core::config::{Algorithm, Encoding, Hmac, Key};

#[derive(Clone)]
pub enum Mac {
    Sha256(hmac::Hmac<Sha256>),
    Sha512(hmac::Hmac<Sha512>),
    Sha1(hmac::Hmac<Sha1>),
}

impl Mac {
    /// Keyed with the secret as the scheme reads it.
    pub fn of(hmac: &Hmac, secret: &str) -> Result<Self, &'static str> {
        Self::keyed(hmac.algorithm, &key(hmac.key, secret)?)
    }

    pub fn keyed(algorithm: Algorithm, key: &[u8]) -> Result<Self, &'static str> {
        // A key of any length is taken.
        let any = |_| "cannot be the key of a signature";
        Ok(match algorithm {
            Algorithm::Sha256 => Mac::Sha256(KeyInit::new_from_slice(key).map_err(any)?),
            Algorithm::Sha512 => Mac::Sha512(KeyInit::new_from_slice(key).map_err(any)?),
            Algorithm::Sha1 => Mac::Sha1(KeyInit::new_from_slice(key).map_err(any)?),
        })
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Mac::Sha256(mac) => mac.update(bytes),
            Mac::Sha512(mac) => mac.update(bytes),
            Mac::Sha1(mac) => mac.update(bytes),
        }
    }

    /// Whether this is the signature of what was fed, all of it.
    pub fn is(&self, signature: &[u8]) -> bool {
        let same = match self.clone() {
            Mac::Sha256(mac) => mac.verify_slice(signature),
            Mac::Sha512(mac) => mac.verify_slice(signature),
            Mac::Sha1(mac) => mac.verify_slice(signature),
        };
        same.is_ok()
    }

    /// The signature of what was fed, as it stands in a header.
    pub fn write(self, encoding: Encoding) -> String {
        let signature = match self {
            Mac::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Mac::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
            Mac::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
        };
        match encoding {
            Encoding::Hex => signature.iter().map(|byte| format!("{byte:02x}")).collect(),
            Encoding::Base64 => STANDARD.encode(signature),
        }
    }
}

/// The bytes of the key.
fn key(key: Key, secret: &str) -> Result<Vec<u8>, &'static str> {
    match key {
        Key::Verbatim => Ok(secret.as_bytes().to_vec()),
        Key::Base64 => decoded(secret).ok_or(
            "is no base64, as this scheme wants it (`whsec_…`, copied whole from the sender)",
        ),
    }
}

pub fn decoded(secret: &str) -> Option<Vec<u8>> {
    let text = secret.strip_prefix("whsec_").unwrap_or(secret);
    let bytes = STANDARD.decode(text).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}
