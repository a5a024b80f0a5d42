//! Whether a schedule is open at a time, why, and until when: as data, and as text for explanations.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;

use crate::schedule::{Schedule, local_clock};

/// The state of a schedule at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleState {
    pub schedule: String,
    pub open: bool,
    /// The civil time in the zone.
    pub local: DateTime,
    pub zone: String,
    /// The title of the special day, if the day is one.
    pub reason: Option<String>,
    /// When it opens or closes next. `None` if it stays as it is.
    pub next_change: Option<Timestamp>,
    /// The same in the zone.
    pub next_change_local: Option<DateTime>,
}

impl Schedule {
    /// Its state at a time, with the next change.
    pub fn state(&self, at: Timestamp) -> ScheduleState {
        let next_change = self.next_change(at);
        let day = local_clock::furthest(&self.zone, at).date();
        ScheduleState {
            schedule: self.name.clone(),
            open: self.is_open(at),
            local: self.local(at),
            zone: self.zone_name.clone(),
            reason: self.special_day(day).map(|day| day.title.clone()),
            next_change,
            next_change_local: next_change.map(|change| self.local(change)),
        }
    }
}

impl ScheduleState {
    /// For explanations: `during office closed: Mon 20:14 Europe/Berlin, opens Tue 09:00`.
    pub fn text(&self) -> String {
        format!(
            "during {} {}: {} {}, {}",
            self.schedule,
            self.label(),
            day_and_time(self.local),
            self.zone,
            self.change_text()
        )
    }

    /// `open`, `closed`, or `closed (Christmas Day)`.
    pub fn label(&self) -> String {
        let label = match self.open {
            true => "open",
            false => "closed",
        };
        match &self.reason {
            Some(reason) => format!("{label} ({reason})"),
            None => label.to_owned(),
        }
    }

    /// `opens Tue 09:00`, `closes 18:00`, `never opens`.
    pub fn change_text(&self) -> String {
        let Some(change) = self.next_change_local else {
            return match self.open {
                true => "never closes".to_owned(),
                false => "never opens again".to_owned(),
            };
        };
        let verb = match self.open {
            true => "closes",
            false => "opens",
        };
        format!("{verb} {}", relative(change, self.local))
    }
}

/// A local time as seen from another one: without the day if it is the same, with the date if it is a week away.
fn relative(time: DateTime, from: DateTime) -> String {
    let days = time.date().duration_since(from.date()).as_hours() / 24;
    match days {
        0 => time.strftime("%H:%M").to_string(),
        1..=6 => day_and_time(time),
        _ => time.strftime("%a %Y-%m-%d %H:%M").to_string(),
    }
}

fn day_and_time(time: DateTime) -> String {
    time.strftime("%a %H:%M").to_string()
}
