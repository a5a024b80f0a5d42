//! Finds the likely mistake behind a wrong signature, and weak secrets, for the log.
//! A hint never changes the verdict on a request and is never sent to the sender.

use axum::http::HeaderMap;

use super::mac::{Mac, decode_secret};
use super::signing_key::SigningKey;
use super::{Credentials, KeyMaterial, SignatureCandidates, SignedBytes, Verifier, VerifyingKey};
use flowtrigger_core::config::verification::preset::{EventTypeLocation, PRESETS, Preset};
use flowtrigger_core::config::verification::signature::{Algorithm, KeyEncoding, SignatureScheme};

/// Each guess hashes the whole body again. Limits what large unverified bodies cost.
const MAX_HINT_BODY: usize = 256 * 1024;

impl Verifier {
    /// Returns what would make the signature match, if it is one of the common mistakes.
    pub fn hint(&self, credentials: &Credentials, body: &[u8]) -> Option<String> {
        let (Credentials::Signature(candidates), Some(scheme)) = (credentials, self.signature())
        else {
            return None;
        };
        if body.len() > MAX_HINT_BODY {
            return None;
        }
        let keys = || self.keys.iter();
        let changed_body = keys().find_map(|key| changed_body(key, candidates, body));
        changed_body
            .map(str::to_owned)
            .or_else(|| keys().find_map(|key| misread_secret(key, scheme, candidates, body)))
            .or_else(|| {
                let body_only = candidates.body_only();
                let matches = keys().any(|key| key.matches(&body_only, body));
                matches.then(|| {
                    "the signature matches the body alone: set in `verify` what this sender signs".into()
                })
            })
            .or_else(|| {
                scheme.signed.has_url().then(|| {
                    "the sender also signs the URL that it calls: set `listen.public_url` to the beginning of that URL, and copy the secret again".into()
                })
            })
    }

    /// Secrets that are accepted but probably not intended, by name.
    pub fn warnings(&self) -> Vec<(&str, &'static str)> {
        let mut warnings = Vec::new();
        for key in &self.keys {
            let warning = key.warning(self.signature());
            warnings.extend(warning.map(|warning| (key.name.as_str(), warning)));
        }
        warnings
    }
}

/// A scheme other than `expected` whose header a request has. Some senders share a header: the one with the most of its
/// other headers in the request is chosen.
pub fn other_scheme(headers: &HeaderMap, expected: &str) -> Option<&'static str> {
    let others = PRESETS
        .iter()
        .filter(|preset| preset.name != expected && headers.contains_key(preset.header()));
    // `max_by_key` returns the last of several: reversed, that is the first row of the table.
    let other = others
        .rev()
        .max_by_key(|preset| other_headers(preset, headers));
    let is_bearer = expected != "bearer" && headers.contains_key("authorization");
    let bearer = is_bearer.then_some("bearer");
    other.map(|preset| preset.name).or(bearer)
}

/// How many of the headers with the event type and the delivery id of a sender a request has.
fn other_headers(preset: &Preset, headers: &HeaderMap) -> usize {
    let event_type = match preset.event_type {
        Some(EventTypeLocation::Header(header)) => Some(header),
        Some(EventTypeLocation::Body(_)) | None => None,
    };
    let own = preset.delivery_id.into_iter().chain(event_type);
    own.filter(|header| headers.contains_key(*header)).count()
}

/// Shorter secrets can be guessed.
pub const MIN_SECRET_CHARS: usize = 16;

impl VerifyingKey {
    fn warning(&self, scheme: Option<&SignatureScheme>) -> Option<&'static str> {
        let value = self.value.expose();
        let verbatim = scheme.is_some_and(|scheme| {
            scheme.key == KeyEncoding::Verbatim && scheme.secret_prefix != Some("whsec_")
        });
        if matches!(self.material, KeyMaterial::Public(_)) {
            return Some(
                "is the published secret for testing webhooks: requests signed with it are rejected; save the webhook and copy its own secret",
            );
        }
        if value.trim() != value {
            return Some(
                "has white space around it, which is part of the secret; remove it if that is not intended",
            );
        }
        if verbatim && value.starts_with("whsec_") {
            return Some(
                "starts with `whsec_` like secrets of `standard_webhooks`, but this scheme uses it verbatim",
            );
        }
        (value.len() < MIN_SECRET_CHARS)
            .then_some("is shorter than 16 characters and can be guessed; generate a longer one")
    }

    fn matches(&self, candidates: &SignatureCandidates, body: &[u8]) -> bool {
        matches!(&self.material, KeyMaterial::Signature(key) if candidates.matches(key, body))
    }
}

/// Tries the body as it was before a proxy or client probably changed it.
fn changed_body(
    key: &VerifyingKey,
    candidates: &SignatureCandidates,
    body: &[u8],
) -> Option<&'static str> {
    let matches = |body: &[u8]| key.matches(candidates, body);
    if matches(body.trim_ascii()) {
        return Some(
            "the signature matches the body without the white space around it: a proxy or client added it, or `verify` must use `{trimmed_body}`",
        );
    }
    if matches(&[body, b"\n"].concat()) || matches(&[body, b"\r\n"].concat()) {
        return Some(
            "the signature matches the body with a line break at its end: a proxy or client removed it (curl does with `-d @FILE`; `--data-binary @FILE` does not)",
        );
    }
    if matches(&without_returns(body)) || matches(&with_returns(body)) {
        return Some(
            "the signature matches the body with other line breaks: a proxy or client converts CRLF and LF",
        );
    }
    None
}

fn without_returns(body: &[u8]) -> Vec<u8> {
    let is_crlf = |at: usize| body[at] == b'\r' && body.get(at + 1) == Some(&b'\n');
    let kept = (0..body.len()).filter(|at| !is_crlf(*at));
    kept.map(|at| body[at]).collect()
}

fn with_returns(body: &[u8]) -> Vec<u8> {
    let mut with = Vec::with_capacity(body.len());
    for byte in without_returns(body) {
        if byte == b'\n' {
            with.push(b'\r');
        }
        with.push(byte);
    }
    with
}

/// Tries the secret in another encoding.
fn misread_secret(
    key: &VerifyingKey,
    scheme: &SignatureScheme,
    candidates: &SignatureCandidates,
    body: &[u8],
) -> Option<String> {
    if scheme.algorithm == Algorithm::Ed25519 {
        return None;
    }
    let VerifyingKey { name, value, .. } = key;
    let value = value.expose();
    let matches = |bytes: &[u8]| {
        let key = Mac::with_key(scheme.algorithm, bytes).map(SigningKey::Hmac);
        key.is_ok_and(|key| candidates.matches(&key, body))
    };
    if scheme.key != KeyEncoding::Base64
        && decode_secret(value).is_some_and(|bytes| matches(&bytes))
    {
        return Some(format!(
            "the signature matches the secret `{name}` decoded from base64: write `key: base64`"
        ));
    }
    if scheme.key != KeyEncoding::Verbatim && matches(value.as_bytes()) {
        return Some(format!(
            "the signature matches the secret `{name}` verbatim: write `key: verbatim`"
        ));
    }
    let stripped = value.strip_prefix("whsec_").unwrap_or(value).trim();
    (stripped != value && matches(stripped.as_bytes())).then(|| {
        format!(
            "the signature matches a part of the secret `{name}`: write it without white space and `whsec_`"
        )
    })
}

impl SignatureCandidates {
    fn body_only(&self) -> SignatureCandidates {
        SignatureCandidates {
            signatures: self.signatures.clone(),
            signed: vec![vec![SignedBytes::Body]],
        }
    }
}
