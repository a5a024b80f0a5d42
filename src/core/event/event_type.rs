//! One kind of event, as data: its names in every shape, its groups and its fields.
//! It refuses unknown and repeated keys, because people extend the catalogue in their configuration.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

use super::field_type::FieldType;

const OBJECT: FieldType = FieldType::Object;

/// A type of event. Configuration adds or replaces types in exactly this shape.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EventType {
    pub source: String,
    pub tag: String,
    /// The name in the ZIS envelope and in EventBridge: `Priority Changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The event webhook's type without `zen:event-type:`: `ticket.priority_changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Upmind hook codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    #[serde(default)]
    pub summary: String,
    /// The fields that this type has beside those of its family.
    #[serde(default, skip_serializing_if = "OwnFields::is_empty")]
    pub fields: OwnFields,
    /// Whether an event of this type may hold fields that nobody listed.
    #[serde(default)]
    pub open: bool,
}

/// Dotted paths and their types, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnFields(pub Vec<(String, FieldType)>);

/// A field as a reader of the catalogue sees it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub path: String,
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// The shapes that bring it, in words, where not every shape does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// The own field that a type must have for this one to come with it.
    #[serde(default, skip_serializing)]
    beside: Option<String>,
}

/// What the catalogue knows of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldLookup<'a> {
    Known(&'a FieldType),
    /// Not listed, but possible.
    Open,
    Unknown {
        nearest: Option<String>,
    },
}

/// What all types of one family have in common, for example the ticket's fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Family {
    source: String,
    family: String,
    fields: Vec<Field>,
}

/// The part of the catalogue that no configuration changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuiltIn {
    pub families: Vec<Family>,
    pub every_event: Vec<Field>,
    pub types: Vec<EventType>,
}

pub(super) static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    serde_json::from_str(include_str!("catalogue.json"))
        .expect("the built-in catalogue is checked by a test")
});

impl EventType {
    /// The part of the tag before its first dot: `ticket`.
    pub fn family(&self) -> &str {
        self.tag.split('.').next().unwrap_or_default()
    }

    /// Every field that events of this type may have, own ones first.
    pub fn fields(&self) -> Vec<Field> {
        let own = self.fields.0.iter().map(|(path, field_type)| Field {
            path: path.clone(),
            field_type: field_type.clone(),
            only: None,
            beside: None,
        });
        own.chain(self.shared().cloned()).collect()
    }

    /// Whether a path can be addressed in events of this type, and what it holds.
    pub fn field(&self, path: &str) -> FieldLookup<'_> {
        let known: Vec<(&str, &FieldType)> = self.known().collect();
        if let Some((_, found)) = known.iter().find(|(p, _)| *p == path) {
            return FieldLookup::Known(found);
        }
        if known.iter().any(|(p, _)| is_inside(p, path)) {
            return FieldLookup::Known(&OBJECT);
        }
        let holder = known
            .iter()
            .filter(|(p, _)| is_inside(path, p))
            .max_by_key(|(p, _)| p.len());
        match holder {
            Some((holder, field_type)) => self.within(holder, field_type, path, &known),
            None if self.open => FieldLookup::Open,
            None => unknown(path, &known),
        }
    }

    /// The shapes that bring a field, in words, where not every shape does: `ticket.subject` comes
    /// with event webhooks only.
    pub fn only_in(&self, path: &str) -> Option<&'static str> {
        if self.fields.0.iter().any(|(own, _)| own == path) {
            return None;
        }
        self.shared()
            .find(|field| field.path == path)
            .and_then(|field| field.only.as_deref())
    }

    /// Whether a field of this name, or below it, is this type's own.
    pub fn owns(&self, name: &str) -> bool {
        self.fields
            .0
            .iter()
            .any(|(path, _)| path == name || is_inside(path, name))
    }

    /// Every word under which somebody may know this type.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.tag.as_str())
            .chain(self.display.as_deref())
            .chain(self.webhook.as_deref())
            .chain(self.codes.iter().map(String::as_str))
    }

    fn within<'a>(
        &'a self,
        holder: &str,
        field_type: &'a FieldType,
        path: &str,
        known: &[(&str, &FieldType)],
    ) -> FieldLookup<'a> {
        let rest = &path[holder.len() + 1..];
        match field_type {
            FieldType::Any | FieldType::Object => FieldLookup::Open,
            FieldType::List(element) if rest.parse::<usize>().is_ok() => {
                FieldLookup::Known(element)
            }
            FieldType::List(_)
            | FieldType::Id
            | FieldType::Integer
            | FieldType::Decimal
            | FieldType::Text
            | FieldType::Boolean
            | FieldType::Time
            | FieldType::Date
            | FieldType::Priority
            | FieldType::Status
            | FieldType::TicketType => unknown(path, known),
        }
    }

    fn known(&self) -> impl Iterator<Item = (&str, &FieldType)> {
        let own = self.fields.0.iter().map(|(p, t)| (p.as_str(), t));
        own.chain(self.shared().map(|f| (f.path.as_str(), &f.field_type)))
    }

    fn shared(&self) -> impl Iterator<Item = &'static Field> {
        let family = BUILT_IN
            .families
            .iter()
            .filter(|f| f.source == self.source && f.family == self.family())
            .flat_map(|f| &f.fields);
        family
            .chain(&BUILT_IN.every_event)
            .filter(|field| field.beside.as_deref().is_none_or(|own| self.owns(own)))
    }
}

