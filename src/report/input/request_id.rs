//! The id that a sample has in a header of its `$request`, as the daemon reads it from the request.

use serde_json::Value;

use super::SourceSelection;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::config::value_location::RequestLocation;
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::event::format::request::EventRequest;
use flowtrigger_core::event::json::lookup::find;
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::event::request_values::{HEADERS, ID, QUERY, REQUEST_KEY, header_path};

/// A source whose requests have the id of the event in a header, and that id.
pub struct RequestId<'c> {
    source: &'c EventSource,
    id: String,
}

/// Adds the id that the daemon reads from the headers and the query of a request, if the sample has these.
pub fn add_to(document: &mut Value, selection: &SourceSelection<'_>, config: &Config) {
    let request = document.get(REQUEST_KEY).and_then(Value::as_object);
    let Some(request) = request.filter(|request| !request.contains_key(ID)) else {
        return;
    };
    let found = |location: &RequestLocation| {
        let (part, name) = match location {
            RequestLocation::Header(name) => (HEADERS, name),
            RequestLocation::Query(name) => (QUERY, name),
        };
        request.get(part)?.get(name)?.as_str().map(str::to_owned)
    };
    let mut sources = config.sources.values();
    let id = sources.find_map(|source| {
        let format = source.description()?;
        let is_selected = match selection {
            SourceSelection::Described(named) => named.name == format.name,
            SourceSelection::ByContent { listening } => {
                listening.is_none_or(|listening| listening == format.source)
            }
            SourceSelection::BuiltIn { .. } => false,
        };
        let mut ids = source.needs.ids.iter().filter(|_| is_selected);
        ids.find_map(found)
    });
    if let Some(id) = id {
        document[REQUEST_KEY][ID] = id.into();
    }
}

impl<'c> RequestId<'c> {
    /// `None` if the source of the format reads no id from a header, or if the sample has none.
    pub fn of(document: ValueRef<'_>, format: FormatHint<'_>, config: &'c Config) -> Option<Self> {
        let entry = match format {
            FormatHint::Custom(description) => description.name.as_str(),
            FormatHint::Endpoint(entry) => entry,
            FormatHint::Detect | FormatHint::Request(_) => return None,
        };
        let source = config.sources.get(entry)?;
        let header = header_path(&source.identity.header()?.to_ascii_lowercase());
        let id = find(document, &header)?.text()?.into_owned();
        Some(Self { source, id })
    }

    pub fn request(&self) -> EventRequest<'_> {
        EventRequest {
            endpoint: &self.source.name,
            custom: self.source.description(),
            delivery: Some(&self.id),
            unique: "",
            equal_before: 0,
        }
    }
}
