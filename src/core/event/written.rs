//! What a request to a help desk's API writes, as data: the event that comes of it, and where that event
//! carries what was written. It refuses nothing: what is not listed comes back as nothing known.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// One field of a request's body whose change is an event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The tag of the event.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Which ticket the request is about.
    #[serde(default)]
    pub of: Ticket,
    /// The field: keys joined by dots.
    pub writes: String,
    /// Paths of the event, with the field whose value then stands there. Null: it depends on what
    /// the ticket was before.
    pub carries: BTreeMap<String, Option<String>>,
    /// What a field is that the body leaves out.
    #[serde(default)]
    pub unless_given: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ticket {
    /// The one that the event is about.
    #[default]
    Own,
    /// One that the request makes.
    New,
}

impl Written {
    pub fn all() -> &'static [Written] {
        static WRITTEN: LazyLock<Vec<Written>> = LazyLock::new(|| {
            serde_json::from_str(include_str!("written.json")).expect("written.json is sound")
        });
        &WRITTEN
    }

    /// Where the event has this path from: the longest listed path that leads to it.
    pub fn source_of(&self, path: &str) -> Option<Option<&str>> {
        let leads = |known: &str| {
            let rest = path.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let listed = self.carries.iter().filter(|(known, _)| leads(known));
        let (known, field) = listed.max_by_key(|(known, _)| known.len())?;
        let exact = known == path;
        Some(field.as_deref().filter(|_| exact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::catalogue::{Catalogue, FieldLookup};

    #[test]
    fn every_entry_names_an_event_and_paths_that_it_has() {
        assert_eq!(Written::all().len(), 23);
        for written in Written::all() {
            let known = Catalogue::built_in().by_tag("support", &written.event_type);
            let known = known.unwrap_or_else(|| panic!("{}", written.event_type));
            for path in written.carries.keys() {
                let unknown = matches!(known.field(path), FieldLookup::Unknown { .. });
                assert!(!unknown, "{} has no {path}", written.event_type);
            }
        }
    }

    #[test]
    fn the_nearest_listed_path_counts() {
        let mut all = Written::all().iter();
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
