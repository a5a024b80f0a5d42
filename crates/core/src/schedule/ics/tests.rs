//! Tests of reading calendars.

use jiff::civil::date;

use super::*;

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n")
}

fn event(properties: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\n{properties}\nEND:VEVENT\n"))
}

fn dates(text: &str) -> Vec<String> {
    let found = read(text).unwrap();
    assert_eq!(found.ignored, [], "{text}");
    found.days.keys().map(ToString::to_string).collect()
}

#[test]
fn an_event_has_its_days_without_its_end() {
    let one = "DTSTART;VALUE=DATE:20261225";
    assert_eq!(dates(&event(one)), ["2026-12-25"]);
    assert_eq!(
        dates(&event("DTSTART:20261225\nDTEND:20261225")),
        ["2026-12-25"]
    );
    let three = "DTSTART;VALUE=DATE:20261230\nDTEND;VALUE=DATE:20270102\nSUMMARY:Closed";
    assert_eq!(
        dates(&event(three)),
        ["2026-12-30", "2026-12-31", "2027-01-01"]
    );
    assert_eq!(
        dates(&event("DTSTART:20261230\nDURATION:P2D")),
        ["2026-12-30", "2026-12-31"]
    );
    assert_eq!(dates(&event("DTSTART:20261230\nSTATUS:CANCELLED")), [""; 0]);
}

#[test]
fn line_breaks_folds_and_escapes_are_read() {
    let text = event(
        "DTSTART;VALUE=DA\n TE:2026\n\t1225\nSUMMARY;LANGUAGE=\"a:b\":Christmas\\, the\n  first\\nday",
    );
    for text in [
        text.clone(),
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
    ] {
        let found = read(&text).unwrap();
        assert_eq!(found.days[&date(2026, 12, 25)], "Christmas, the first day");
    }
}

#[test]
fn events_of_every_year_end_in_2050() {
    let yearly = dates(&event("DTSTART;VALUE=DATE:20200229\nRRULE:FREQ=YEARLY"));
    assert_eq!(yearly.first().unwrap(), "2020-02-29");
    assert_eq!(yearly.last().unwrap(), "2048-02-29");
    assert_eq!(yearly.len(), 8);
    let yearly = dates(&event(
        "DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;INTERVAL=1",
    ));
    assert_eq!(yearly.len(), 25);
}

#[test]
fn what_has_no_meaning_here_is_ignored_with_its_line() {
    for (properties, reason) in [
        ("DTSTART:20261225T100000Z", "has a time"),
        ("DTSTART;TZID=Europe/Berlin:20261225T100000", "has a time"),
        ("DTSTART:20261225\nRRULE:FREQ=WEEKLY", "`RRULE:FREQ=WEEKLY`"),
        (
            "DTSTART:20261225\nRRULE:FREQ=YEARLY;UNTIL=20301225",
            "only `FREQ=YEARLY`",
        ),
        (
            "DTSTART:20261225\nRDATE:20271225",
            "`RDATE` is not supported",
        ),
        ("DTSTART:20261225\nDTEND:20261226T120000", "whole days"),
        ("DTSTART:20261225\nDURATION:PT4H", "whole days"),
    ] {
        let found = read(&event(properties)).unwrap();
        assert!(found.days.is_empty(), "{properties}");
        assert_eq!(found.ignored[0].line, 3);
        let message = &found.ignored[0].message;
        assert!(message.contains(reason), "{message}");
    }
    // An alarm in an event has its own properties.
    let alarm = "DTSTART:20261225\nBEGIN:VALARM\nDURATION:PT4H\nSUMMARY:no\nEND:VALARM";
    assert_eq!(dates(&event(alarm)), ["2026-12-25"]);
}

#[test]
fn broken_calendars_are_errors_with_the_line() {
    for (text, line, reason) in [
        (String::new(), 1, "BEGIN:VCALENDAR"),
        ("date,name\n2026-12-25,x\n".to_owned(), 1, "BEGIN:VCALENDAR"),
        (event("SUMMARY:x"), 3, "no `DTSTART`"),
        (event("DTSTART:20261325"), 4, "not a date"),
        (event("DTSTART:2026-12-25"), 4, "not a date"),
        (
            event("DTSTART:20261225\nDTEND:20261224"),
            5,
            "ends before it begins",
        ),
        (
            calendar("BEGIN:VEVENT\nDTSTART:20261225\n"),
            5,
            "has no `BEGIN`",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\n".to_owned(),
            2,
            "has no `END`",
        ),
        (event("DTSTART:20000101\nDTEND:20400101"), 3, "10,000 days"),
        (
            format!("BEGIN:VCALENDAR\n{}", "X:1\n".repeat(300_000)),
            1,
            "1 MB",
        ),
    ] {
        let error = read(&text).unwrap_err();
        assert_eq!(error.line, line, "{}", error.message);
        assert!(error.message.contains(reason), "{}", error.message);
    }
}
