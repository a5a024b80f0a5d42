//! The key of a signature scheme: a shared secret (HMAC) or an Ed25519 key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::ed25519::Ed25519Key;
use super::mac::Mac;
use flowtrigger_core::config::verification::signature::{
    Algorithm, SignatureEncoding, SignatureScheme,
};
use flowtrigger_core::secret::SecretValue;

/// Has no `Debug`: it is a secret.
pub enum SigningKey {
    Hmac(Mac),
    Ed25519(Ed25519Key),
}

impl SigningKey {
    /// Derives the key from the secret as the scheme defines.
    pub fn new(scheme: &SignatureScheme, secret: &str) -> Result<Self, &'static str> {
        match scheme.algorithm {
            Algorithm::Ed25519 => Ed25519Key::new(secret).map(SigningKey::Ed25519),
            Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Sha1 => {
                Mac::new(scheme, secret).map(SigningKey::Hmac)
            }
        }
    }

    /// Whether any of the signatures is one of these parts, put together. Compares with all of them, so that the time
    /// does not depend on which one matches.
    pub fn verifies(&self, parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
        let any = |verifies: &dyn Fn(&[u8]) -> bool| {
            let matches = |found: bool, signature: &Vec<u8>| found | verifies(signature);
            signatures.iter().fold(false, matches)
        };
        match self {
            SigningKey::Hmac(mac) => {
                let mac = mac.of(parts);
                any(&|signature| mac.verifies(signature))
            }
            SigningKey::Ed25519(key) => {
                let message = parts.concat();
                any(&|signature| key.verifies(&message, signature))
            }
        }
    }

    /// The signature of the parts, put together; `None` with a public key alone.
    pub fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        match self {
            SigningKey::Hmac(mac) => Some(mac.of(parts).finish()),
            SigningKey::Ed25519(key) => key.sign(&parts.concat()),
        }
    }
}

/// The HMAC-SHA256 of a text in hexadecimal digits.
pub fn hmac_sha256_hex(secret: &SecretValue, text: &str) -> Option<String> {
    let mac = Mac::with_key(Algorithm::Sha256, secret.expose().as_bytes()).ok()?;
    let signature = mac.of(&[text.as_bytes()]).finish();
    Some(encode(SignatureEncoding::Hex, &signature))
}

/// A signature as a text.
pub fn encode(encoding: SignatureEncoding, signature: &[u8]) -> String {
    match encoding {
        SignatureEncoding::Hex => signature.iter().map(|byte| format!("{byte:02x}")).collect(),
        SignatureEncoding::Base64 => STANDARD.encode(signature),
        SignatureEncoding::Base64Url => URL_SAFE_NO_PAD.encode(signature),
    }
}
