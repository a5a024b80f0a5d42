//! An event type of the catalogue: its names in every format, its groups and its fields.
//! Unknown and duplicate keys are errors, because users extend the catalogue in their configuration.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

use crate::event::catalogue::field_type::FieldType;
use crate::event::catalogue::misspelling;

const OBJECT: FieldType = FieldType::Object;

/// An event type. The configuration adds or replaces types with the same keys.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EventType {
    pub source: String,
    /// The name in rules: `ticket.PriorityChanged`. `tag` is the former key, which stored configurations use.
    #[serde(rename = "name", alias = "tag")]
    pub name: String,
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
    /// The fields of this type, in addition to those of its family.
    #[serde(default, skip_serializing_if = "TypeFields::is_empty")]
    pub fields: TypeFields,
    /// Whether events of this type may have fields that are not listed.
    #[serde(default)]
    pub open: bool,
    /// The index in its catalogue; 0 for a type that is in none.
    #[serde(skip)]
    pub number: usize,
}

/// Dotted paths and their types, in the order of the source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TypeFields(pub Vec<(String, FieldType)>);

/// A field of an event type.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FieldInfo {
    pub path: String,
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// The formats that include it, described, if not all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// The type must declare this field, or this field does not exist in it.
    #[serde(default, skip_serializing)]
    beside: Option<String>,
}

/// The catalogue's answer for a path.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldLookup<'a> {
    Known(&'a FieldType),
    /// In a value of which no field is listed.
    Open,
    /// Not listed, in a type or an object that may have fields that are not listed.
    Unlisted {
        /// The listed field of which this is probably a misspelling.
        misspelt: Option<String>,
    },
    Unknown {
        nearest: Option<String>,
    },
}

/// The fields that all types of a family have, for example those of the ticket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    source: String,
    family: String,
    fields: Vec<FieldInfo>,
}

/// The built-in catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuiltIn {
    pub families: Vec<Family>,
    pub every_event: Vec<FieldInfo>,
    pub types: Vec<EventType>,
}

pub(crate) static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    serde_json::from_str(include_str!("catalogue.json"))
        .expect("the built-in catalogue is checked by a test")
});

impl EventType {
    /// The part of the name before the first dot: `ticket`.
    pub fn family(&self) -> &str {
        let end = self.name.bytes().position(|byte| byte == b'.');
        end.map_or(&self.name, |end| &self.name[..end])
    }

    /// All fields of events of this type, its own fields first.
    pub fn fields(&self) -> Vec<FieldInfo> {
        let own = self.fields.0.iter().map(|(path, field_type)| FieldInfo {
            path: path.clone(),
            field_type: field_type.clone(),
            only: None,
            beside: None,
        });
        own.chain(self.shared().cloned()).collect()
    }

    /// Whether a path exists in events of this type, and its type.
    pub fn field(&self, path: &str) -> FieldLookup<'_> {
        let known: Vec<(&str, &FieldType)> = self.known().collect();
        if let Some((_, found)) = known.iter().find(|(p, _)| *p == path) {
            return FieldLookup::Known(found);
        }
        if known.iter().any(|(p, _)| is_inside(p, path)) {
            return FieldLookup::Known(&OBJECT);
        }
        let parent = known
            .iter()
            .filter(|(p, _)| is_inside(path, p))
            .max_by_key(|(p, _)| p.len());
        match parent {
            Some((parent, field_type)) => self.within(parent, field_type, path, &known),
            None if self.open => FieldLookup::Unlisted {
                misspelt: misspelling::of(path, known.iter().map(|(known, _)| *known)),
            },
            None => unknown(path, &known),
        }
    }

    /// The formats that include a field, described, if not all do: `ticket.subject` exists only in event
    /// webhooks.
    pub fn only_in(&self, path: &str) -> Option<&'static str> {
        if self.fields.0.iter().any(|(own, _)| own == path) {
            return None;
        }
        self.shared()
            .find(|field| field.path == path)
            .and_then(|field| field.only.as_deref())
    }

    /// Whether a text differs from a name of this type by one letter, blanks and punctuation.
    pub fn is_misspelt_as(&self, text: &str) -> bool {
        misspelling::is_near(text, self.names())
            || self.display.as_ref().is_some_and(|display| {
                let named = format!("{}{display}", self.family());
                misspelling::is_near(text, [named.as_str()].into_iter())
            })
    }

    /// Whether this type declares a field of this name or a field in it.
    pub fn owns(&self, name: &str) -> bool {
        self.fields
            .0
            .iter()
            .any(|(path, _)| path == name || is_inside(path, name))
    }

    /// All names of this type.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str())
            .chain(self.display.as_deref())
            .chain(self.webhook.as_deref())
            .chain(self.codes.iter().map(String::as_str))
    }

    fn within<'a>(
        &'a self,
        parent: &str,
        field_type: &'a FieldType,
        path: &str,
        known: &[(&str, &FieldType)],
    ) -> FieldLookup<'a> {
        let rest = &path[parent.len() + 1..];
        match field_type {
            FieldType::Any | FieldType::Object => {
                let mut inside = known.iter().map(|(known, _)| *known);
                match inside.any(|known| is_inside(known, parent)) {
                    true => FieldLookup::Unlisted {
                        misspelt: misspelling::of(path, known.iter().map(|(known, _)| *known)),
                    },
                    false => FieldLookup::Open,
                }
            }
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

    fn shared(&self) -> impl Iterator<Item = &'static FieldInfo> {
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

impl TypeFields {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for TypeFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> de::Visitor<'de> for Ordered {
            type Value = TypeFields;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a mapping of field paths to types")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<TypeFields, A::Error> {
                let mut fields: Vec<(String, FieldType)> = Vec::new();
                while let Some((path, field_type)) = map.next_entry::<String, FieldType>()? {
                    if fields.iter().any(|(known, _)| *known == path) {
                        return Err(de::Error::custom(format!("duplicate field `{path}`")));
                    }
                    fields.push((path, field_type));
                }
                Ok(TypeFields(fields))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

impl Serialize for TypeFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (path, field_type) in &self.0 {
            map.serialize_entry(path, field_type)?;
        }
        map.end()
    }
}

