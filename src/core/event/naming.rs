//! From the type as a shape writes it to the tag that rules use.
//! It refuses a type that is not text; one that nobody knows is carried, with a warning.

use serde_json::Value;

use super::catalogue::{Catalogue, EventType};
use super::decode::NotAnEvent;
use super::place::find;

/// Where a shape writes the type, and in which of its names.
#[derive(Debug)]
pub enum Naming {
    /// The display name; several families share some, so the family is told.
    Display {
        at: &'static str,
        family: &'static str,
    },
    /// `zen:event-type:` and the suffix.
    Webhook { at: &'static str },
    /// A hook code.
    Code { at: &'static str },
}

/// A type of event as it was named.
#[derive(Debug)]
pub struct Named<'a> {
    pub tag: String,
    /// What `type` reads in the normalised body.
    pub display: Option<String>,
    pub known: Option<&'a EventType>,
    pub warning: Option<String>,
}

impl Naming {
    pub fn name<'a>(
        &self,
        document: &Value,
        source: &str,
        catalogue: &'a Catalogue,
    ) -> Result<Named<'a>, NotAnEvent> {
        match self {
            Naming::Display { at, family } => {
                let word = text(document, at)?;
                let known = catalogue
                    .displayed(source, word)
                    .into_iter()
                    .find(|t| t.family() == *family);
                Ok(named(known, word, word.to_owned(), source, catalogue))
            }
            Naming::Webhook { at } => {
                let word = text(document, at)?;
                let suffix = suffix(word);
                let known = catalogue.by_webhook(suffix);
                Ok(named(known, suffix, camel_case(suffix), source, catalogue))
            }
            Naming::Code { at } => {
                let word = text(document, at)?;
                Ok(by_any_name(word, source, catalogue))
            }
        }
    }
}

/// The type of any of its names: tag, hook code, display name.
pub fn by_any_name<'a>(word: &str, source: &str, catalogue: &'a Catalogue) -> Named<'a> {
    let known = catalogue
        .by_tag(source, word)
        .or_else(|| catalogue.by_code(source, word))
        .or_else(|| catalogue.by_display(source, word));
    named(known, word, word.to_owned(), source, catalogue)
}

fn named<'a>(
    known: Option<&'a EventType>,
    word: &str,
    tag: String,
    source: &str,
    catalogue: &'a Catalogue,
) -> Named<'a> {
    match known {
        Some(known) => Named {
            tag: known.tag.clone(),
            display: known.display.clone().or_else(|| Some(word.to_owned())),
            known: Some(known),
            warning: None,
        },
        None => Named {
            warning: Some(unknown(word, &tag, source, catalogue)),
            tag,
            display: Some(word.to_owned()),
            known: None,
        },
    }
}

fn unknown(word: &str, tag: &str, source: &str, catalogue: &Catalogue) -> String {
    let nearest = match catalogue.nearest(source, word) {
        Some(near) => format!("the nearest known one is `{}`", near.tag),
        None => "no known one is like it".to_owned(),
    };
    format!("unknown event type `{word}` of `{source}`: {nearest}; rules see it as `{tag}`")
}

fn text<'a>(document: &'a Value, path: &'static str) -> Result<&'a str, NotAnEvent> {
    match find(document, path) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text),
        Some(Value::String(_)) => Err(NotAnEvent::at(
            path,
            format!("`{path}` is an empty text, expected the type of the event"),
        )),
        other => Err(NotAnEvent::wrong(path, other, "text")),
    }
}

/// The vendor writes some types with a slash for the last colon.
fn suffix(word: &str) -> &str {
    let rest = word.strip_prefix("zen:event-type").unwrap_or(word);
    rest.trim_start_matches([':', '/'])
}

fn camel_case(suffix: &str) -> String {
    let Some((family, name)) = suffix.split_once('.') else {
        return suffix.to_owned();
    };
    let words = name.split(['_', '.']).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    });
    format!("{family}.{}", words.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_webhook_type_gets_a_tag_of_its_family() {
        assert_eq!(
            camel_case("ticket.teleported_away"),
            "ticket.TeleportedAway"
        );
        assert_eq!(camel_case("oddity"), "oddity");
        assert_eq!(suffix("zen:event-type/user.merged"), "user.merged");
        assert_eq!(suffix("zen:event-type:user.merged"), "user.merged");
    }

    #[test]
    fn any_name_of_a_type_will_do() {
        let all = Catalogue::built_in();
        for word in [
            "ticket_message.ClientPosted",
            "client_posted_ticket_message_hook",
            "client posted ticket message",
        ] {
            let named = by_any_name(word, "upmind", all);
            assert_eq!(named.tag, "ticket_message.ClientPosted");
            assert_eq!(named.warning, None);
        }
    }
}
