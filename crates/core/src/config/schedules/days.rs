//! Reads the days of a schedule: open hours by days of the week, holidays, and hours of single dates.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::config::schedules::calendar::{self, Calendars};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::{Entry, Node, Yaml, suggest};
use crate::schedule::SpecialDay;
use crate::schedule::hours::{HoursError, OpenHours};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Names of several days, with the first and the last of them.
const GROUPS: [(&str, usize, usize); 3] = [("daily", 0, 6), ("weekdays", 0, 4), ("weekend", 5, 6)];

const DAY_HELP: &str = "write `mon`, `mon-fri`, `mon,wed`, `weekdays`, `weekend` or `daily`";
const HOURS_HELP: &str = "write \"09:00-18:00\", a list of such spans, `all day` or `closed`";

/// Reads `hours`. `None` if it is no mapping.
pub fn lower_week(node: &Node, diagnostics: &mut Diagnostics) -> Option<[Vec<OpenHours>; 7]> {
    let Some(entries) = node.as_map() else {
        let message = format!("`hours` takes a mapping of days, found {}", node.kind());
        let help = "write `hours: { mon-fri: \"09:00-18:00\" }`";
        return diagnostics.reject(Code::WrongType, node.at, message, help);
    };
    let mut week: [Vec<OpenHours>; 7] = Default::default();
    let mut named: [Option<&str>; 7] = [None; 7];
    for entry in entries {
        let days = lower_days(entry, diagnostics);
        let hours = lower_hours(&entry.value, &entry.key, diagnostics);
        for day in days.unwrap_or_default() {
            if let Some(other) = named[day].replace(&entry.key) {
                let message = format!("`{}` is in `{other}` and in `{}`", DAYS[day], entry.key);
                let help = "name each day once; write several spans as a list";
                diagnostics.error(Code::DuplicateKey, entry.key_at, message, help);
                break;
            }
            week[day] = hours.clone().unwrap_or_default();
        }
    }
    Some(week)
}

/// The days of a key such as `mon-thu`, `sat-mon` or `mon,wed`.
fn lower_days(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Vec<usize>> {
    let mut days = Vec::new();
    for part in entry.key.split(',').map(str::trim) {
        let group = GROUPS
            .iter()
            .find(|(name, ..)| part.eq_ignore_ascii_case(name));
        let (first, last) = match (group, part.split_once('-')) {
            (Some((_, first, last)), _) => (*first, *last),
            (None, Some((first, last))) => {
                let day = |name, diagnostics: &mut _| lower_day(name, part, entry, diagnostics);
                (day(first, diagnostics)?, day(last, diagnostics)?)
            }
            (None, None) => {
                let day = lower_day(part, part, entry, diagnostics)?;
                (day, day)
            }
        };
        let length = (last + 7 - first) % 7;
        days.extend((0..=length).map(|day| (first + day) % 7));
    }
    days.sort_unstable();
    days.dedup();
    Some(days)
}

/// Reads the name of a day in `part` of a key.
fn lower_day(
    name: &str,
    part: &str,
    entry: &Entry,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let name = name.trim();
    let lower = name.to_ascii_lowercase();
    if let Some(day) = DAYS.iter().position(|day| *day == lower) {
        return Some(day);
    }
    let groups = GROUPS.iter().map(|(name, ..)| *name);
    let meant = other_spelling(part).or_else(|| {
        let nearest = suggest::nearest(&lower, DAYS.into_iter().chain(groups));
        nearest.map(str::to_owned)
    });
    let help = match meant {
        Some(day) => format!("did you mean `{day}`?"),
        None => DAY_HELP.to_owned(),
    };
    let message = format!("unknown day `{name}`");
    diagnostics.reject(Code::UnknownKey, entry.key_at, message, &help)
}

/// The days of `mo-fr`, `monday to friday` or `mon–fri`, as they are written here.
fn other_spelling(part: &str) -> Option<String> {
    let lower = part.to_lowercase().replace(['–', '—'], "-");
    let lower = lower.replace(" to ", "-");
    let day = |name: &str| {
        let name = name.trim();
        let mut days = DAYS.iter().copied();
        let is_day =
            |day: &&str| name.len() > 1 && (name.starts_with(*day) || day.starts_with(name));
        days.find(is_day)
    };
    let days: Option<Vec<&str>> = lower.split('-').map(day).collect();
    days.filter(|days| days.len() <= 2)
        .map(|days| days.join("-"))
}

/// Reads the open hours of a day: a span, a list of them, `all day` or `closed`. None after an error.
fn lower_hours(node: &Node, day: &str, diagnostics: &mut Diagnostics) -> Option<Vec<OpenHours>> {
    let nodes = match &node.value {
        Yaml::List(items) if items.is_empty() => {
            let message = format!("`{day}` has no hours");
            return diagnostics.reject_value(node.at, message, "write `closed`");
        }
        Yaml::List(items) => items.as_slice(),
        Yaml::Text(text) if text.trim() == "closed" => return Some(Vec::new()),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
            std::slice::from_ref(node)
        }
    };
    let mut hours: Vec<(OpenHours, Span)> = Vec::new();
    for node in nodes {
        let span = lower_span(node, day, diagnostics)?;
        if let Some((other, _)) = hours.iter().find(|(other, _)| other.overlaps(span)) {
            let message = format!("the hours {} and {} overlap", other.text(), span.text());
            return diagnostics.reject_value(node.at, message, "write one span for both");
        }
        hours.push((span, node.at));
    }
    let mut hours: Vec<OpenHours> = hours.into_iter().map(|(span, _)| span).collect();
    hours.sort_unstable();
    Some(hours)
}

