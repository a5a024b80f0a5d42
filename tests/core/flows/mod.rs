//! Flows from the first step to the end, with simulated calls: cases in files, random flows and the shipped
//! ones. Each run is also interrupted anywhere and continued from its log.

mod cases;
mod examples;
mod machine;
mod random;

use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_testing::repository;

pub use machine::calculated;

pub fn event(text: &str) -> Option<Event> {
    let value = parse(text.as_bytes()).ok()?.value;
    decode(value, Catalogue::built_in()).ok()
}

/// A sample event by its name under `examples/events`.
pub fn sample(name: &str) -> Event {
    let path = repository::path("examples/events").join(name);
    event(&repository::read(path)).expect("an event")
}
