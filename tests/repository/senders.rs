//! The table of docs/senders.md: what the program knows of each sender, and what its recipe in `examples/senders` configures.

use flowtrigger_core::config::verification::preset::{
    EventTypeLocation, PRESETS, Preset, PresetKind,
};
use flowtrigger_core::config::verification::signature::Algorithm;

use crate::docs::{read, root};

const HEAD: &str = "| sender | `verify` | proof | delivery id | event type | handshake |";

pub fn table() -> String {
    let rows: String = PRESETS.iter().map(row).collect();
    format!("{HEAD}\n|---|---|---|---|---|---|\n{rows}")
}

fn row(preset: &Preset) -> String {
    let (name, title) = (preset.name, preset.title);
    let recipe = Recipe::of(name);
    let proof = match &preset.kind {
        PresetKind::Token(header) => format!("`{header}`: the secret"),
        PresetKind::Signature(row) => {
            let algorithm = match row.algorithm {
                Algorithm::Sha256 => "HMAC-SHA256",
                Algorithm::Sha512 => "HMAC-SHA512",
                Algorithm::Sha1 => "HMAC-SHA1",
                Algorithm::Ed25519 => "Ed25519",
            };
            format!("`{}`: {algorithm} of `{}`", row.header, row.signed)
        }
    };
    let id = match (preset.delivery_id, recipe.value("id")) {
        (Some(header), _) => format!("header `{header}`"),
        (None, Some("none")) => "none".to_owned(),
        (None, Some(path)) => format!("`{path}`"),
        (None, None) => "in the body".to_owned(),
    };
    let event_type = match (preset.event_type, recipe.value("event_type")) {
        (Some(EventTypeLocation::Header(header)), _) => format!("header `{header}`"),
        (Some(EventTypeLocation::Body(path)), _) => format!("`{path}`"),
        (None, Some(own)) => format!("your choice: `{own}`"),
        (None, None) => "–".to_owned(),
    };
    let handshake = recipe.value("handshake");
    let handshake = handshake.map_or_else(|| "–".to_owned(), |value| format!("`{value}`"));
    format!(
        "| [{title}](../examples/senders/{name}/) | `{name}` | {proof} | {id} | {event_type} | {handshake} |\n"
    )
}

/// The configuration of a recipe, which has each key of its source on a line of its own.
struct Recipe {
    text: String,
}

impl Recipe {
    fn of(name: &str) -> Self {
        let path = format!("examples/senders/{name}/flowtrigger.yaml");
        Self {
            text: read(root().join(path)),
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        let mut lines = self.text.lines();
        lines.find_map(|line| {
            line.strip_prefix("    ")?
                .strip_prefix(key)?
                .strip_prefix(": ")
        })
    }
}