impl OwnFields {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for OwnFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> de::Visitor<'de> for Ordered {
            type Value = OwnFields;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a mapping of field paths to types")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<OwnFields, A::Error> {
                let mut fields: Vec<(String, FieldType)> = Vec::new();
                while let Some((path, field_type)) = map.next_entry::<String, FieldType>()? {
                    if fields.iter().any(|(known, _)| *known == path) {
                        return Err(de::Error::custom(format!("duplicate field `{path}`")));
                    }
                    fields.push((path, field_type));
                }
                Ok(OwnFields(fields))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

impl Serialize for OwnFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (path, field_type) in &self.0 {
            map.serialize_entry(path, field_type)?;
        }
        map.end()
    }
}

fn is_inside(path: &str, holder: &str) -> bool {
    path.strip_prefix(holder)
        .is_some_and(|rest| rest.starts_with('.'))
}

fn unknown<'a>(path: &str, known: &[(&str, &FieldType)]) -> FieldLookup<'a> {
    let ending = format!(".{path}");
    let nearest = known
        .iter()
        .find(|(p, _)| p.ends_with(&ending))
        .map(|(p, _)| (*p).to_owned())
        .or_else(|| nearest_path(path, known.iter().map(|(p, _)| *p)));
    FieldLookup::Unknown { nearest }
}

fn nearest_path<'a>(path: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|p| (alike(p, path), p))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, p)| p.to_owned())
}

/// How alike two paths are, mostly by their last names: that both start with `ticket.` says little.
fn alike(known: &str, path: &str) -> f64 {
    const NEAR: f64 = 0.6;
    const SPELLED_ALIKE: f64 = 0.85;
    let likeness = strsim::normalized_damerau_levenshtein;
    let split = |path| str::rsplit_once(path, '.').unwrap_or(("", path));
    let ((above, name), (path_above, path_name)) = (split(known), split(path));
    let (whole, last) = (likeness(known, path), likeness(name, path_name));
    match last >= NEAR {
        true => 0.7 * last + 0.3 * likeness(above, path_above),
        false if whole >= SPELLED_ALIKE => whole,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Catalogue;
    use super::*;

    fn event_type(tag: &str) -> &'static EventType {
        Catalogue::built_in().by_tag("support", tag).expect(tag)
    }

    fn nearest(tag: &str, path: &str) -> Option<String> {
        match event_type(tag).field(path) {
            FieldLookup::Unknown { nearest } => nearest,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn own_ticket_meta_envelope_and_event_fields_are_known() {
        let priority = event_type("ticket.PriorityChanged");
        for (path, field_type) in [
            ("previous", "priority"),
            ("ticket.tags", "list<text>"),
            ("ticket.tags.0", "text"),
            ("ticket.via", "object"),
            ("ticket.subject", "text"),
            ("meta.sequence.position", "integer"),
            ("actor_id", "id"),
            ("event.time", "time"),
            ("type", "text"),
        ] {
            match priority.field(path) {
                FieldLookup::Known(found) => assert_eq!(found.name(), field_type, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_unknown_field_names_the_nearest_one() {
        let tag = "ticket.PriorityChanged";
        assert_eq!(
            nearest(tag, "ticket.prioritty").as_deref(),
            Some("ticket.priority")
        );
        assert_eq!(nearest(tag, "status").as_deref(), Some("ticket.status"));
        assert_eq!(
            nearest(tag, "ticket.via.chanel").as_deref(),
            Some("ticket.via.channel")
        );
        assert_eq!(nearest(tag, "zzzzzzzzzz"), None);
        assert_eq!(nearest("ticket.TicketCreated", "previous"), None);
    }

    #[test]
    fn inside_any_value_everything_is_possible() {
        let custom = event_type("ticket.CustomFieldChanged");
        assert_eq!(
            custom.field("current.relationship_target"),
            FieldLookup::Open
        );
        assert_eq!(
            event_type("user.UserCreated").field("what"),
            FieldLookup::Open
        );
    }

    #[test]
    fn a_field_of_some_shapes_says_which() {
        let comment = event_type("ticket.CommentAdded");
        assert_eq!(comment.only_in("ticket.subject"), Some("event webhooks"));
        assert_eq!(comment.only_in("comment.html_body"), Some("event webhooks"));
        assert_eq!(comment.only_in("ticket.status"), None);
        let created = event_type("ticket.TicketCreated");
        assert!(matches!(
            created.field("comment.html_body"),
            FieldLookup::Unknown { .. }
        ));
    }

    #[test]
    fn a_type_from_configuration_is_strict() {
        let broken = r#"{"source": "a", "tag": "b", "feilds": {}}"#;
        assert!(serde_json::from_str::<EventType>(broken).is_err());
        let twice = r#"{"source": "a", "tag": "b", "fields": {"x": "id", "x": "text"}}"#;
        assert!(serde_json::from_str::<EventType>(twice).is_err());
        let fine = r#"{"source": "a", "tag": "b", "fields": {"x": "list<id>"}}"#;
        let read: EventType = serde_json::from_str(fine).expect("a small type");
        assert_eq!(read.fields().len(), 1 + BUILT_IN.every_event.len());
    }
}
