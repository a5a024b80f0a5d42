//! Finds the repeats of an event that no rule matched: each delivery of such an event is stored as received, and none is
//! counted as a redelivery.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::time_argument::seconds;
use crate::store::History;
use crate::store::history::{EventQuery, EventRecord, EventRow, EventSelector};

/// The most stored events that are looked through.
const MAX_EVENTS: usize = 500;
/// The most bodies that are compared.
const MAX_COMPARED: usize = 50;

/// The other stored deliveries with the id of an event, all without a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedRepeats {
    count: usize,
    first: Timestamp,
    last: Timestamp,
    /// How many of the compared bodies differ.
    differing: usize,
}

impl UnmatchedRepeats {
    /// `None` if there are none.
    pub fn find(event: &EventRecord, history: &dyn History) -> Result<Option<Self>, CommandError> {
        let query = EventQuery {
            subject: EventSelector::Id(event.head.id.clone()),
            endpoint: Some(event.event.endpoint.clone()),
            at: None,
            limit: MAX_EVENTS,
        };
        let mut others = history.events(&query)?;
        others.retain(|other| is_repeat(other, &event.head));
        let mut repeats = None;
        for (number, other) in others.iter().enumerate() {
            let differs = match number < MAX_COMPARED {
                false => false,
                true => match history.event(other.row)? {
                    Some(stored) => stored.event.raw != event.event.raw,
                    // Retention deleted it meanwhile.
                    None => continue,
                },
            };
            let repeats = repeats.get_or_insert(Self {
                count: 0,
                first: other.received,
                last: other.received,
                differing: 0,
            });
            repeats.count += 1;
            repeats.first = repeats.first.min(other.received);
            repeats.last = repeats.last.max(other.received);
            repeats.differing += usize::from(differs);
        }
        Ok(repeats)
    }

    pub fn describe(&self) -> String {
        let when = match self.first == self.last {
            true => format!("at {}", seconds(self.last)),
            false => format!("from {} to {}", seconds(self.first), seconds(self.last)),
        };
        let differing = match self.differing {
            0 => String::new(),
            differing => format!("; {differing} of them had a different body"),
        };
        let times = match self.count {
            1 => "once more".to_owned(),
            count => format!("{count} more times"),
        };
        format!(
            "the same id was received {times}, {when}, and no rule matched: such a repeat is not a redelivery, and the rules evaluate it again{differing}"
        )
    }

    pub fn json(&self) -> Value {
        json!({
            "count": self.count,
            "first": self.first.to_string(),
            "last": self.last.to_string(),
            "with_another_body": self.differing,
        })
    }
}

fn is_repeat(other: &EventRow, event: &EventRow) -> bool {
    other.row != event.row && !other.matched && other.source == event.source
}
