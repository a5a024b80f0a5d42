//! Writes what a sender of a source must send, from the same scheme that verifies it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, Unit};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::candidates::decoded_url;
use super::signing_key::encode;
use super::{KeyMaterial, Verifier, VerifyingKey};
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::config::verification::signature::{
    SignatureCount, SignatureScheme, SignedPart, TimestampFormat, TimestampLocation,
};
use flowtrigger_core::config::verification::token::TokenLocation;
use flowtrigger_core::secret::SecretValue;

/// Where a signed request is sent.
#[derive(Clone, Copy)]
pub struct SigningTarget<'t> {
    /// In upper case.
    pub method: &'t str,
    pub url: &'t Url,
    /// Other headers of the request; those that are signed keep their values.
    pub headers: &'t [(String, String)],
    /// The address under which the receiver is known, if it is not that of the URL.
    pub public_url: Option<&'t str>,
}

/// The headers to send, and the parameter to add to the query.
#[derive(Default)]
pub struct SignedRequest {
    pub headers: Vec<SignedHeader>,
    pub query: Option<SignedQuery>,
}

/// A header with a signature or credentials.
pub struct SignedHeader {
    pub name: String,
    /// The value to send.
    pub value: SecretValue,
    /// The value to print: a signature itself, or the name of the secret in place of a token.
    pub shown: String,
}

/// A parameter of the query whose value is a token.
pub struct SignedQuery {
    pub name: String,
    pub value: SecretValue,
    /// The value to print: the name of the secret.
    pub shown: String,
}

/// A secret that verifies requests and cannot sign them: a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableForSigning {
    pub secret: String,
}

impl SignedHeader {
    fn printable(name: &str, value: String) -> Self {
        Self {
            name: name.to_owned(),
            value: SecretValue::new(value.clone()),
            shown: value,
        }
    }

    fn authorization(kind: &str, key: &VerifyingKey, value: &str) -> Self {
        Self {
            name: "authorization".into(),
            value: SecretValue::new(format!("{kind} {value}")),
            shown: format!("{kind} {}", shown(key)),
        }
    }
}

fn shown(key: &VerifyingKey) -> String {
    format!("[secret {}]", key.name)
}

impl SignedRequest {
    fn header(header: SignedHeader) -> Self {
        Self {
            headers: vec![header],
            query: None,
        }
    }
}

impl Verifier {
    /// Returns what to send with a body, signed with the first secret. Empty without secrets.
    ///
    /// # Errors
    /// The first secret is a public key.
    pub fn sign(
        &self,
        target: &SigningTarget<'_>,
        body: &[u8],
        at: Timestamp,
    ) -> Result<SignedRequest, UnusableForSigning> {
        let Some(key) = self.keys.first() else {
            return Ok(SignedRequest::default());
        };
        let value = key.value.expose();
        Ok(match &self.scheme {
            Scheme::Bearer => {
                SignedRequest::header(SignedHeader::authorization("Bearer", key, value))
            }
            Scheme::Basic { username } => {
                let credentials = STANDARD.encode(format!("{username}:{value}"));
                SignedRequest::header(SignedHeader::authorization("Basic", key, &credentials))
            }
            Scheme::Token(scheme) => token(&scheme.location, key),
            Scheme::Signature(scheme) => SignedRequest {
                headers: signature(scheme, key, target, body, at)?,
                query: None,
            },
        })
    }
}

fn token(location: &TokenLocation, key: &VerifyingKey) -> SignedRequest {
    match location {
        TokenLocation::Header(name) => SignedRequest::header(SignedHeader {
            name: name.clone(),
            value: key.value.clone(),
            shown: shown(key),
        }),
        TokenLocation::Query(name) => SignedRequest {
            headers: Vec::new(),
            query: Some(SignedQuery {
                name: name.clone(),
                value: key.value.clone(),
                shown: shown(key),
            }),
        },
    }
}

