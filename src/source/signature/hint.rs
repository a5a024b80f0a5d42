//! What a signature that does not fit would have fitted: the mistakes that people make, tried for the log.
//! It lets nobody in by what it finds, and answers no sender.

use axum::http::HeaderMap;

use super::mac::{Mac, decoded};
use super::{Credentials, KeyMaterial, SignatureCandidates, SignedBytes, Verifier, VerifyingKey};
use crate::core::config::{self, Hmac};

/// Each guess reads the body once more, and those who send long ones for no reason shall not keep us busy.
const MAX_HINT_BODY: usize = 256 * 1024;

impl Verifier {
    /// What would make the signature fit, where it is one of the usual mistakes.
    pub fn hint(&self, shown: &Credentials, body: &[u8]) -> Option<String> {
        let (Credentials::Signature(candidates), Some(hmac)) = (shown, self.hmac()) else {
            return None;
        };
        if body.len() > MAX_HINT_BODY {
            return None;
        }
        let keys = || self.keys.iter();
        let by_body = keys().find_map(|key| of_body(key, candidates, body));
        by_body
            .map(str::to_owned)
            .or_else(|| keys().find_map(|key| of_secret(key, hmac, candidates, body)))
            .or_else(|| {
                let alone = candidates.body_alone();
                let fits = keys().any(|key| key.fits(&alone, body));
                fits.then(|| {
                    "it fits the body alone: let `verify` say what this sender signs".into()
                })
            })
    }

    /// What is odd about the secrets: they are taken, and may not be what was meant.
    pub fn doubts(&self) -> Vec<(&str, &'static str)> {
        let mut doubts = Vec::new();
        for key in &self.keys {
            let told = key.doubt(self.hmac());
            doubts.extend(told.map(|doubt| (key.name.as_str(), doubt)));
        }
        doubts
    }
}

/// The scheme, other than this, whose header a request brings.
pub fn scheme_of(headers: &HeaderMap, but: &str) -> Option<&'static str> {
    let mut known = SCHEME_HEADERS
        .into_iter()
        .filter(|(_, scheme)| *scheme != but);
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

/// Shorter ones can be guessed.
const MIN_SECRET_CHARS: usize = 16;

impl VerifyingKey {
    fn doubt(&self, hmac: Option<&Hmac>) -> Option<&'static str> {
        let value = self.value.expose();
        let verbatim = hmac.is_some_and(|hmac| hmac.key == config::Key::Verbatim);
        if matches!(self.proof, KeyMaterial::Public(_)) {
            return Some(
                "is the secret with which anybody can test webhooks: nothing that is signed with it is accepted; copy the webhook's own, which it has once it is saved",
            );
        }
        if value.trim() != value {
            return Some(
                "has white space around it, which counts; take it away if it was not meant",
            );
        }
        if verbatim && value.starts_with("whsec_") {
            return Some(
                "begins with `whsec_`, as secrets of `standard_webhooks` do; this scheme takes it as it stands",
            );
        }
        (value.len() < MIN_SECRET_CHARS).then_some(
            "is shorter than 16 characters and can be guessed; let the sender make a longer one",
        )
    }

    fn fits(&self, candidates: &SignatureCandidates, body: &[u8]) -> bool {
        matches!(&self.proof, KeyMaterial::Signature(mac) if candidates.fit(mac, body))
    }
}

/// The body before something on its way changed it.
fn of_body(
    key: &VerifyingKey,
    candidates: &SignatureCandidates,
    body: &[u8],
) -> Option<&'static str> {
    let fits = |body: &[u8]| key.fits(candidates, body);
    if fits(body.trim_ascii()) {
        return Some(
            "it fits the body without the white space around it: something on the way added that, or `verify` is to say `{trimmed_body}`",
        );
    }
    if fits(&[body, b"\n"].concat()) || fits(&[body, b"\r\n"].concat()) {
        return Some(
            "it fits the body with a line break at its end: something on the way took it (curl does with `-d @FILE`; `--data-binary @FILE` does not)",
        );
    }
    if fits(&without_returns(body)) || fits(&with_returns(body)) {
        return Some(
            "it fits the body with other line breaks: something on the way changes CRLF and LF",
        );
    }
    None
}

fn without_returns(body: &[u8]) -> Vec<u8> {
    let returns = |at: usize| body[at] == b'\r' && body.get(at + 1) == Some(&b'\n');
    let kept = (0..body.len()).filter(|at| !returns(*at));
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

/// The same secret, read in another way.
fn of_secret(
    key: &VerifyingKey,
    hmac: &Hmac,
    candidates: &SignatureCandidates,
    body: &[u8],
) -> Option<String> {
    let VerifyingKey { name, value, .. } = key;
    let value = value.expose();
    let fits = |bytes: &[u8]| {
        Mac::keyed(hmac.algorithm, bytes).is_ok_and(|mac| candidates.fit(&mac, body))
    };
    if hmac.key != config::Key::Base64 && decoded(value).is_some_and(|bytes| fits(&bytes)) {
        return Some(format!(
            "it fits the secret `{name}` once that is decoded from base64: write `key: base64`"
        ));
    }
    if hmac.key != config::Key::Verbatim && fits(value.as_bytes()) {
        return Some(format!(
            "it fits the secret `{name}` as it stands: write `key: verbatim`"
        ));
    }
    let stripped = value.strip_prefix("whsec_").unwrap_or(value).trim();
    (stripped != value && fits(stripped.as_bytes())).then(|| {
        format!("it fits a part of the secret `{name}`: write it without white space and `whsec_`")
    })
}

impl SignatureCandidates {
    fn body_alone(&self) -> SignatureCandidates {
        SignatureCandidates {
            signatures: self.signatures.clone(),
            signed: vec![SignedBytes::Body],
        }
    }
}
