//! Maps the event type as written in a format to the name that rules use.
//! An unknown type is accepted with a warning.

use std::borrow::Cow;

use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::EventType;
use crate::event::format::DecodeError;
use crate::event::json::lookup::{DocumentPath, PathCursor};
use crate::event::json::value_ref::ValueRef;

/// Where a format has the event type, and by which kind of name.
#[derive(Debug)]
pub enum TypeNameSource {
    /// The display name. Families share some display names, so the family is given.
    Display {
        at: DocumentPath,
        family: &'static str,
    },
    /// `zen:event-type:` and the suffix.
    Webhook { at: DocumentPath },
    /// A hook code.
    Code { at: DocumentPath },
    /// All events of the format have this type.
    Constant(&'static str),
}

/// A resolved event type.
#[derive(Debug)]
pub struct ResolvedType<'a> {
    pub name: Cow<'a, str>,
    /// The value of `type` in the normalised body.
    pub display: Cow<'a, str>,
    pub known: Option<&'a EventType>,
    /// The name as received, if it is unknown.
    pub unknown: Option<Cow<'a, str>>,
}

impl TypeNameSource {
    pub fn name<'a>(
        &'static self,
        walk: &mut PathCursor<'a>,
        source: &str,
        catalogue: &'a Catalogue,
    ) -> Result<ResolvedType<'a>, DecodeError> {
        match self {
            TypeNameSource::Display { at, family } => {
                let word = text(walk, at)?;
                let known = catalogue.displayed_in(source, &word, family);
                Ok(named(known, word))
            }
            TypeNameSource::Webhook { at } => {
                let word = text(walk, at)?;
                let suffix = suffix(&word);
                Ok(match catalogue.by_webhook(suffix) {
                    Some(known) => ResolvedType::known(known, suffix),
                    None => {
                        ResolvedType::unknown(suffix.to_owned().into(), camel_case(suffix).into())
                    }
                })
            }
            TypeNameSource::Code { at } => {
                let word = text(walk, at)?;
                Ok(by_any_name(word, source, catalogue))
            }
            TypeNameSource::Constant(name) => {
                Ok(by_any_name(Cow::Borrowed(*name), source, catalogue))
            }
        }
    }
}

/// Resolves a type by any of its names: type name, hook code, display name.
pub fn by_any_name<'a>(
    word: Cow<'a, str>,
    source: &str,
    catalogue: &'a Catalogue,
) -> ResolvedType<'a> {
    let known = catalogue
        .by_name(source, &word)
        .or_else(|| catalogue.by_code(source, &word))
        .or_else(|| catalogue.by_display(source, &word));
    named(known, word)
}

fn named<'a>(known: Option<&'a EventType>, word: Cow<'a, str>) -> ResolvedType<'a> {
    match known {
        Some(known) => ResolvedType::known(known, &word),
        None => ResolvedType::unknown(word.clone(), word),
    }
}

impl<'a> ResolvedType<'a> {
    fn known(known: &'a EventType, word: &str) -> Self {
        let display = known.display.as_deref().map(Cow::Borrowed);
        Self {
            name: Cow::Borrowed(&known.name),
            display: display.unwrap_or_else(|| Cow::Owned(word.to_owned())),
            known: Some(known),
            unknown: None,
        }
    }

    fn unknown(word: Cow<'a, str>, name: Cow<'a, str>) -> Self {
        Self {
            name,
            display: word.clone(),
            known: None,
            unknown: Some(word),
        }
    }

    /// The name in rules of an event webhook's type: `agent.StateChanged` for
    /// `zen:event-type:agent.state_changed`.
    pub fn webhook_tag(word: &str) -> String {
        camel_case(suffix(word))
    }

    /// The type of an event webhook without `zen:event-type:`.
    pub fn webhook_name(word: &str) -> &str {
        suffix(word)
    }

    /// The warning for an unknown type.
    pub fn warning(&self, source: &str, catalogue: &Catalogue) -> Option<String> {
        let (word, name) = (self.unknown.as_ref()?, &self.name);
        let nearest = match catalogue.nearest(source, word) {
            Some(near) => format!("the most similar known type is `{}`", near.name),
            None => "no known type is similar".to_owned(),
        };
        Some(format!(
            "unknown event type `{word}` of `{source}`: {nearest}; its name in rules is `{name}`"
        ))
    }
}

fn text<'a>(
    walk: &mut PathCursor<'a>,
    at: &'static DocumentPath,
) -> Result<Cow<'a, str>, DecodeError> {
    let (found, path) = (walk.find(at), at.text);
    match found.and_then(ValueRef::text) {
        Some(text) if !text.trim_start().is_empty() => Ok(text),
        Some(_) => Err(DecodeError::at(
            path,
            format!("`{path}` is empty, expected the event type"),
        )),
        None => Err(DecodeError::wrong(path, found, "text")),
    }
}

/// The vendor writes some types with a slash instead of the last colon.
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

/// Adds the type of the event webhook to a Zendesk type without one: `agent.state_changed` for
/// `agent.state_changed` and for `agent.StateChanged`.
pub fn with_webhook(mut event_type: EventType) -> EventType {
    if event_type.source == "support" && event_type.webhook.is_none() {
        let mut webhook = String::new();
        for letter in suffix(&event_type.name).chars() {
            if letter.is_ascii_uppercase() && !webhook.is_empty() && !webhook.ends_with('.') {
                webhook.push('_');
            }
            webhook.push(letter.to_ascii_lowercase());
        }
        event_type.webhook = Some(webhook);
    }
    event_type
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_webhook_type_gets_a_name_in_its_family() {
        assert_eq!(
            camel_case("ticket.teleported_away"),
            "ticket.TeleportedAway"
        );
        assert_eq!(camel_case("oddity"), "oddity");
        assert_eq!(suffix("zen:event-type/user.merged"), "user.merged");
        assert_eq!(suffix("zen:event-type:user.merged"), "user.merged");
    }

    #[test]
    fn a_type_is_found_by_any_name() {
        let all = Catalogue::built_in();
        for word in [
            "ticket_message.ClientPosted",
            "client_posted_ticket_message_hook",
            "client posted ticket message",
        ] {
            let named = by_any_name(word.into(), "upmind", all);
            assert_eq!(named.name, "ticket_message.ClientPosted");
            assert_eq!(named.warning("upmind", all), None);
        }
    }
}
