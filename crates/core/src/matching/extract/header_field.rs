//! The fields of an event's header, which are values of paths below `event`.

use serde_json::Value;

use crate::event::header::EventHeader;
use crate::matching::extract::{ComputedValue, ValueOrigin};
use crate::path::{Path, PathSegment};

/// A field of the event's header.
#[derive(Debug, Clone, Copy)]
pub enum HeaderField {
    Source,
    Endpoint,
    Type,
    Id,
    Key,
    Time,
    /// The display name, which `type` reads in the body.
    Display,
}

impl HeaderField {
    /// Its value in the header of an event.
    pub fn value(self, head: &EventHeader<'_>) -> Value {
        match self {
            HeaderField::Source => head.source.into(),
            HeaderField::Endpoint => head.endpoint.into(),
            HeaderField::Type => Value::from(&*head.named.name),
            HeaderField::Display => Value::from(&*head.named.display),
            HeaderField::Id => head.id().into(),
            HeaderField::Key => head.key().as_deref().into(),
            HeaderField::Time => head.time().map(|time| time.to_string()).into(),
        }
    }
}

/// The origin of a path below `event`.
pub fn origin(path: &Path, keys: &[PathSegment]) -> ValueOrigin {
    let [key] = keys else {
        return match keys {
            [] => ValueOrigin::Computed(ComputedValue::Event(path.clone())),
            _ => ValueOrigin::Nowhere,
        };
    };
    let field = match key.name.as_str() {
        "source" => HeaderField::Source,
        "endpoint" => HeaderField::Endpoint,
        "type" => HeaderField::Type,
        "id" => HeaderField::Id,
        "key" => HeaderField::Key,
        "time" => HeaderField::Time,
        _ => return ValueOrigin::Nowhere,
    };
    ValueOrigin::Computed(ComputedValue::About(field))
}
