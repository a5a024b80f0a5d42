//! The events in a whole body of a source with `items`, as its sender posts it.

use serde_json::Value;

use super::{ReadEventError, SourceSelection, event};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::{FormatHint, head};
use flowtrigger_core::event::json::parse::ParsedJson;
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::event::request_values;

/// Reads one event, or those in a whole body of a source with `items`.
pub(super) fn events(
    parsed: ParsedJson,
    selection: &SourceSelection<'_>,
    config: &Config,
) -> Vec<Result<Event, ReadEventError>> {
    let Some(values) = of_body(&parsed.value, selection, config) else {
        return vec![event(parsed, selection, config)];
    };
    let elements = values.into_iter().map(|value| ParsedJson {
        value,
        repairs: parsed.repairs.clone(),
    });
    elements
        .map(|element| event(element, selection, config))
        .collect()
}

/// One event, which can be the only one in a whole body of a source with `items`.
pub(super) fn only_event(
    parsed: ParsedJson,
    selection: &SourceSelection<'_>,
    config: &Config,
) -> Result<Event, ReadEventError> {
    let Some(mut elements) = of_body(&parsed.value, selection, config) else {
        return event(parsed, selection, config);
    };
    match (elements.pop(), elements.len()) {
        (Some(value), 0) => {
            let repairs = parsed.repairs;
            event(ParsedJson { value, repairs }, selection, config)
        }
        (last, others) => Err(ReadEventError {
            message: format!(
                "the body has {} events, but one is needed",
                others + usize::from(last.is_some())
            ),
            help: Some("write one element of the list, or a body whose list has one".into()),
        }),
    }
}

/// The elements of the list of events; `None` if the document is no such body of a selected source.
fn of_body(
    document: &Value,
    selection: &SourceSelection<'_>,
    config: &Config,
) -> Option<Vec<Value>> {
    let mut sources = config.sources.values();
    let (format, elements) = sources.find_map(|source| {
        let format = source.description().filter(|format| match selection {
            SourceSelection::Described(named) => named.name == format.name,
            SourceSelection::ByContent { listening } => {
                listening.is_none_or(|listening| listening == format.source)
            }
            SourceSelection::BuiltIn { .. } => false,
        })?;
        Some((format, elements(document, source)?))
    })?;
    let is_event = head(
        ValueRef::Built(document),
        FormatHint::Custom(format),
        &config.catalogue,
    );
    is_event.is_err().then(|| with_request(document, elements))
}

fn elements<'v>(document: &'v Value, source: &EventSource) -> Option<&'v Vec<Value>> {
    let items = source.items.as_deref()?;
    let path = items.strip_prefix("$.").unwrap_or(items);
    let mut names = path.split('.');
    names
        .try_fold(document, |value, name| value.get(name))?
        .as_array()
}

/// The elements, each with the `$request` of the body.
fn with_request(document: &Value, elements: &[Value]) -> Vec<Value> {
    let request = document.get(request_values::REQUEST_KEY);
    let request = request.and_then(Value::as_object);
    let elements = elements.iter().cloned();
    match request {
        Some(request) => elements
            .map(|element| request_values::added_to(element, request))
            .collect(),
        None => elements.collect(),
    }
}
