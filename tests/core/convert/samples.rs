//! Samples of events, with some of their fields changed.

use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_testing::repository;
use serde_json::Value;

/// A sample with some of the event's fields changed.
pub fn changed(sample: &str, changes: Value) -> Event {
    let path = repository::path(&format!("examples/events/zis/{sample}.json"));
    let mut value: Value = serde_json::from_str(&repository::read(path)).expect("JSON");
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
