//! Write effects: which event a write through the help desk's API causes, and which fields it sets.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// One field of a request's body whose change is an event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteEffect {
    /// The event type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The ticket or other object that the request writes.
    #[serde(default)]
    pub ticket: TargetObject,
    /// The dotted path of the field in the request body.
    pub writes: String,
    /// Paths of the event, with the request field that sets each. Null: the value depends on the ticket
    /// before.
    pub sets: BTreeMap<String, Option<String>>,
    /// The defaults of fields that the body omits.
    #[serde(default)]
    pub defaults: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetObject {
    /// That of the event.
    #[default]
    Own,
    /// One that the request creates.
    New,
}

impl WriteEffect {
    pub fn all() -> &'static [WriteEffect] {
        static WRITTEN: LazyLock<Vec<WriteEffect>> = LazyLock::new(|| {
            serde_json::from_str(include_str!("write_effects.json"))
                .expect("the write effects are checked by a test")
        });
        &WRITTEN
    }

    /// The kind of object that the request writes: `ticket`, `user`, `organization`.
    pub fn object(&self) -> &str {
        self.writes.split('.').next().unwrap_or_default()
    }

    /// The request field that sets a path of the event, by the longest listed path that contains it.
    pub fn source_of(&self, path: &str) -> Option<Option<&str>> {
        let contains = |known: &str| {
            let rest = path.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let listed = self.sets.iter().filter(|(known, _)| contains(known));
        let (known, field) = listed.max_by_key(|(known, _)| known.len())?;
        let exact = known == path;
        Some(field.as_deref().filter(|_| exact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::event_type::FieldLookup;

    #[test]
    fn every_entry_has_a_known_event_type_and_paths() {
        assert_eq!(WriteEffect::all().len(), 42);
        for written in WriteEffect::all() {
            let known = Catalogue::built_in().by_name("support", &written.event_type);
            let known = known.unwrap_or_else(|| panic!("{}", written.event_type));
            for path in written.sets.keys() {
                let unknown = matches!(known.field(path), FieldLookup::Unknown { .. });
                assert!(!unknown, "{} has no {path}", written.event_type);
            }
        }
    }

    #[test]
    fn the_longest_listed_path_counts() {
        let mut all = WriteEffect::all().iter();
        let comment = all.find(|written| written.writes == "ticket.comment");
        let comment = comment.expect("an entry");
        assert_eq!(
            comment.source_of("comment.is_public"),
            Some(Some("ticket.comment.public"))
        );
        assert_eq!(comment.source_of("comment.author.is_staff"), Some(None));
        assert_eq!(comment.source_of("comment.id"), Some(None));
        assert_eq!(comment.source_of("commentary"), None);
    }
}
