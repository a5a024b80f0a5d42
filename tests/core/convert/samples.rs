//! Events to try conversions on: the samples, each also with some of its fields changed.
//! It refuses events of its own making; every shape is a sample's.

use std::fs;
use std::path::Path;

use flowtrigger::core::event::Event;
use flowtrigger::core::event::catalogue::Catalogue;
use flowtrigger::core::event::decode::decode;
use serde_json::{Value, json};

use super::read;

pub fn events() -> Vec<(String, Event)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/events/zis");
    let mut events = Vec::new();
    for entry in fs::read_dir(folder).expect("samples") {
        let path = entry.expect("an entry").path();
        let value: Value = serde_json::from_str(&read(&path)).expect("JSON");
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let body = "/input/ticket_event";
        let changes = [
            json!({}),
            json!({"ticket/priority": "urgent", "current": "urgent", "ticket/type": "incident"}),
            json!({"ticket/priority": "high", "ticket/organization_id": null, "current": "high"}),
            json!({"ticket/status": "closed", "ticket/type": "task", "ticket/via/channel": "api"}),
            json!({"tags_added": ["vip", "other", "vip"], "current": "urgent", "ticket/type": null}),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut value = value.clone();
            for (at, new) in change.as_object().expect("changes") {
                if let Some(old) = value.pointer_mut(&format!("{body}/{at}")) {
                    *old = new.clone();
                }
            }
            if let Ok(event) = decode(value, Catalogue::built_in()) {
                events.push((format!("{name} changed {number}"), event));
            }
        }
    }
    assert!(events.len() > 50, "{}", events.len());
    events
}

/// A sample with some of the event's fields changed.
pub fn changed(sample: &str, changes: Value) -> Event {
    let path = format!("examples/events/zis/{sample}.json");
    let mut value: Value =
        serde_json::from_str(&read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)))
            .expect("JSON");
    for (at, new) in changes.as_object().expect("changes") {
        let body = value.pointer_mut("/input/ticket_event").expect("a body");
        let (object, key) = at.rsplit_once('.').unwrap_or(("", at));
        let object = object
            .split('.')
            .filter(|name| !name.is_empty())
            .fold(body, |o, name| &mut o[name]);
        object[key] = new.clone();
    }
    decode(value, Catalogue::built_in()).expect("an event")
}