/// Whether ZIS sends a field, or a field in it, with events of a family of `support`: `None` if the catalogue
/// does not list it. `ticket.subject` is in event webhooks only.
pub fn in_zis(family: &str, path: &str) -> Option<bool> {
    let families = BUILT_IN.families.iter();
    let of_family = families.filter(|f| f.source == "support" && f.family == family);
    let fields = of_family.flat_map(|f| &f.fields);
    let fields = fields.filter(|field| field.path == path || is_inside(&field.path, path));
    let sent = |field: &FieldInfo| field.only.as_ref().is_none_or(|only| only.contains("ZIS"));
    fields.map(sent).reduce(|one, other| one || other)
}

fn is_inside(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('.'))
}

fn unknown<'a>(path: &str, known: &[(&str, &FieldType)]) -> FieldLookup<'a> {
    let suffix = format!(".{path}");
    let nearest = known
        .iter()
        .find(|(p, _)| p.ends_with(&suffix))
        .map(|(p, _)| (*p).to_owned())
        .or_else(|| nearest_path(path, known.iter().map(|(p, _)| *p)));
    FieldLookup::Unknown { nearest }
}

fn nearest_path<'a>(path: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|p| (similarity(p, path), p))
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, p)| p.to_owned())
}

/// The similarity of two paths, mostly of their last segments, because many paths share a prefix.
fn similarity(known: &str, path: &str) -> f64 {
    const MIN_SEGMENT: f64 = 0.6;
    const MIN_PATH: f64 = 0.85;
    let similar = strsim::normalized_damerau_levenshtein;
    let split = |path| str::rsplit_once(path, '.').unwrap_or(("", path));
    let ((parent, name), (path_parent, path_name)) = (split(known), split(path));
    let (whole, last) = (similar(known, path), similar(name, path_name));
    match last >= MIN_SEGMENT {
        true => 0.7 * last + 0.3 * similar(parent, path_parent),
        false if whole >= MIN_PATH => whole,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;

    fn event_type(name: &str) -> &'static EventType {
        Catalogue::built_in().by_name("support", name).expect(name)
    }

    fn nearest(name: &str, path: &str) -> Option<String> {
        match event_type(name).field(path) {
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
    fn an_unknown_field_suggests_the_most_similar_one() {
        let name = "ticket.PriorityChanged";
        assert_eq!(
            nearest(name, "ticket.prioritty").as_deref(),
            Some("ticket.priority")
        );
        assert_eq!(nearest(name, "status").as_deref(), Some("ticket.status"));
        assert_eq!(
            nearest(name, "ticket.via.chanel").as_deref(),
            Some("ticket.via.channel")
        );
        assert_eq!(nearest(name, "zzzzzzzzzz"), None);
        assert_eq!(nearest("ticket.TicketCreated", "previous"), None);
    }

    #[test]
    fn fields_in_open_values_are_possible() {
        let custom = event_type("ticket.CustomFieldChanged");
        assert_eq!(
            custom.field("current.relationship_target"),
            FieldLookup::Open
        );
        assert_eq!(
            event_type("user.UserCreated").field("what"),
            FieldLookup::Unlisted { misspelt: None }
        );
    }

    #[test]
    fn a_field_of_some_formats_names_them() {
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
        let broken = r#"{"source": "a", "name": "b", "feilds": {}}"#;
        assert!(serde_json::from_str::<EventType>(broken).is_err());
        let twice = r#"{"source": "a", "name": "b", "fields": {"x": "id", "x": "text"}}"#;
        assert!(serde_json::from_str::<EventType>(twice).is_err());
        let fine = r#"{"source": "a", "name": "b", "fields": {"x": "list<id>"}}"#;
        let read: EventType = serde_json::from_str(fine).expect("a small type");
        assert_eq!(read.fields().len(), 1 + BUILT_IN.every_event.len());
    }
}
