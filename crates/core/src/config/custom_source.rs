//! Reads the description of a custom source: the locations of event type, id, key and time in the body and its request.

use crate::config::source::{DeliveryIdentity, EventSource};
use crate::config::value_location;
use crate::config::value_location::{BareText, RequestLocation, RequestNeeds, header_name};
use crate::config::verification::Scheme;
use crate::config::verification::preset::EventTypeLocation;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node};
use crate::event::format::custom::{CustomFormat, ValueLocation, ValueLocations};
use jiff::tz::TimeZone;

/// Reads the description of an entry, and what it needs of requests; `None` after an error was reported.
pub fn lower(
    entry: &Entry,
    scheme: Option<&Scheme>,
    needs: &mut RequestNeeds,
    diagnostics: &mut Diagnostics,
) -> Option<CustomFormat> {
    let node = &entry.value;
    let of_sender = scheme.and_then(Scheme::event_type);
    let event_type = match (node.get("event_type"), of_sender) {
        (Some(event_type), _) => {
            let bare = BareText::Constant;
            value_location::lower(event_type, "event_type", bare, needs, diagnostics)
        }
        (None, Some(location)) => Some(type_of_sender(location, needs)),
        (None, None) => {
            let message = format!("the source `{}` has no `event_type`", entry.key);
            return diagnostics.reject(
            Code::MissingKey,
            entry.key_at,
            message,
            "write a constant, { path: … } or { header: … }; or name a built-in decoder: `decoder: support`",
        );
        }
    };
    let time_zone = match node.get("time_zone") {
        Some(zone) => Some(lower_time_zone(zone, diagnostics)?),
        None => None,
    };
    let id = match node.get("id").map(|id| lower_id(id, needs, diagnostics)) {
        Some(id) => match id? {
            IdSource::Locations(locations) => locations,
            IdSource::Header(_) | IdSource::None => ValueLocations::default(),
        },
        None => ValueLocations::default(),
    };
    let event_source = match node.get("event_source") {
        Some(name) => Some(diagnostics.text(name, "event_source")?),
        None => None,
    };
    let mut locations = |key: &str| match node.get(key) {
        Some(value) => value_location::lower(value, key, BareText::Path, needs, diagnostics),
        None => Some(ValueLocations::default()),
    };
    let (key, time) = (locations("key"), locations("time"));
    Some(CustomFormat {
        name: entry.key.clone(),
        source: event_source.unwrap_or_else(|| entry.key.clone()),
        event_type: event_type?,
        id,
        key: key?,
        time: time?,
        time_zone,
    })
}

/// Where the senders of a scheme name the type of an event.
fn type_of_sender(location: EventTypeLocation, needs: &mut RequestNeeds) -> ValueLocations {
    let path = match location {
        EventTypeLocation::Header(name) => needs.add(&RequestLocation::Header(name.to_owned())),
        EventTypeLocation::Body(path) => path.to_owned(),
    };
    ValueLocations(vec![ValueLocation::Path(path)])
}

fn lower_time_zone(node: &Node, diagnostics: &mut Diagnostics) -> Option<TimeZone> {
    let name = diagnostics.text(node, "time_zone")?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        let message = format!("unknown time zone `{name}`");
        let help =
            "write the name of a zone of the IANA database, such as `Europe/Berlin` or `UTC`";
        diagnostics.error(Code::InvalidValue, node.at, message, help);
    }
    zone
}

/// The value of `id`.
enum IdSource {
    Locations(ValueLocations),
    /// One header alone, which every request must have.
    Header(String),
    None,
}

/// What a path in the body may start with instead of a header.
const HEADER_PREFIX: &str = "header.";

fn lower_id(
    node: &Node,
    needs: &mut RequestNeeds,
    diagnostics: &mut Diagnostics,
) -> Option<IdSource> {
    let text = node.as_text().unwrap_or_default();
    if text == "none" {
        return Some(IdSource::None);
    }
    if let Some(name) = text.strip_prefix(HEADER_PREFIX) {
        return header_name(name, node.at, diagnostics).map(IdSource::Header);
    }
    if let Some([entry]) = node.as_map()
        && entry.key == "header"
    {
        let name = diagnostics.text(&entry.value, "header")?;
        return header_name(&name, entry.value.at, diagnostics).map(IdSource::Header);
    }
    value_location::lower(node, "id", BareText::Path, needs, diagnostics).map(IdSource::Locations)
}

/// What identifies the events of a source besides a path in their bodies; `None` after an error was reported.
pub fn identity(entry: &Entry, source: &EventSource) -> Option<DeliveryIdentity> {
    let scheme = source.verification.as_ref();
    let delivery = scheme.and_then(|verification| verification.scheme.delivery_id());
    if source.description().is_none() {
        return Some(delivery.map_or(DeliveryIdentity::Body, DeliveryIdentity::Delivery));
    }
    let id = match entry.value.get("id") {
        // Reported when the description was read.
        Some(id) => lower_id(
            id,
            &mut RequestNeeds::default(),
            &mut Diagnostics::default(),
        )?,
        None => match delivery {
            Some(header) => return Some(DeliveryIdentity::Delivery(header)),
            None => return Some(DeliveryIdentity::Body),
        },
    };
    Some(match id {
        IdSource::Locations(_) => DeliveryIdentity::Body,
        IdSource::Header(name) => DeliveryIdentity::Header(name),
        IdSource::None => DeliveryIdentity::Request,
    })
}
