//! Schedules for tests whose open hours are easily counted by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowtrigger_core::schedule::{During, OpenHours, Schedule};
use jiff::tz::TimeZone;

/// From 9 to 17 o'clock in UTC, from Monday to Friday.
pub fn office() -> During {
    let hours = |open| match open {
        true => vec![OpenHours {
            start: 540,
            end: 1_020,
        }],
        false => Vec::new(),
    };
    during([true, true, true, true, true, false, false].map(hours))
}

/// Open in the minutes of each day, in UTC, of which the pattern says so; it is repeated. Its length divides a day.
pub fn minutes(pattern: &[bool]) -> During {
    let is_open = |minute: &u16| pattern[usize::from(*minute) % pattern.len()];
    let mut spans: Vec<OpenHours> = Vec::new();
    for minute in (0..1_440).filter(is_open) {
        match spans.last_mut() {
            Some(last) if last.end == minute => last.end += 1,
            Some(_) | None => spans.push(OpenHours {
                start: minute,
                end: minute + 1,
            }),
        }
    }
    during(std::array::from_fn(|_| spans.clone()))
}

fn during(week: [Vec<OpenHours>; 7]) -> During {
    let schedule = Schedule {
        name: "office".to_owned(),
        zone_name: "UTC".to_owned(),
        zone: TimeZone::UTC,
        week,
        days: BTreeMap::new(),
    };
    During {
        schedule: Arc::new(schedule),
        negated: false,
    }
}
