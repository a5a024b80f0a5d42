//! Schedules as they are written, with calendars, and the texts that are kept of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;

use crate::config::{CalendarFile, CalendarFiles, Config, ConfigSource, parse_with_calendars};
use crate::diagnostic::{Diagnostics, Files};
use crate::schedule::Schedule;

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn read(text: &str, calendars: &[(&str, &str)]) -> (Config, Diagnostics) {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text);
    let calendars: CalendarFiles = calendars
        .iter()
        .map(|(name, text)| {
            let calendar = CalendarFile {
                file: files.add(*name, *text),
                text: (*text).into(),
            };
            ((*name).to_owned(), Ok(calendar))
        })
        .collect();
    let config = parse_with_calendars(file, text, &BTreeMap::new(), &calendars, &mut diagnostics);
    (config, diagnostics)
}

fn office(text: &str) -> Arc<Schedule> {
    let (config, diagnostics) = read(text, &[("holidays.ics", CALENDAR)]);
    let all = diagnostics.sorted();
    assert!(all.is_empty(), "{all:?}");
    Arc::clone(&config.schedules["office"])
}

fn open_at(schedule: &Schedule, local: &str) -> bool {
    let local: jiff::civil::DateTime = local.parse().unwrap();
    let time = schedule.zone.to_ambiguous_timestamp(local).compatible();
    schedule.is_open(time.unwrap())
}

#[test]
fn quoted_and_plain_texts_mean_the_same() {
    let quoted = office(
        "schedules:\n  office: { zone: Europe/Berlin, hours: { mon-thu: \"09:00-18:00\", fri: [\"08:00-12:00\", \"13:00-16:00\"] }, holidays: [\"2026-12-25\"], exceptions: { \"2026-12-24\": \"09:00-12:00\" } }\n",
    );
    let plain = office(
        "schedules:\n  office:\n    zone: europe/berlin\n    hours:\n      mon-thu: 9:00-18:00\n      fri: [08:00-12:00, 13:00-16:00]\n    holidays: [2026-12-25]\n    exceptions: { 2026-12-24: 09:00-12:00 }\n",
    );
    assert_eq!(quoted, plain);
    for (local, open) in [
        ("2026-11-30T09:00:00", true),
        ("2026-11-30T18:00:00", false),
        ("2026-12-04T12:30:00", false),
        ("2026-12-04T15:59:59", true),
        ("2026-12-24T11:00:00", true),
        ("2026-12-24T12:00:00", false),
        ("2026-12-25T10:00:00", false),
    ] {
        assert_eq!(open_at(&quoted, local), open, "{local}");
    }
}

#[test]
fn days_can_be_named_as_ranges_lists_and_groups() {
    let days = |key: &str| {
        let text = format!(
            "schedules: {{ office: {{ zone: UTC, hours: {{ \"{key}\": \"22:00-24:00\" }} }} }}"
        );
        let week = office(&text).week.clone();
        let open = (0..7).filter(|day| !week[*day].is_empty());
        open.collect::<Vec<usize>>()
    };
    assert_eq!(days("mon"), [0]);
    assert_eq!(days("sat-mon"), [0, 5, 6]);
    assert_eq!(days("mon, wed-thu ,sun"), [0, 2, 3, 6]);
    assert_eq!(days("weekdays"), [0, 1, 2, 3, 4]);
    assert_eq!(days("weekend"), [5, 6]);
    assert_eq!(days("tue-mon"), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn holidays_of_calendars_are_closed_with_their_titles() {
    let text = "schedules: { office: { zone: UTC, hours: { daily: all day }, holidays: [holidays.ics, 2026-12-31], exceptions: { 2026-12-26: 10:00-12:00 } } }";
    let office = office(text);
    assert_eq!(office.days[&date(2026, 12, 25)].title, "Christmas");
    assert_eq!(office.days[&date(2026, 12, 31)].title, "holiday");
    // An exception counts more than a holiday.
    assert!(open_at(&office, "2026-12-26T11:00:00"));
    assert!(!open_at(&office, "2026-12-26T12:00:00"));
    assert!(open_at(&office, "2026-12-27T00:00:00"));
}

/// A revision that was kept judges with the calendars of its time.
#[test]
fn kept_texts_compile_to_the_same_schedules() {
    let text =
        "schedules: { office: { zone: UTC, hours: { daily: all day }, holidays: [holidays.ics] } }";
    let source = |calendar: &str| {
        let calendars = BTreeMap::from([("holidays.ics".to_owned(), calendar.into())]);
        ConfigSource::with_calendars(
            "flowtrigger.yaml".into(),
            text.into(),
            BTreeMap::new(),
            calendars,
        )
    };
    let kept = source(CALENDAR);
    let office = office(text);
    assert_eq!(kept.compile().schedules["office"], office);
    let other = source(&CALENDAR.replace("20261227", "20261226"));
    assert_ne!(other.fingerprint, kept.fingerprint);
    let christmas: Timestamp = "2026-12-26T12:00:00Z".parse().unwrap();
    assert!(!kept.compile().schedules["office"].is_open(christmas));
    assert!(other.compile().schedules["office"].is_open(christmas));
}

#[test]
fn a_calendar_is_reported_at_its_lines_once() {
    let text = "schedules: { a: { zone: UTC, hours: { mon: all day }, holidays: [h.ics] }, b: { zone: UTC, hours: { mon: all day }, holidays: [h.ics] } }";
    let with = |calendar: &str| {
        let (_, diagnostics) = read(text, &[("h.ics", calendar)]);
        let found = diagnostics.sorted().into_iter();
        let found =
            found.map(|d| format!("{} {}:{} {}", d.code, d.at.file.0, d.at.line, d.message));
        found.collect::<Vec<String>>()
    };
    let timed = CALENDAR.replace(";VALUE=DATE:20261225", ":20261225T100000Z");
    assert_eq!(
        with(&timed),
        [
            "invalid-value 1:1 the calendar `h.ics` has no all-day events",
            "invalid-value 1:2 this event is ignored: it has a time; only all-day events count",
        ]
    );
    let broken = CALENDAR.replace("20261225", "2026125");
    assert_eq!(
        with(&broken),
        ["invalid-value 1:3 the calendar `h.ics` is invalid: `2026125` of `DTSTART` is not a date"]
    );
}

#[test]
fn a_calendar_without_a_text_is_an_error() {
    let text =
        "schedules: { office: { zone: UTC, hours: { mon: all day }, holidays: [holidays.ics] } }";
    let (config, diagnostics) = read(text, &[]);
    assert!(!config.whole && config.schedules.is_empty());
    assert_eq!(diagnostics.errors(), 1);
    assert!(config.calendars.contains("holidays.ics"));
}
