//! Samples of events, with some of their fields changed.

use std::path::Path;

use flowtrigger::core::event::Event;
use flowtrigger::core::event::catalogue::Catalogue;
use flowtrigger::core::event::decode::decode;
use serde_json::Value;

use super::read;

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