fn signature(
    scheme: &SignatureScheme,
    key: &VerifyingKey,
    target: &SigningTarget<'_>,
    body: &[u8],
    at: Timestamp,
) -> Result<Vec<SignedHeader>, UnusableForSigning> {
    let unusable = || UnusableForSigning {
        secret: key.name.clone(),
    };
    let (KeyMaterial::Signature(signing) | KeyMaterial::Public(signing)) = &key.material else {
        return Err(unusable());
    };
    let signed_at = timestamp(scheme, at);
    let mut headers = Vec::new();
    let location = scheme.stamp.as_ref().map(|stamp| &stamp.location);
    let mut parts = Vec::with_capacity(scheme.signed.0.len());
    for part in &scheme.signed.0 {
        if let (SignedPart::Timestamp, Some(TimestampLocation::Header(name))) = (part, location) {
            add_header(name, signed_at.clone(), &mut headers);
        }
        if let SignedPart::Header(name) = part {
            add_header(name, signed_header(name, target, body, at), &mut headers);
        }
        parts.push(signed_part(part, target, body, at, &signed_at));
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let signature = signing.sign(&parts).ok_or_else(unusable)?;
    let signature = format!("{}{}", scheme.prefix, encode(scheme.encoding, &signature));
    let value = match (scheme.signatures, location) {
        (SignatureCount::Several(separator), Some(TimestampLocation::Field(name))) => {
            format!(
                "{name}={signed_at}{}{signature}",
                char::from(separator.byte())
            )
        }
        (SignatureCount::Several(_) | SignatureCount::One, _) => signature,
    };
    headers.push(SignedHeader::printable(&scheme.header, value));
    Ok(headers)
}

/// Adds a signed header once.
fn add_header(name: &str, value: String, headers: &mut Vec<SignedHeader>) {
    if !headers.iter().any(|known| known.name == name) {
        headers.push(SignedHeader::printable(name, value));
    }
}

/// The bytes of a part of the signed content.
fn signed_part(
    part: &SignedPart,
    target: &SigningTarget<'_>,
    body: &[u8],
    at: Timestamp,
    signed_at: &str,
) -> Vec<u8> {
    match part {
        SignedPart::Body => body.to_vec(),
        SignedPart::TrimmedBody => body.trim_ascii().to_vec(),
        SignedPart::Timestamp => signed_at.as_bytes().to_vec(),
        SignedPart::Header(name) => signed_header(name, target, body, at).into_bytes(),
        SignedPart::Method => target.method.as_bytes().to_vec(),
        SignedPart::Path => target.url.path().as_bytes().to_vec(),
        SignedPart::Query => target.url.query().unwrap_or_default().as_bytes().to_vec(),
        SignedPart::Url => called_url(target).into_bytes(),
        SignedPart::DecodedUrl => decoded_url(&called_url(target)).into_bytes(),
        SignedPart::Text(text) => text.as_bytes().to_vec(),
    }
}

/// The URL as the receiver knows it.
fn called_url(target: &SigningTarget<'_>) -> String {
    match target.public_url {
        Some(base) => {
            let query = target.url.query().map(|query| format!("?{query}"));
            format!("{base}{}{}", target.url.path(), query.unwrap_or_default())
        }
        None => target.url.as_str().to_owned(),
    }
}

/// The body with the time of signing, if its sender writes it there and the body has one. An old sample could not be sent
/// otherwise.
pub fn timed_body(scheme: &Scheme, body: &[u8], at: Timestamp) -> Option<Vec<u8>> {
    let Scheme::Signature(scheme) = scheme else {
        return None;
    };
    let TimestampLocation::Body(key) = &scheme.stamp.as_ref()?.location else {
        return None;
    };
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let time = body.get_mut(key)?;
    let text = timestamp(scheme, at);
    *time = text.parse().map_or(Value::String(text), Value::Number);
    Some(body.to_string().into_bytes())
}

/// The time of signing as the sender writes it; empty if it writes none.
fn timestamp(scheme: &SignatureScheme, at: Timestamp) -> String {
    match scheme.stamp.as_ref().map(|stamp| stamp.form) {
        Some(TimestampFormat::Seconds) => at.as_second().to_string(),
        Some(TimestampFormat::Milliseconds) => at.as_millisecond().to_string(),
        Some(TimestampFormat::Rfc3339) => at.round(Unit::Second).unwrap_or(at).to_string(),
        None => String::new(),
    }
}

/// The value of a signed header: that of the request, or else a message id.
fn signed_header(name: &str, target: &SigningTarget<'_>, body: &[u8], at: Timestamp) -> String {
    let mut headers = target.headers.iter();
    let own = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
    own.map_or_else(|| message_id(body, at), |(_, value)| value.clone())
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
