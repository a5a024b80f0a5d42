//! Finds the likely mistake behind a wrong signature, and weak secrets, for the log.
//! A hint never changes the verdict on a request and is never sent to the sender.

use std::cmp::Reverse;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;

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

/// A scheme other than `expected` whose header a request has. `None` if several senders use that header, and the other
/// headers of the request do not say which of them it is.
pub fn other_scheme(headers: &HeaderMap, expected: &str) -> Option<&'static str> {
    let others = PRESETS
        .iter()
        .filter(|preset| preset.name != expected && headers.contains_key(preset.header()));
    let others: Vec<&Preset> = others.collect();
    let other = match *others.as_slice() {
        [] => {
            return (expected != "bearer" && headers.contains_key("authorization"))
                .then_some("bearer");
        }
        [only] if differs_in_form(only, expected) => only,
        _ => {
            sender(headers).filter(|sender| others.iter().any(|other| other.name == sender.name))?
        }
    };
    Some(other.name)
}

/// Whether a request with the header of `preset` can be recognised as not one of `expected`: both can have that header.
fn differs_in_form(preset: &Preset, expected: &str) -> bool {
    Preset::named(expected).is_none_or(|expected| {
        preset.header() != expected.header() || preset.has_window() != expected.has_window()
    })
}

/// How `User-Agent` begins for senders that share a header with others.
const USER_AGENTS: [(&str, &str); 3] = [
    ("github", "GitHub-Hookshot/"),
    ("jira", "Atlassian Webhook HTTP Client"),
    ("meta", "facebookexternalua"),
];

/// The sender that the headers beside the signature name. GitHub also sends `X-Hub-Signature`, the header of others.
fn sender(headers: &HeaderMap) -> Option<&'static Preset> {
    let named = |preset: &&Preset| own_headers(preset, headers).0 > 0;
    let best = PRESETS
        .iter()
        .filter(named)
        .max_by_key(|preset| rank(preset, headers))?;
    let equal = PRESETS
        .iter()
        .filter(|preset| rank(preset, headers) == rank(best, headers));
    (equal.count() == 1).then_some(best)
}

/// Of two senders with equally many headers, the one that lacks fewer of its own ranks higher.
fn rank(preset: &Preset, headers: &HeaderMap) -> (usize, Reverse<usize>) {
    let (present, absent) = own_headers(preset, headers);
    (present, Reverse(absent))
}

/// How many of a sender's headers with event type, delivery id and program a request has, and how many of the first two
/// it lacks.
fn own_headers(preset: &Preset, headers: &HeaderMap) -> (usize, usize) {
    let event_type = match preset.event_type {
        Some(EventTypeLocation::Header(header)) => Some(header),
        Some(EventTypeLocation::Body(_)) | None => None,
    };
    let own = preset.delivery_id.into_iter().chain(event_type);
    let (present, absent): (Vec<&str>, Vec<&str>) =
        own.partition(|header| headers.contains_key(*header));
    let agent = headers.get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
    let is_agent = |(name, start): &&(&str, &str)| *name == preset.name && agent.starts_with(start);
    let agents = USER_AGENTS.iter().filter(is_agent).count();
    (present.len() + agents, absent.len())
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
            received: self.received,
        }
    }
}
