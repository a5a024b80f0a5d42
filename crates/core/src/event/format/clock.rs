//! The decoder table of ticks: the times of rules with `every`. The program makes them; no sender can send them.

use crate::event::format::decoder::{Decoder, IdRule, Marker, Requirement, mapping};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

/// The `event_source` of ticks.
pub const CLOCK: &str = "clock";
/// The `event_type` of ticks.
pub const TICK_TYPE: &str = "clock.Tick";
/// The key of a document under which a tick has its fields.
pub const TICK_KEY: &str = "clock_tick";

pub static TICK: Decoder = Decoder {
    format: "tick",
    source: CLOCK,
    marker: Marker::Has(DocumentPath::new("clock_tick")),
    requirements: &[
        Requirement::Object(DocumentPath::new("clock_tick")),
        Requirement::Text(DocumentPath::new("clock_tick.rule")),
        Requirement::Text(DocumentPath::new("clock_tick.scheduled_at")),
    ],
    type_name: TypeNameSource::Constant(TICK_TYPE),
    id: IdRule::At(DocumentPath::new("clock_tick.id")),
    key: &[],
    time: at!["clock_tick.scheduled_at"],
    envelope: &[],
    body: &[mapping("", at!["clock_tick"], Transform::AsIs)],
};
