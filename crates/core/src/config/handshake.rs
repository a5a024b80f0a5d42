//! Reads `handshake`: how a source answers the request with which a sender checks its address.

use serde_json::{Value, json};

use crate::config::source::EventSource;
use crate::config::verification::lower_secret_name;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{Vocabulary, text, words};

/// How a source answers the check of its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// Answers these methods with 200 and no body.
    Probe(Vec<ProbeMethod>),
    /// Answers with a value of the query.
    Query {
        name: String,
        /// The value that proves the sender: its name, and the name of the secret that it must equal.
        token: Option<(String, String)>,
    },
    /// Answers with the same header, and its value as body.
    Header(String),
    /// Answers a verified body with one of its fields.
    Body {
        path: Vec<String>,
        /// The field and its text that tell such a body from an event.
        only: Option<(String, String)>,
    },
    /// Allows the origin of `WebHook-Request-Origin`.
    CloudEvents,
    /// Answers a verified body with the HMAC of its token.
    Zoom,
    /// Answers a verified body of type 0 with 204.
    Discord,
}

/// A method that asks for no more than a 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeMethod {
    Get,
    Head,
}

impl ProbeMethod {
    const ALL: [Self; 2] = [Self::Get, Self::Head];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

impl Handshake {
    /// Whether the answer is to a body, after it was verified.
    pub fn reads_body(&self) -> bool {
        match self {
            Handshake::Body { .. } | Handshake::Zoom | Handshake::Discord => true,
            Handshake::Probe(_)
            | Handshake::Query { .. }
            | Handshake::Header(_)
            | Handshake::CloudEvents => false,
        }
    }

    /// The secret that it compares a token with.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Handshake::Query { token, .. } => token.as_ref().map(|(_, secret)| secret.as_str()),
            Handshake::Probe(_)
            | Handshake::Header(_)
            | Handshake::Body { .. }
            | Handshake::CloudEvents
            | Handshake::Zoom
            | Handshake::Discord => None,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "slack" => Handshake::Body {
                path: vec!["challenge".to_owned()],
                only: Some(("type".to_owned(), "url_verification".to_owned())),
            },
            "graph" => Handshake::Query {
                name: "validationToken".to_owned(),
                token: None,
            },
            "trello" => Handshake::Probe(ProbeMethod::ALL.to_vec()),
            "asana" => Handshake::Header("x-hook-secret".to_owned()),
            "cloudevents" => Handshake::CloudEvents,
            "zoom" => Handshake::Zoom,
            "discord" => Handshake::Discord,
            _ => return None,
        })
    }
}

/// The handshakes with a name of their own.
const NAMES: [&str; 7] = [
    "slack",
    "graph",
    "trello",
    "asana",
    "cloudevents",
    "zoom",
    "discord",
];

/// The handshakes with keys of their own; a mapping holds one of them.
pub const HANDSHAKE: Vocabulary = Vocabulary {
    name: "`handshake`",
    words: words! {
        "meta" meta_schema =>
            "Echoes `hub.challenge` of the query if `hub.verify_token` is the secret of this name: `{ meta: { token: META_TOKEN } }`.";
        "echo" echo_schema =>
            "Echoes a value: `{ query: NAME }` or `{ header: NAME }` of the request, or `{ path: NAME }` of a verified body.";
        "accept" accept_schema => "Answers `GET`, `HEAD`, or both with 200.";
    },
};

const META: Vocabulary = Vocabulary {
    name: "`meta`",
    words: words! {
        "token" text => "The name of the secret with the token that you gave the sender.";
    },
};

const ECHO: Vocabulary = Vocabulary {
    name: "`echo`",
    words: words! {
        "query" text => "The name of a value of the query.";
        "header" text => "The name of a header.";
        "path" text => "The path of a text in the body.";
    },
};

fn meta_schema() -> Value {
    META.schema(&["token"])
}

fn echo_schema() -> Value {
    let mut schema = ECHO.schema(&[]);
    schema["minProperties"] = 1.into();
    schema["maxProperties"] = 1.into();
    schema
}

fn accept_schema() -> Value {
    let method = json!({"enum": ProbeMethod::ALL.map(ProbeMethod::as_str)});
    json!({"oneOf": [method, {"type": "array", "minItems": 1, "items": method}]})
}

pub fn schema() -> Value {
    let mut mapping = HANDSHAKE.schema(&[]);
    mapping["minProperties"] = 1.into();
    mapping["maxProperties"] = 1.into();
    json!({"oneOf": [{"enum": NAMES}, mapping]})
}