fn lower_span(node: &Node, day: &str, diagnostics: &mut Diagnostics) -> Option<OpenHours> {
    let Some(text) = node.scalar_text() else {
        let message = format!("`{day}` takes open hours, found {}", node.kind());
        let help = match node.kind() {
            // `{ mon,tue: "…" }` is two keys.
            "null" => {
                "write \"09:00-18:00\", `all day` or `closed`; in `{ }`, a list of days needs quotes: `\"mon,tue\": …`"
            }
            _ => HOURS_HELP,
        };
        return diagnostics.reject(Code::WrongType, node.at, message, help);
    };
    let (message, help) = match OpenHours::parse(&text) {
        Ok(hours) => return Some(hours),
        Err(HoursError::Form) => (format!("`{text}` is not a span of hours"), HOURS_HELP),
        Err(HoursError::NoSuchTime) => (
            format!("`{text}` has a time that does not exist"),
            "write times from 00:00 to 24:00, with two digits for the minutes",
        ),
        Err(HoursError::Empty) => (
            format!("`{text}` ends when it begins"),
            "write another end, or `all day`",
        ),
    };
    diagnostics.reject_value(node.at, message, help)
}

/// Reads `holidays`: dates and names of calendars.
pub fn lower_holidays(
    node: &Node,
    calendars: &mut Calendars<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Date, SpecialDay> {
    let mut days = BTreeMap::new();
    let nodes = node.as_list().unwrap_or(std::slice::from_ref(node));
    for node in nodes {
        let Some(text) = node.scalar_text() else {
            let message = format!("a holiday is a date or a calendar, found {}", node.kind());
            diagnostics.error(Code::WrongType, node.at, message, HOLIDAY_HELP);
            continue;
        };
        let text = text.trim();
        if !calendar::is_calendar(text) {
            if let Some(date) = lower_date(text, node.at, HOLIDAY_HELP, diagnostics) {
                days.entry(date).or_insert_with(|| closed("holiday"));
            }
            continue;
        }
        let found = calendars.days(text, node.at, diagnostics);
        for (date, title) in found.iter().flat_map(|found| &found.days) {
            let title = match title.trim() {
                "" => "holiday",
                title => title,
            };
            days.insert(*date, closed(title));
        }
    }
    days
}

const HOLIDAY_HELP: &str = "write a date such as 2026-12-25, or the name of a file beside the configuration that ends in `.ics`";

fn closed(title: &str) -> SpecialDay {
    SpecialDay {
        hours: Vec::new(),
        title: title.to_owned(),
    }
}

/// Reads `exceptions`: hours by dates.
pub fn lower_exceptions(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<Date, SpecialDay> {
    let mut days = BTreeMap::new();
    let Some(entries) = node.as_map() else {
        let message = format!(
            "`exceptions` takes a mapping of dates, found {}",
            node.kind()
        );
        let help = "write `exceptions: { 2026-12-24: \"09:00-12:00\", 2026-12-31: closed }`";
        diagnostics.error(Code::WrongType, node.at, message, help);
        return days;
    };
    for entry in entries {
        let help = "write a date such as 2026-12-24";
        let date = lower_date(entry.key.trim(), entry.key_at, help, diagnostics);
        let hours = lower_hours(&entry.value, &entry.key, diagnostics);
        if let (Some(date), Some(hours)) = (date, hours) {
            let title = "exception".to_owned();
            days.insert(date, SpecialDay { hours, title });
        }
    }
    days
}

fn lower_date(text: &str, at: Span, help: &str, diagnostics: &mut Diagnostics) -> Option<Date> {
    if let Ok(date) = Date::strptime("%Y-%m-%d", text)
        && text.len() == "2026-12-25".len()
    {
        return Some(date);
    }
    let looks_like_date = text.len() == 10 && text.bytes().filter(|b| *b == b'-').count() == 2;
    let message = match looks_like_date {
        true => format!("there is no date `{text}`"),
        false => format!("`{text}` is not a date"),
    };
    diagnostics.reject_value(at, message, help)
}
