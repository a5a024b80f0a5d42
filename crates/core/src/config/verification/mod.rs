//! Reads how senders of a source are verified: a scheme and the names of its secrets.
//! A scheme without secrets, and secrets without a scheme, are errors. The values of secrets are not read.

pub mod preset;
pub mod signature;
pub mod token;

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{Keyword, Vocabulary, keyword, text, words};
use crate::document::{Entry, Node};

use crate::config::verification::preset::{EventTypeLocation, PRESETS, Preset, without_options};
use crate::config::verification::signature::SignatureScheme;
use crate::config::verification::token::TokenScheme;

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
    Signature(SignatureScheme),
    /// A token in a header or in the query.
    Token(TokenScheme),
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic …`; the secret is the password.
    Basic { username: String },
}

impl Scheme {
    /// The name in the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Scheme::Signature(scheme) => scheme.name,
            Scheme::Token(scheme) => scheme.name,
            Scheme::Bearer => "bearer",
            Scheme::Basic { .. } => "basic",
        }
    }

    /// The header with the id of a delivery, the same in every attempt, that senders of this scheme add.
    pub fn delivery_id(&self) -> Option<&'static str> {
        Preset::named(self.as_str())?.delivery_id
    }

    /// Where senders of this scheme name the type of an event.
    pub fn event_type(&self) -> Option<EventTypeLocation> {
        Preset::named(self.as_str())?.event_type
    }

    /// Whether the URL that the sender called is signed.
    pub fn signs_url(&self) -> bool {
        match self {
            Scheme::Signature(scheme) => scheme.signed.has_url(),
            Scheme::Token(_) | Scheme::Bearer | Scheme::Basic { .. } => false,
        }
    }
}

/// The default for the maximum difference between the time of signing and now.
pub const WINDOW: Duration = Duration::from_secs(300);

/// The schemes that are not those of one sender.
pub const GENERIC: Vocabulary = Vocabulary {
    name: "`verify`",
    words: words! {
        "hmac" signature::hmac_schema =>
            "Any other HMAC signature, described by its header, signed content and encoding.";
        "ed25519" signature::ed25519_schema =>
            "Any other Ed25519 signature; the secret is the public key of the sender.";
        "token" token::schema => "A token in a header, or in the query of the URL.";
        "bearer" without_options => "A token in `Authorization: Bearer …`.";
        "basic" basic_schema => "HTTP basic authentication with a user name and the secret as password.";
    },
};

const SCHEMES: usize = PRESETS.len() + GENERIC.words.len();

/// The presets and the generic schemes.
const SCHEME_WORDS: [Keyword; SCHEMES] = {
    let mut words = [GENERIC.words[0]; SCHEMES];
    let mut index = 0;
    while index < SCHEMES {
        words[index] = match index < PRESETS.len() {
            true => {
                let preset = &PRESETS[index];
                keyword(preset.name, preset.summary, preset.schema())
            }
            false => GENERIC.words[index - PRESETS.len()],
        };
        index += 1;
    }
    words
};

/// The schemes that `verify` names; a mapping holds one of them with its own keys.
pub const VERIFY: Vocabulary = Vocabulary {
    name: "`verify`",
    words: &SCHEME_WORDS,
};

pub const BASIC: Vocabulary = Vocabulary {
    name: "`basic`",
    words: words! {
        "username" text => "The user name that senders use.";
    },
};

fn basic_schema() -> Value {
    BASIC.schema(&["username"])
}

/// The schemes without required options.
fn plain_schemes() -> impl Iterator<Item = &'static str> {
    let presets = PRESETS.iter().map(|preset| preset.name);
    presets.chain(["bearer", "none"])
}

pub fn schema() -> Value {
    let mut mapping = VERIFY.schema(&[]);
    mapping["minProperties"] = 1.into();
    mapping["maxProperties"] = 1.into();
    let plain: Vec<&str> = plain_schemes().collect();
    json!({"oneOf": [{"enum": plain}, mapping]})
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
            let help = format!("one of {}", VERIFY.listed());
            return diagnostics.reject_value(node.at, message, &help);
        }
        None => (node.as_text().unwrap_or_default(), None),
    };
    let empty = |diagnostics: &mut Diagnostics| match options {
        Some(options) if options.as_map().is_some_and(|map| !map.is_empty()) => {
            let message = format!("`{name}` takes no keys");
            let help = format!("write `verify: {name}`");
            diagnostics.reject(Code::UnknownKey, options.at, message, &help)
        }
        Some(_) | None => Some(()),
    };
    let scheme = match (name, Preset::named(name)) {
        (_, Some(preset)) if preset.has_window() => {
            preset.scheme(preset::lower(options, diagnostics)?)
        }
        (_, Some(preset)) => empty(diagnostics).map(|()| preset.scheme(WINDOW))?,
        ("none", None) if options.is_none() => return Some(None),
        ("bearer", None) => empty(diagnostics).map(|()| Scheme::Bearer)?,
        ("hmac", None) => Scheme::Signature(signature::lower_hmac(options, node, diagnostics)?),
        ("ed25519", None) => {
            Scheme::Signature(signature::lower_ed25519(options, node, diagnostics)?)
        }
        ("token", None) if options.is_some() => {
            Scheme::Token(token::lower(options, node, diagnostics)?)
        }
        ("basic", None) => lower_basic(options, node, diagnostics)?,
        // An unknown key of a mapping was reported already.
        (_, None) if options.is_some() => return None,
        (_, None) => return unknown(node, name, diagnostics),
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
    let near = suggest::nearest(name, plain_schemes());
    let help = match (suggest::in_mapping(name, VERIFY.name), near) {
        (Some(help), _) => help,
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => {
            let plain: Vec<&str> = plain_schemes().collect();
            format!(
                "write one of {}; or any other signature: `verify: {{ hmac: {{ header: X-Signature }} }}`",
                plain.join(", ")
            )
        }
    };
    // The text may be the value of a secret, so the message does not repeat it.
    let message = "unknown scheme: `verify` takes the name of a sender, `bearer`, `none`, or a mapping with hmac, ed25519, token or basic";
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
