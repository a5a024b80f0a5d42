//! Reads `schedules` of the configuration: business hours by name, with their zones and holidays.

pub mod calendar;
mod days;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::schedules::calendar::{CalendarFiles, Calendars};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Entry;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::schedule::{Schedule, zone};

/// The keys of one schedule.
pub const SCHEDULE: Vocabulary = Vocabulary {
    name: "a schedule",
    words: words! {
        "zone" text =>
            "The time zone of the hours, by its IANA name: `Europe/Berlin`, `America/New_York`, `UTC`. Required.";
        "hours" hours =>
            "The open hours by days: `mon-fri: \"09:00-18:00\"`. Days are `mon` to `sun`, ranges and lists of them, `weekdays`, `weekend` and `daily`. Hours are a span, a list of spans, `all day` or `closed`; a span that ends before it begins, as `22:00-06:00`, ends on the next day. Other days are closed. Required.";
        "holidays" holidays =>
            "Days that are closed: dates, and iCalendar files (`NAME.ics`) beside the configuration, of which the all-day events count.";
        "exceptions" exceptions =>
            "Hours of single dates, instead of those of their day of the week and of holidays: `2026-12-24: \"09:00-12:00\"`, `2026-12-31: closed`.";
    },
};

/// The schema of all schedules.
pub fn schema() -> Value {
    json!({"type": "object", "additionalProperties": SCHEDULE.schema(&["zone", "hours"])})
}

fn day_hours() -> Value {
    json!({"oneOf": [
        {"type": "string", "examples": ["09:00-18:00", "22:00-06:00", "all day", "closed"]},
        {"type": "array", "items": {"type": "string"}, "minItems": 1}
    ]})
}

fn hours() -> Value {
    json!({
        "type": "object",
        "additionalProperties": day_hours(),
        "examples": [{"mon-fri": "09:00-18:00"}]
    })
}

fn holidays() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["2026-12-25", "holidays.ics"]]})
}

fn exceptions() -> Value {
    json!({
        "type": "object",
        "propertyNames": {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "additionalProperties": day_hours()
    })
}

/// Reads all schedules. Those with mistakes are reported and left out.
pub fn lower(
    entries: &[Entry],
    files: &CalendarFiles,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Arc<Schedule>> {
    let mut calendars = Calendars::new(files);
    let mut schedules = BTreeMap::new();
    for entry in entries {
        if let Some(schedule) = lower_one(entry, &mut calendars, diagnostics) {
            schedules.insert(entry.key.clone(), Arc::new(schedule));
        }
    }
    schedules
}

fn lower_one(
    entry: &Entry,
    calendars: &mut Calendars<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Schedule> {
    let before = diagnostics.errors();
    check_name(entry, diagnostics);
    let node = &entry.value;
    diagnostics.entries(node, &SCHEDULE)?;
    let zone = lower_zone(entry, diagnostics);
    let week = match node.get("hours") {
        Some(hours) => days::lower_week(hours, diagnostics),
        None => {
            let message = format!("the schedule `{}` has no `hours`", entry.key);
            let help = "write `hours: { mon-fri: \"09:00-18:00\" }`";
            diagnostics.reject(Code::MissingKey, entry.key_at, message, help)
        }
    };
    let mut days = BTreeMap::new();
    if let Some(holidays) = node.get("holidays") {
        days = days::lower_holidays(holidays, calendars, diagnostics);
    }
    if let Some(exceptions) = node.get("exceptions") {
        days.extend(days::lower_exceptions(exceptions, diagnostics));
    }
    let (zone_name, zone) = zone?;
    let schedule = Schedule {
        name: entry.key.clone(),
        zone_name,
        zone,
        week: week?,
        days,
    };
    if diagnostics.errors() > before {
        return None;
    }
    check_use(&schedule, entry, diagnostics).then_some(schedule)
}

fn check_name(entry: &Entry, diagnostics: &mut Diagnostics) {
    let is_letter = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if entry.key.is_empty() || !entry.key.chars().all(is_letter) {
        let message = format!("`{}` is not the name of a schedule", entry.key);
        diagnostics.invalid(
            entry.key_at,
            message,
            "use letters, digits, `_`, `-` and `.`",
        );
    }
}

fn lower_zone(
    entry: &Entry,
    diagnostics: &mut Diagnostics,
) -> Option<(String, jiff::tz::TimeZone)> {
    let Some(node) = entry.value.get("zone") else {
        let message = format!("the schedule `{}` has no `zone`", entry.key);
        let help = "add `zone: Europe/Berlin`, or `zone: UTC`: the hours mean other times in each zone, and that of the machine may change";
        return diagnostics.reject(Code::MissingKey, entry.key_at, message, help);
    };
    let name = diagnostics.text(node, "zone")?;
    match zone::named(&name) {
        Ok(zone) => Some(zone),
        Err(help) => {
            let message = format!("unknown time zone `{name}`");
            diagnostics.reject_value(node.at, message, &help)
        }
    }
}

/// Reports a schedule that is never open, and one that never closes. Whether it can be used.
fn check_use(schedule: &Schedule, entry: &Entry, diagnostics: &mut Diagnostics) -> bool {
    if schedule.is_empty() {
        let message = format!("the schedule `{}` is never open", entry.key);
        diagnostics.error(
            Code::NeverHolds,
            entry.key_at,
            message,
            "give at least one day open hours under `hours`",
        );
        return false;
    }
    if schedule.is_always_open() {
        let message = format!("the schedule `{}` never closes", entry.key);
        let help = "leave hours or days out of `hours`, or remove the schedule";
        diagnostics.warning(Code::AlwaysHolds, entry.key_at, message, help);
    }
    true
}

#[cfg(test)]
mod tests;
