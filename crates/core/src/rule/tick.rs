//! Makes the event of a tick of a rule with `every`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::Event;
use crate::event::catalogue::Catalogue;
use crate::event::format::clock::TICK_KEY;
use crate::event::format::decode;
use crate::rule::Rule;

impl Rule {
    /// The tick of a time; `missed` says that it comes late. None for a rule without `every`.
    pub fn tick(&self, at: Timestamp, missed: bool) -> Option<Event> {
        let document = self.tick_document(at, missed)?;
        decode(document, Catalogue::built_in()).ok()
    }

    /// Whether an event with this id is a tick of the rule: `RULE@INSTANT`.
    pub fn is_tick(&self, id: &str) -> bool {
        let of = id.rsplit_once('@');
        self.every.is_some() && of.is_some_and(|(rule, _)| rule == self.name)
    }

    /// The event of a tick as JSON, in its own format.
    pub fn tick_document(&self, at: Timestamp, missed: bool) -> Option<Value> {
        let every = self.every.as_ref()?;
        let local = every.zone.to_datetime(at);
        let previous = every.previous(at).map(|previous| previous.to_string());
        Some(json!({
            TICK_KEY: {
                "id": format!("{}@{at}", self.name),
                "rule": self.name,
                "scheduled_at": at.to_string(),
                "local": local.to_string(),
                "zone": every.zone_name,
                "weekday": local.strftime("%A").to_string().to_lowercase(),
                "date": local.date().to_string(),
                "missed": missed,
                "previous_at": previous,
            }
        }))
    }
}
