//! Reads how senders of a source are verified: a scheme and the names of its secrets.
//! A scheme without secrets, and secrets without a scheme, are errors. The values of secrets are not read.

pub mod hmac;
pub mod preset;

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::document::{Entry, Node};

pub use crate::config::verification::hmac::{
    Algorithm, HMAC, HmacScheme, KeyEncoding, SignatureCount, SignatureEncoding, SignedContent,
    SignedPart, TimestampFormat, TimestampHeader,
};
pub use crate::config::verification::preset::{github, standard_webhooks, upmind, zendesk};

/// How the senders of a source are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    pub scheme: Scheme,
    /// The names of the secrets; a sender may use any of them.
    pub secrets: Vec<String>,
    pub at: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// A signature over the bytes of the body.
    Hmac(HmacScheme),
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic …`; the secret is the password.
    Basic { username: String },
}

impl Scheme {
    /// The name in the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Scheme::Hmac(hmac) => hmac.name,
            Scheme::Bearer => "bearer",
            Scheme::Basic { .. } => "basic",
        }
    }

    /// The header with the id of a delivery, the same in every attempt, that senders of this scheme add.
    pub fn delivery_id(&self) -> Option<&'static str> {
        match self {
            Scheme::Hmac(hmac) => preset::delivery_id(hmac.name),
            Scheme::Bearer | Scheme::Basic { .. } => None,
        }
    }
}

/// The default for the maximum difference between the time of signing and now.
pub const WINDOW: Duration = Duration::from_secs(300);

/// The schemes that `verify` names; a mapping holds one of them with its own keys.
pub const VERIFY: Vocabulary = Vocabulary {
    name: "`verify`",
    words: words! {
        "zendesk" preset::schema => "The signature of Zendesk webhooks, over time and body.";
        "upmind" empty => "The signature of Upmind hooks, over the body.";
        "standard_webhooks" preset::schema => "The signature of Standard Webhooks, over id, time and body.";
        "github" empty =>
            "The signature of GitHub webhooks, over the body: `X-Hub-Signature-256` with `sha256=` and hexadecimal digits.";
        "hmac" hmac::schema =>
            "Any other HMAC signature, described by its header, signed content and encoding.";
        "bearer" empty => "A token in `Authorization: Bearer …`.";
        "basic" basic_schema => "HTTP basic authentication with a user name and the secret as password.";
    },
};

pub const BASIC: Vocabulary = Vocabulary {
    name: "`basic`",
    words: words! {
        "username" text => "The user name that senders use.";
    },
};

const NO_OPTIONS: Vocabulary = Vocabulary {
    name: "this scheme",
    words: &[],
};

fn empty() -> Value {
    json!({"type": ["object", "null"], "additionalProperties": false})
}

fn basic_schema() -> Value {
    BASIC.schema(&["username"])
}

/// The schemes without required options.
const PLAIN_SCHEMES: [&str; 6] = [
    "zendesk",
    "upmind",
    "standard_webhooks",
    "github",
    "bearer",
    "none",
];

pub fn schema() -> Value {
    let mut mapping = VERIFY.schema(&[]);
    mapping["minProperties"] = 1.into();
    mapping["maxProperties"] = 1.into();
    json!({"oneOf": [{"enum": PLAIN_SCHEMES}, mapping]})
}

pub fn secrets_schema() -> Value {
    json!({"oneOf": [
        {"type": "string"},
        {"type": "array", "minItems": 1, "maxItems": MAX_SECRETS, "items": {"type": "string"}},
    ]})
}

const MAX_SECRETS: usize = 8;

/// Reads the verification of a source; the outer `None` after an error was reported.
pub fn lower(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Option<Verification>> {
    let node = &entry.value;
    let (verify, secrets) = (node.get("verify"), node.get("secrets"));
    let Some(verify) = verify else {
        let Some(secrets) = secrets else {
            return Some(None);
        };
        let message = format!("the source `{}` has secrets but no `verify`", entry.key);
        let help = "write how senders use them: `verify: zendesk`, `verify: bearer`, …";
        return diagnostics.reject(Code::MissingKey, secrets.at, message, help);
    };
    let scheme = lower_scheme(verify, diagnostics);
    let names = secrets.map(|secrets| lower_secrets(secrets, diagnostics));
    match (scheme?, names) {
        (None, None) => Some(None),
        (None, Some(_)) => {
            let message = format!(
                "the source `{}` has secrets but does not verify senders",
                entry.key
            );
            let help = "name a scheme, or remove the secrets";
            diagnostics.reject_value(verify.at, message, help)
        }
        (Some(_), None) => {
            let message = format!("the source `{}` has no `secrets`", entry.key);
            let help = "add `secrets: [NAME]`; its value comes from the environment variable FLOWTRIGGER_SECRET_NAME, or from the source under `secrets:` in this file";
            diagnostics.reject(Code::MissingKey, verify.at, message, help)
        }
        (Some(scheme), Some(secrets)) => Some(Some(Verification {
            scheme,
            secrets: secrets?,
            at: verify.at,
        })),
    }
}

/// Reads the scheme; the inner `None` is the value `none`.
fn lower_scheme(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<Scheme>> {
    let (name, options) = match node.as_map() {
        Some([one]) => {
            diagnostics.check_key(one, &VERIFY);
            (one.key.as_str(), Some(&one.value))
        }
        Some(_) => {
            let message = "`verify` takes one scheme";
            let help = "one of zendesk, upmind, standard_webhooks, github, hmac, bearer, basic";
            return diagnostics.reject_value(node.at, message, help);
        }
        None => (node.as_text().unwrap_or_default(), None),
    };
    let empty = |diagnostics: &mut Diagnostics| match options {
        Some(options) if options.as_map().is_some_and(|map| !map.is_empty()) => {
            diagnostics.entries(options, &NO_OPTIONS);
            None
        }
        Some(_) | None => Some(()),
    };
    let scheme = match name {
        "none" if options.is_none() => return Some(None),
        "zendesk" => Scheme::Hmac(zendesk(preset::lower(options, diagnostics)?)),
        "standard_webhooks" => {
            Scheme::Hmac(standard_webhooks(preset::lower(options, diagnostics)?))
        }
        "upmind" => empty(diagnostics).map(|()| Scheme::Hmac(upmind()))?,
        "github" => empty(diagnostics).map(|()| Scheme::Hmac(github()))?,
        "bearer" => empty(diagnostics).map(|()| Scheme::Bearer)?,
        "hmac" => Scheme::Hmac(hmac::lower(options, node, diagnostics)?),
        "basic" => lower_basic(options, node, diagnostics)?,
        // An unknown key of a mapping was reported already.
        _ if options.is_some() => return None,
        _ => return unknown(node, name, diagnostics),
    };
    Some(Some(scheme))
}

fn lower_basic(options: Option<&Node>, at: &Node, diagnostics: &mut Diagnostics) -> Option<Scheme> {
    let username = options.and_then(|options| {
        diagnostics.entries(options, &BASIC)?;
        options.get("username")
    });
    let Some(username) = username else {
        let help = "write `verify: { basic: { username: NAME } }`; the secret is the password";
        return diagnostics.reject(Code::MissingKey, at.at, "`basic` needs a `username`", help);
    };
    let username = diagnostics.text(username, "username")?;
    if username.is_empty() || username.contains(':') {
        let message = "`username` is text without a colon";
        return diagnostics.reject_value(at.at, message, "");
    }
    Some(Scheme::Basic { username })
}

fn unknown<T>(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let message = "`verify` takes zendesk, upmind, standard_webhooks, github, bearer, none, or a mapping with hmac or basic";
    let near = suggest::nearest(name, PLAIN_SCHEMES.into_iter());
    let help = match (suggest::in_mapping(name, VERIFY.name), near) {
        (Some(help), _) => help,
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => {
            "any other signature: `verify: { hmac: { header: X-Signature } }`".to_owned()
        }
    };
    diagnostics.reject_value(node.at, message, &help)
}

pub(super) fn lower_secrets(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let nodes = match node.as_list() {
        Some(list) => list.iter().collect(),
        None => vec![node],
    };
    if nodes.is_empty() || nodes.len() > MAX_SECRETS {
        let message = format!("`secrets` takes 1 to {MAX_SECRETS} names");
        let help = "list two while one is being replaced";
        return diagnostics.reject_value(node.at, message, help);
    }
    let names = nodes.into_iter().map(|node| lower_name(node, diagnostics));
    let names: Vec<_> = names.collect();
    names.into_iter().collect()
}

fn lower_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    lower_secret_name(node, "secrets", "ZENDESK_KEY", diagnostics)
}

/// Reads the name of a secret; `example` is one.
pub(super) fn lower_secret_name(
    node: &Node,
    key: &str,
    example: &str,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let name = diagnostics.text(node, key)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty() && name.chars().all(plain) && !looks_random(&name) {
        return Some(name);
    }
    // The text may be the value of the secret, so the message does not repeat it.
    let message = format!("`{key}` takes names of letters, digits and `_`, never the value");
    let help = format!(
        "write a name such as {example}, and put the value into the environment variable FLOWTRIGGER_SECRET_{example}"
    );
    diagnostics.reject(Code::SecretInFile, node.at, message, &help)
}

/// Whether a name looks like a key or token: it has a long part that mixes letters and digits.
fn looks_random(name: &str) -> bool {
    name.split('_').any(|word| {
        let pairs = word.as_bytes().windows(2);
        let changes = pairs.filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit());
        word.len() >= 20 && changes.count() >= 3
    })
}
