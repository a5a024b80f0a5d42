//! Writes the headers that a sender of a source must send, from the same scheme that verifies them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, Unit};
use sha2::{Digest, Sha256};

use super::{KeyMaterial, SignedBytes, Verifier, VerifyingKey};
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::config::verification::hmac::{HmacScheme, SignedPart, TimestampFormat};
use flowtrigger_core::secret::SecretValue;

/// A header with a signature or credentials.
pub struct SignedHeader {
    pub name: String,
    /// The value to send.
    pub value: SecretValue,
    /// The value to print: a signature itself, or the name of the secret in place of a token.
    pub shown: String,
}

impl SignedHeader {
    fn printable(name: &str, value: String) -> Self {
        Self {
            name: name.to_owned(),
            value: SecretValue::new(value.clone()),
            shown: value,
        }
    }

    fn secret(kind: &str, key: &VerifyingKey, value: String) -> Self {
        Self {
            name: "authorization".into(),
            value: SecretValue::new(format!("{kind} {value}")),
            shown: format!("{kind} [secret {}]", key.name),
        }
    }
}

impl Verifier {
    /// Returns the headers for a body, signed with the first secret. Empty without secrets.
    pub fn sign(&self, body: &[u8], at: Timestamp) -> Vec<SignedHeader> {
        let Some(key) = self.keys.first() else {
            return Vec::new();
        };
        let value = key.value.expose();
        match &self.scheme {
            Scheme::Bearer => vec![SignedHeader::secret("Bearer", key, value.to_owned())],
            Scheme::Basic { username } => {
                let credentials = STANDARD.encode(format!("{username}:{value}"));
                vec![SignedHeader::secret("Basic", key, credentials)]
            }
            Scheme::Hmac(hmac) => signature(hmac, key, body, at),
        }
    }
}

fn signature(
    hmac: &HmacScheme,
    key: &VerifyingKey,
    body: &[u8],
    at: Timestamp,
) -> Vec<SignedHeader> {
    let (KeyMaterial::Signature(mac) | KeyMaterial::Public(mac)) = &key.material else {
        return Vec::new();
    };
    let mut mac = mac.clone();
    let mut headers = Vec::new();
    for part in &hmac.signed.0 {
        let signed = match part {
            SignedPart::Body => SignedBytes::Body,
            SignedPart::TrimmedBody => SignedBytes::TrimmedBody,
            SignedPart::Text(text) => SignedBytes::Bytes(text.as_bytes().to_vec()),
            SignedPart::Timestamp => add_header(timestamp(hmac, at), &mut headers),
            SignedPart::Header(name) => {
                add_header(Some((name.clone(), message_id(body, at))), &mut headers)
            }
        };
        mac.update(signed.bytes(body));
    }
    let signature = format!("{}{}", hmac.prefix, mac.encode(hmac.encoding));
    headers.push(SignedHeader::printable(&hmac.header, signature));
    headers
}

/// Adds a signed header once, and returns its bytes.
fn add_header(header: Option<(String, String)>, headers: &mut Vec<SignedHeader>) -> SignedBytes {
    let Some((name, value)) = header else {
        return SignedBytes::Bytes(Vec::new());
    };
    let bytes = value.as_bytes().to_vec();
    if !headers.iter().any(|known| known.name == name) {
        headers.push(SignedHeader::printable(&name, value));
    }
    SignedBytes::Bytes(bytes)
}

fn timestamp(hmac: &HmacScheme, at: Timestamp) -> Option<(String, String)> {
    let stamp = hmac.stamp.as_ref()?;
    let value = match stamp.form {
        TimestampFormat::Seconds => at.as_second().to_string(),
        TimestampFormat::Rfc3339 => at.round(Unit::Second).unwrap_or(at).to_string(),
    };
    Some((stamp.header.clone(), value))
}

/// A message id. The same body at the same second is the same message.
fn message_id(body: &[u8], at: Timestamp) -> String {
    let mut digest = Sha256::new();
    digest.update(at.as_second().to_string());
    digest.update(body);
    let digest = digest.finalize();
    let digits: String = digest[..12].iter().map(|b| format!("{b:02x}")).collect();
    format!("msg_{digits}")
}
