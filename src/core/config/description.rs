//! A source that the user describes: where the parts of its events stand.
//! It refuses the names of built-in sources, and a source without a type.

use crate::core::diagnostic::Code;
use crate::core::event::user_described::{Description, TypeFrom};
use crate::core::rule::document::Entry;
use crate::core::rule::lowering::Lowering;
use crate::core::rule::operator::operand::is_path;
use crate::core::rule::vocabulary::{Vocabulary, anything, later, text, word};

pub const SOURCE: Vocabulary = Vocabulary {
    name: "a source",
    words: &[
        word("decoder", "`json`: a body that you describe here.", text),
        word(
            "event_source",
            "What rules call it; the entry's own name unless given.",
            text,
        ),
        word(
            "event_type",
            "The event's type: a constant, or `{ path: … }` in the body.",
            anything,
        ),
        word(
            "id",
            "The path of the event's id; without it, equal bodies are one event.",
            text,
        ),
        word(
            "key",
            "The path of what the event is about, usually the ticket's id.",
            text,
        ),
        word("time", "The path of the event's time.", text),
        later(
            "verify",
            "signatures come with the trust boundary; leave it out for now",
        ),
        later(
            "secrets",
            "signatures come with the trust boundary; leave it out for now",
        ),
    ],
};

/// The description under an entry; None after reporting why it is none.
pub fn lower(entry: &Entry, cx: &mut Lowering<'_>) -> Option<Description> {
    let node = &entry.value;
    cx.entries(node, &SOURCE)?;
    if ["support", "upmind"].contains(&entry.key.as_str()) {
        let message = format!("the source `{}` is built in", entry.key);
        cx.error(
            Code::DuplicateName,
            entry.key_at,
            message,
            "give yours another name",
        );
        return None;
    }
    if let Some(decoder) = node.get("decoder").filter(|d| d.as_text() != Some("json")) {
        let message = "the decoder of a described source is `json`";
        let help = "Zendesk and Upmind events are told apart by themselves at /events/support and /events/upmind";
        cx.error(Code::InvalidValue, decoder.at, message, help);
    }
    let Some(event_type) = node.get("event_type") else {
        let message = format!("the source `{}` has no `event_type`", entry.key);
        cx.error(
            Code::MissingKey,
            entry.key_at,
            message,
            "write a constant, or { path: … }",
        );
        return None;
    };
    let event_type = match event_type.as_map() {
        Some(entries) if is_path(entries) => TypeFrom::Path(cx.text(&entries[0].value, "path")?),
        Some(_) => {
            cx.wrong_type(event_type, "event_type", "a constant, or { path: … }");
            return None;
        }
        None => TypeFrom::Constant(cx.text(event_type, "event_type")?),
    };
    let mut path = |key: &str| node.get(key).and_then(|value| cx.text(value, key));
    Some(Description {
        name: entry.key.clone(),
        source: path("event_source").unwrap_or_else(|| entry.key.clone()),
        event_type,
        id: path("id"),
        key: path("key"),
        time: path("time"),
    })
}
