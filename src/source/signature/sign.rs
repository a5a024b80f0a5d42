//! The headers that a sender of a source writes, from the table by which they are verified.
//! It shows the name of a token in place of the token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, Unit};
use sha2::{Digest, Sha256};

use super::{KeyMaterial, SignedBytes, Verifier, VerifyingKey};
use crate::core::config::{Hmac, Part, Scheme, StampForm};
use crate::core::secret::SecretValue;

/// A header that proves who sends.
pub struct SignedHeader {
    pub name: String,
    /// As it is sent.
    pub value: SecretValue,
    /// As it may be seen: a signature itself, or the name of a token.
    pub shown: String,
}

impl SignedHeader {
    fn seen(name: &str, value: String) -> Self {
        Self {
            name: name.to_owned(),
            value: SecretValue::new(value.clone()),
            shown: value,
        }
    }

    fn hidden(kind: &str, key: &VerifyingKey, value: String) -> Self {
        Self {
            name: "authorization".into(),
            value: SecretValue::new(format!("{kind} {value}")),
            shown: format!("{kind} [secret {}]", key.name),
        }
    }
}

impl Verifier {
    /// What a sender writes that has the first of the secrets.
    pub fn sign(&self, body: &[u8], at: Timestamp) -> Vec<SignedHeader> {
        let Some(key) = self.keys.first() else {
            return Vec::new();
        };
        let value = key.value.expose();
        match &self.scheme {
            Scheme::Bearer => vec![SignedHeader::hidden("Bearer", key, value.to_owned())],
            Scheme::Basic { username } => {
                let told = STANDARD.encode(format!("{username}:{value}"));
                vec![SignedHeader::hidden("Basic", key, told)]
            }
            Scheme::Hmac(hmac) => signature(hmac, key, body, at),
        }
    }
}

fn signature(hmac: &Hmac, key: &VerifyingKey, body: &[u8], at: Timestamp) -> Vec<SignedHeader> {
    let (KeyMaterial::Signature(mac) | KeyMaterial::Public(mac)) = &key.proof else {
        return Vec::new();
    };
    let mut mac = mac.clone();
    let mut headers = Vec::new();
    for part in &hmac.signed.0 {
        let piece = match part {
            Part::Body => SignedBytes::Body,
            Part::TrimmedBody => SignedBytes::TrimmedBody,
            Part::Text(text) => SignedBytes::Bytes(text.as_bytes().to_vec()),
            Part::Timestamp => named(stamp(hmac, at), &mut headers),
            Part::Header(name) => named(Some((name.clone(), id(body, at))), &mut headers),
        };
        mac.update(piece.bytes(body));
    }
    let signature = format!("{}{}", hmac.prefix, mac.write(hmac.encoding));
    headers.push(SignedHeader::seen(&hmac.header, signature));
    headers
}

/// A header that is signed, written down once.
fn named(header: Option<(String, String)>, headers: &mut Vec<SignedHeader>) -> SignedBytes {
    let Some((name, value)) = header else {
        return SignedBytes::Bytes(Vec::new());
    };
    let bytes = value.as_bytes().to_vec();
    if !headers.iter().any(|known| known.name == name) {
        headers.push(SignedHeader::seen(&name, value));
    }
    SignedBytes::Bytes(bytes)
}

fn stamp(hmac: &Hmac, at: Timestamp) -> Option<(String, String)> {
    let stamp = hmac.stamp.as_ref()?;
    let value = match stamp.form {
        StampForm::Seconds => at.as_second().to_string(),
        StampForm::Rfc3339 => at.round(Unit::Second).unwrap_or(at).to_string(),
    };
    Some((stamp.header.clone(), value))
}

/// One for each message; the same body at the same time is the same message.
fn id(body: &[u8], at: Timestamp) -> String {
    let mut digest = Sha256::new();
    digest.update(at.as_second().to_string());
    digest.update(body);
    let digest = digest.finalize();
    let digits: String = digest[..12].iter().map(|b| format!("{b:02x}")).collect();
    format!("msg_{digits}")
}