/// Reads a handshake; `None` after an error was reported.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<Handshake> {
    let [entry] = node.as_map().unwrap_or_default() else {
        let name = node.as_text().unwrap_or_default();
        return Handshake::named(name).or_else(|| unknown(node, name, diagnostics));
    };
    diagnostics.check_key(entry, &HANDSHAKE);
    match entry.key.as_str() {
        "meta" => lower_meta(&entry.value, diagnostics),
        "echo" => lower_echo(&entry.value, diagnostics),
        "accept" => lower_accept(&entry.value, diagnostics).map(Handshake::Probe),
        _ => None,
    }
}

/// The `handshake` with which a source answers the check of its address that these senders make before they send events.
pub fn of_sender(preset: &str) -> Option<&'static str> {
    Some(match preset {
        "slack" => "slack",
        "zoom" => "zoom",
        "discord" => "discord",
        "meta" => "{ meta: { token: META_TOKEN } }",
        "front" => "{ echo: { header: X-Front-Challenge } }",
        _ => return None,
    })
}

/// Reports a handshake whose answer needs the secret of a source that has none. None if it does.
pub fn check_secret(source: &EventSource, at: Span, diagnostics: &mut Diagnostics) -> Option<()> {
    if source.handshake != Some(Handshake::Zoom) || source.verification.is_some() {
        return Some(());
    }
    let message = "the handshake of Zoom needs the secret of the source";
    let help = "add `verify: zoom` and `secrets: [ZOOM_KEY]`";
    diagnostics.reject(Code::MissingKey, at, message, help)
}

fn unknown<T>(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let message = format!(
        "`handshake` takes {}, or a mapping with meta, echo or accept",
        NAMES.join(", ")
    );
    let help = match (name, suggest::nearest(name, NAMES.into_iter())) {
        ("meta", _) => "write `{ meta: { token: NAME_OF_A_SECRET } }`".to_owned(),
        (_, Some(near)) => format!("did you mean `{near}`?"),
        (_, None) => {
            "any other sender: `{ echo: { query: challenge } }`, or `{ accept: [GET, HEAD] }`"
                .to_owned()
        }
    };
    diagnostics.reject_value(node.at, message, &help)
}

fn lower_meta(node: &Node, diagnostics: &mut Diagnostics) -> Option<Handshake> {
    diagnostics.entries(node, &META)?;
    let Some(token) = node.get("token") else {
        let help = "write `{ meta: { token: META_TOKEN } }`: the name of the secret with the token that you gave the sender";
        return diagnostics.reject(Code::MissingKey, node.at, "`meta` needs a `token`", help);
    };
    let secret = lower_secret_name(token, "token", "META_TOKEN", diagnostics)?;
    Some(Handshake::Query {
        name: "hub.challenge".to_owned(),
        token: Some(("hub.verify_token".to_owned(), secret)),
    })
}

fn lower_echo(node: &Node, diagnostics: &mut Diagnostics) -> Option<Handshake> {
    let [entry] = diagnostics.entries(node, &ECHO)? else {
        let help =
            "write `{ query: challenge }`, `{ header: X-Challenge }` or `{ path: challenge }`";
        return diagnostics.reject_value(node.at, "`echo` takes one location", help);
    };
    let text = diagnostics.text(&entry.value, &entry.key)?;
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_valid = text.chars().all(is_in_name) && text.split('.').all(|name| !name.is_empty());
    if !is_valid {
        let message = format!("`{text}` is not the name of a value");
        let help = "write letters, digits, `-`, `_` and `.`";
        return diagnostics.reject_value(entry.value.at, message, help);
    }
    Some(match entry.key.as_str() {
        "query" => Handshake::Query {
            name: text,
            token: None,
        },
        "header" => Handshake::Header(text.to_ascii_lowercase()),
        _ => Handshake::Body {
            path: text.split('.').map(str::to_owned).collect(),
            only: None,
        },
    })
}

fn lower_accept(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<ProbeMethod>> {
    let nodes = node.as_list().unwrap_or(std::slice::from_ref(node));
    let methods: Option<Vec<ProbeMethod>> = (nodes.iter())
        .map(|node| {
            let word = node.as_text()?;
            ProbeMethod::ALL
                .into_iter()
                .find(|known| known.as_str() == word)
        })
        .collect();
    match methods {
        Some(methods) if !methods.is_empty() => Some(methods),
        Some(_) | None => {
            let help = "write `{ accept: [GET, HEAD] }`";
            diagnostics.reject_value(node.at, "`accept` takes GET and HEAD", help)
        }
    }
}
