//! Logs the configured paths of keys and times that find nothing in accepted events, which is how a misspelt path looks.
//! Each path is logged once, and never after it has found a value.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tracing::warn;

use flowtrigger_core::config::source::{EventSource, SourceFormat};
use flowtrigger_core::event::format::custom::ValueLocations;
use flowtrigger_core::event::request_values;
use flowtrigger_core::event::summary::EventSummary;

/// What is known about the paths of each source, by its name.
#[derive(Debug, Default)]
pub struct EmptyPaths(Mutex<HashMap<String, SourcePaths>>);

#[derive(Debug, Default)]
struct SourcePaths {
    /// The locations of the key that found a value or were logged.
    key: Option<ValueLocations>,
    time: Option<ValueLocations>,
}

impl EmptyPaths {
    /// Logs the paths of the source that found nothing in this event, and in none before.
    pub fn record(&self, source: &EventSource, event: &EventSummary) {
        for (setting, locations) in self.found_nothing(source, event) {
            let paths = locations.paths().map(described);
            let path = paths.collect::<Vec<_>>().join(", ");
            warn!(
                source = source.name.as_str(),
                keys = setting,
                path,
                event = event.id.as_str(),
                help = "compare the path with the event; ignore this if the value is optional",
                "a path of a source found nothing"
            );
        }
    }

    fn found_nothing<'s>(
        &self,
        source: &'s EventSource,
        event: &EventSummary,
    ) -> Vec<(&'static str, &'s ValueLocations)> {
        let SourceFormat::Custom(described) = &source.reads else {
            return Vec::new();
        };
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !sources.contains_key(&source.name) {
            sources.insert(source.name.clone(), SourcePaths::default());
        }
        let Some(known) = sources.get_mut(&source.name) else {
            return Vec::new();
        };
        let settings = [
            ("key", &described.key, event.key.is_some(), &mut known.key),
            (
                "time",
                &described.time,
                event.has_time_value(),
                &mut known.time,
            ),
        ];
        let mut empty = Vec::new();
        for (setting, locations, has_value, settled) in settings {
            if locations.paths().next().is_none() || settled.as_ref() == Some(locations) {
                continue;
            }
            *settled = Some(locations.clone());
            if !has_value {
                empty.push((setting, locations));
            }
        }
        empty
    }
}

fn described(path: &str) -> String {
    request_values::describe(path).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::event::format::custom::CustomFormat;

    fn source(key: &str) -> EventSource {
        EventSource::described(CustomFormat {
            name: "crm".into(),
            source: "crm".into(),
            event_type: ValueLocations::constant("made"),
            id: ValueLocations::default(),
            key: ValueLocations::path(key),
            time: ValueLocations::default(),
            time_zone: None,
        })
    }

    fn event(key: Option<&str>) -> EventSummary {
        EventSummary {
            source: "crm".into(),
            endpoint: "crm".into(),
            event_type: "made".into(),
            id: "1".into(),
            key: key.map(str::to_owned),
            time: None,
            time_zone: None,
            format: "custom",
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_path_is_named_once_and_not_after_it_found_a_value() {
        let paths = EmptyPaths::default();
        let named = |key: &str, found: Option<&str>| {
            let source = source(key);
            let empty = paths.found_nothing(&source, &event(found));
            empty
                .into_iter()
                .map(|(setting, _)| setting)
                .collect::<Vec<_>>()
        };
        assert_eq!(named("deal.nmber", None), ["key"]);
        assert!(named("deal.nmber", None).is_empty(), "once");
        assert!(named("deal.number", Some("7")).is_empty());
        assert!(named("deal.number", None).is_empty(), "optional");
        assert_eq!(named("other", None), ["key"]);
    }
}
