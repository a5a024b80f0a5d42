//! Returns the sample event of a type: a shipped file, or one derived from another type of the family.
//! Families without a shipped sample, such as those of a configuration, have none.

use serde_json::{Map, Value};

use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::catalogue::event_type::EventType;
use flowtrigger_core::event::catalogue::field_type::FieldType;
use flowtrigger_core::event::catalogue::sample::{SAMPLES, Sample as Shipped, sample};
use flowtrigger_core::event::json::lookup::put;

/// A complete event, as the help desk sends it.
#[derive(Debug, PartialEq)]
pub struct TypeSample {
    pub text: String,
    /// The file that it is or was derived from.
    pub file: &'static str,
    pub origin: SampleOrigin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleOrigin {
    Shipped,
    /// Derived from another type's: the type and its own fields are replaced.
    Derived,
}

impl TypeSample {
    pub fn new(event_type: &EventType, catalogue: &Catalogue) -> Option<Self> {
        if let Some(shipped) = sample(&event_type.source, &event_type.name) {
            return Some(Self {
                text: shipped.text.to_owned(),
                file: shipped.file,
                origin: SampleOrigin::Shipped,
            });
        }
        let sibling = sibling(event_type)?;
        let like = catalogue.by_name(sibling.source, sibling.name)?;
        let event = derive(sibling, like, event_type)?;
        Some(Self {
            text: format!("{event:#}"),
            file: sibling.file,
            origin: SampleOrigin::Derived,
        })
    }
}

/// A shipped sample of the same family. An event webhook is preferred, because only this format has
/// every type.
fn sibling(event_type: &EventType) -> Option<&'static Shipped> {
    let family = format!("{}.", event_type.family());
    let mut siblings = SAMPLES
        .iter()
        .filter(|s| s.source == event_type.source && s.name.starts_with(&family));
    let first = siblings.clone().next();
    let webhook = siblings.find(|s| s.file.contains("/webhook/"));
    webhook.filter(|_| event_type.webhook.is_some()).or(first)
}

fn derive(sibling: &Shipped, like: &EventType, event_type: &EventType) -> Option<Value> {
    let mut event: Value = serde_json::from_str(sibling.text).ok()?;
    let own = if sibling.file.contains("/webhook/") {
        let suffix = event_type.webhook.as_deref()?;
        event["type"] = format!("zen:event-type:{suffix}").into();
        event.get_mut("event")?.as_object_mut()?
    } else {
        let bodies = event.get_mut("input")?.as_object_mut()?;
        let body = bodies.values_mut().next()?.as_object_mut()?;
        body.insert("type".into(), event_type.display.as_deref()?.into());
        body
    };
    replace_fields(own, like, event_type);
    Some(event)
}

/// Replaces the sibling's own fields by the type's.
fn replace_fields(body: &mut Map<String, Value>, like: &EventType, event_type: &EventType) {
    for (path, _) in &like.fields.0 {
        body.shift_remove(path.split('.').next().unwrap_or(path));
    }
    for (path, field_type) in &event_type.fields.0 {
        let [before, after] = values(field_type);
        let value = match path.ends_with("previous") {
            true => before,
            false => after,
        };
        put(body, path, value);
    }
}

/// Example values of a field before and after a change.
fn values(field_type: &FieldType) -> [Value; 2] {
    match field_type {
        FieldType::Id => [51200418.into(), 51200977.into()],
        FieldType::Integer => [1.into(), 2.into()],
        FieldType::Decimal => [1.5.into(), 2.5.into()],
        FieldType::Text => ["old".into(), "new".into()],
        FieldType::Boolean => [false.into(), true.into()],
        FieldType::Time => ["2026-03-01T08:00:00Z".into(), "2026-03-02T09:41:30Z".into()],
        FieldType::Date => ["2026-03-01".into(), "2026-03-02".into()],
        FieldType::Priority => ["normal".into(), "urgent".into()],
        FieldType::Status => ["open".into(), "solved".into()],
        FieldType::TicketType => ["question".into(), "incident".into()],
        FieldType::List(element) => values(element).map(|value| Value::Array(vec![value])),
        FieldType::Object => [Value::Object(Map::new()), Value::Object(Map::new())],
        FieldType::Any => ["old".into(), "new".into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::event::format::decode;
    use flowtrigger_core::event::json::lookup::find;
    use flowtrigger_core::event::json::value_ref::ValueRef;

    #[test]
    fn every_sample_decodes_as_its_type() {
        let all = Catalogue::built_in();
        for event_type in all.types() {
            let name = &event_type.name;
            let sample =
                TypeSample::new(event_type, all).unwrap_or_else(|| panic!("{name} has none"));
            let value = serde_json::from_str(&sample.text).expect(name);
            let event = decode(value, all).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(&event.event_type, name);
            assert_eq!(event.source, event_type.source);
            assert_eq!(event.warnings, [""; 0], "{name}");
        }
    }

    #[test]
    fn a_derived_sample_has_the_fields_of_its_type() {
        let all = Catalogue::built_in();
        for event_type in all.types() {
            let sample = TypeSample::new(event_type, all).expect("every type has a sample");
            if sample.origin == SampleOrigin::Shipped {
                continue;
            }
            let value = serde_json::from_str(&sample.text).expect("JSON");
            let event = decode(value, all).expect("an event");
            for (path, _) in &event_type.fields.0 {
                let name = &event_type.name;
                assert!(
                    find(ValueRef::Built(&event.body), path).is_some(),
                    "{name} lacks {path}"
                );
            }
        }
    }

    #[test]
    fn a_configured_type_has_no_sample() {
        let own: EventType =
            serde_json::from_str(r#"{"source": "crm", "name": "deal.Won"}"#).expect("a type");
        assert_eq!(TypeSample::new(&own, Catalogue::built_in()), None);
    }
}
