//! Finds the likely mistake behind a wrong signature, and weak secrets, for the log.
//! A hint never changes the verdict on a request and is never sent to the sender.

use axum::http::HeaderMap;

use super::mac::{Mac, decode_secret};
use super::{Credentials, KeyMaterial, SignatureCandidates, SignedBytes, Verifier, VerifyingKey};
use flowtrigger_core::config::verification::hmac::HmacScheme;

/// Each guess hashes the whole body again. Limits what large unverified bodies cost.
const MAX_HINT_BODY: usize = 256 * 1024;

impl Verifier {
    /// Returns what would make the signature match, if it is one of the common mistakes.
    pub fn hint(&self, credentials: &Credentials, body: &[u8]) -> Option<String> {
        let (Credentials::Signature(candidates), Some(hmac)) = (credentials, self.hmac()) else {
            return None;
        };
        if body.len() > MAX_HINT_BODY {
            return None;
        }
        let keys = || self.keys.iter();
        let changed_body = keys().find_map(|key| changed_body(key, candidates, body));
        changed_body
            .map(str::to_owned)
            .or_else(|| keys().find_map(|key| misread_secret(key, hmac, candidates, body)))
            .or_else(|| {
                let body_only = candidates.body_only();
                let matches = keys().any(|key| key.matches(&body_only, body));
                matches.then(|| {
                    "the signature matches the body alone: set in `verify` what this sender signs".into()
                })
            })
    }

    /// Secrets that are accepted but probably not intended, by name.
    pub fn warnings(&self) -> Vec<(&str, &'static str)> {
        let mut warnings = Vec::new();
        for key in &self.keys {
            let warning = key.warning(self.hmac());
            warnings.extend(warning.map(|warning| (key.name.as_str(), warning)));
        }
        warnings
    }
}

/// The first scheme other than `expected` whose header a request has.
pub fn other_scheme(headers: &HeaderMap, expected: &str) -> Option<&'static str> {
    let mut known = SCHEME_HEADERS
        .into_iter()
        .filter(|(_, scheme)| *scheme != expected);
    known
        .find(|(header, _)| headers.contains_key(*header))
        .map(|(_, scheme)| scheme)
}

const SCHEME_HEADERS: [(&str, &str); 5] = [
    ("x-zendesk-webhook-signature", "zendesk"),
    ("x-webhook-signature", "upmind"),
    ("webhook-signature", "standard_webhooks"),
    ("x-hub-signature-256", "github"),
    ("authorization", "bearer"),
];

/// Shorter secrets can be guessed.
const MIN_SECRET_CHARS: usize = 16;

impl VerifyingKey {
    fn warning(&self, hmac: Option<&HmacScheme>) -> Option<&'static str> {
        let value = self.value.expose();
        let verbatim = hmac.is_some_and(|hmac| {
            hmac.key == flowtrigger_core::config::verification::hmac::KeyEncoding::Verbatim
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
        matches!(&self.material, KeyMaterial::Signature(mac) if candidates.matches(mac, body))
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
    hmac: &HmacScheme,
    candidates: &SignatureCandidates,
    body: &[u8],
) -> Option<String> {
    let VerifyingKey { name, value, .. } = key;
    let value = value.expose();
    let matches = |bytes: &[u8]| {
        Mac::with_key(hmac.algorithm, bytes).is_ok_and(|mac| candidates.matches(&mac, body))
    };
    if hmac.key != flowtrigger_core::config::verification::hmac::KeyEncoding::Base64
        && decode_secret(value).is_some_and(|bytes| matches(&bytes))
    {
        return Some(format!(
            "the signature matches the secret `{name}` decoded from base64: write `key: base64`"
        ));
    }
    if hmac.key != flowtrigger_core::config::verification::hmac::KeyEncoding::Verbatim
        && matches(value.as_bytes())
    {
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
            signed: vec![SignedBytes::Body],
        }
    }
}
