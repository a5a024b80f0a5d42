//! Tests of cron expressions: against a search by the minute, against another library, and at every clock change.

use jiff::tz;
use proptest::prelude::*;

use super::*;

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn next(text: &str, zone: &str, after: &str) -> String {
    let zone = TimeZone::get(zone).expect(zone);
    let due = cron(text).next(&zone, at(after)).expect("a time");
    zone.to_datetime(due).to_string()
}

#[test]
fn fields_have_numbers_names_ranges_lists_and_steps() {
    for (text, after, due) in [
        (
            "0 9 * * mon-fri",
            "2026-11-28T10:00:00Z",
            "2026-11-30T09:00:00",
        ),
        ("0 9 * * 1-5", "2026-11-30T09:00:00Z", "2026-12-01T09:00:00"),
        (
            "*/15 * * * *",
            "2026-11-28T10:00:00Z",
            "2026-11-28T10:15:00",
        ),
        (
            "59 23 31 12 *",
            "2026-11-28T10:00:00Z",
            "2026-12-31T23:59:00",
        ),
        (
            "0 0 29 feb *",
            "2026-11-28T10:00:00Z",
            "2028-02-29T00:00:00",
        ),
        ("0 0 * * 7", "2026-11-28T10:00:00Z", "2026-11-29T00:00:00"),
        (
            "0 0 * * fri-sun",
            "2026-11-28T10:00:00Z",
            "2026-11-29T00:00:00",
        ),
        (
            "5,7 0-3/3 1 JAN,Jul *",
            "2026-11-28T10:00:00Z",
            "2027-01-01T00:05:00",
        ),
        ("0 0 1 * mon", "2026-11-28T10:00:00Z", "2026-11-30T00:00:00"),
        ("@monthly", "2026-11-28T10:00:00Z", "2026-12-01T00:00:00"),
        (
            "30/10 * * * *",
            "2026-11-28T10:00:00Z",
            "2026-11-28T10:30:00",
        ),
    ] {
        assert_eq!(next(text, "UTC", after), due, "{text}");
    }
}

#[test]
fn clock_changes_skip_and_repeat_nothing() {
    for (text, after, due) in [
        // 02:00 to 03:00 does not exist.
        ("30 2 * * *", "2026-03-28T02:00:00Z", "2026-03-29T03:00:00"),
        ("30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T02:30:00"),
        (
            "*/30 * * * *",
            "2026-03-29T00:30:00Z",
            "2026-03-29T03:00:00",
        ),
        (
            "0,30 2,3 * * *",
            "2026-03-29T00:30:00Z",
            "2026-03-29T03:00:00",
        ),
        (
            "0,30 2,3 * * *",
            "2026-03-29T01:00:00Z",
            "2026-03-29T03:30:00",
        ),
        // 02:00 to 03:00 comes twice.
        ("30 2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T02:30:00"),
        ("30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T02:30:00"),
        ("30 2 * * *", "2026-10-25T00:45:00Z", "2026-10-26T02:30:00"),
    ] {
        assert_eq!(
            next(text, "Europe/Berlin", after),
            due,
            "{text} after {after}"
        );
    }
    // A day that did not exist, and a gap that ends at midnight.
    assert_eq!(
        next("0 9 30 12 *", "Pacific/Apia", "2011-12-30T00:00:00Z"),
        "2011-12-31T00:00:00"
    );
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    let half_hours = cron("*/30 * * * *");
    let mut due = Vec::new();
    let mut after = at("2026-10-24T23:59:00Z");
    for _ in 0..5 {
        after = half_hours.next(&berlin, after).expect("a time");
        due.push(after.to_string());
    }
    assert_eq!(due[4], "2026-10-25T02:00:00Z");
}

#[test]
fn the_last_time_before_one_is_found() {
    let zone = TimeZone::UTC;
    for (text, before, last) in [
        (
            "*/15 * * * *",
            "2026-11-28T10:00:00Z",
            "2026-11-28T09:45:00Z",
        ),
        (
            "0 9 * * mon-fri",
            "2026-11-30T09:00:00Z",
            "2026-11-27T09:00:00Z",
        ),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ] {
        assert_eq!(
            cron(text).previous(&zone, at(before)),
            Some(at(last)),
            "{text}"
        );
    }
    assert_eq!(
        cron("0 0 30 2 *").previous(&zone, at("2026-11-30T09:00:00Z")),
        None
    );
}

#[test]
fn expressions_that_are_never_due_are_recognised() {
    for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *"] {
        assert!(cron(text).is_never(), "{text}");
        assert_eq!(
            cron(text).next(&TimeZone::UTC, at("2026-11-30T09:00:00Z")),
            None
        );
    }
    for text in ["0 0 29 2 *", "0 0 30 2 mon", "* * * * *", "0 0 */28 2 sat"] {
        assert!(!cron(text).is_never(), "{text}");
    }
}

#[test]
fn mistakes_say_what_to_write() {
    for (text, message, help) in [
        (
            "15m",
            "expected a cron expression, found `15m`",
            "write `every: { cron: \"*/15 * * * *\" }`",
        ),
        (
            "0 0 9 * * mon",
            "a cron expression has five fields, found 6",
            "remove the seconds, because rules tick once a minute at most: `0 9 * * mon`",
        ),
        (
            "61 * * * *",
            "`61` is not one of the minutes",
            "write a number from 0 to 59, a range such as `0-4`, or `*`",
        ),
        (
            "0 9 * * moon",
            "`moon` is not one of the days of the week",
            "write a number from 0 to 7, or a name from `sun` to `sat`",
        ),
        (
            "0 9 * * sat-mon",
            "`sat-mon` goes backwards in the field for days of the week",
            "write two ranges: `sat-sat,sun-mon`",
        ),
        (
            "*/0 * * * *",
            "`/0` is not a step of minutes",
            "write a number from 1 to 59 after the `/`",
        ),
        (
            "0 9 * *",
            "a cron expression has five fields, found 4",
            "write minute, hour, day of the month, month and day of the week: `0 9 * * mon-fri`",
        ),
        (
            "@reboot",
            "unknown cron expression `@reboot`",
            "write @hourly, @daily, @weekly, @monthly or @yearly, or five fields: `0 9 * * mon-fri`",
        ),
        (
            "0 9, * * *",
            "a number is missing in the field for hours",
            "write a number from 0 to 23, a range such as `0-4`, or `*`",
        ),
    ] {
        let mistake = Cron::parse(text).expect_err(text);
        assert_eq!(
            (mistake.message.as_str(), mistake.help.as_str()),
            (message, help)
        );
    }
}

#[test]
fn another_program_finds_the_same_times() {
    let cases = include_str!("cron_cases.txt").lines();
    let mut count = 0;
    for case in cases.filter(|case| !case.starts_with('#')) {
        let [text, zone, after, due] = case.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{case}");
        };
        let zone = TimeZone::get(zone).expect(zone);
        let found = cron(text).next(&zone, at(after));
        let found = found.map_or("never".to_owned(), |due| due.to_string());
        assert_eq!(found, due, "{case}");
        count += 1;
    }
    assert!(count > 500, "{count}");
}

/// A field without a step after `*`.
fn field(first: u8, last: u8) -> impl Strategy<Value = String> {
    let number = move || first..=last;
    prop_oneof![
        3 => Just("*".to_owned()),
        3 => number().prop_map(|number| number.to_string()),
        1 => (number(), number()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (number(), number(), 1..=last).prop_map(|(a, b, step)| format!("{}-{}/{step}", a.min(b), a.max(b))),
        1 => (number(), number()).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let days = (field(1, 31), field(1, 12), field(0, 7));
    (field(0, 59), field(0, 23), days).prop_map(|(minutes, hours, (days, months, weekdays))| {
        format!("{minutes} {hours} {days} {months} {weekdays}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_text_and_no_time_panics(text in "[-0-9*/,@a-z? ]{0,24}", of in expression(), second in i64::MIN..i64::MAX, zone in 0..600_usize) {
        let low = Timestamp::MIN.as_second();
        let range = Timestamp::MAX.as_second() - low;
        let after = Timestamp::from_second(low + second.rem_euclid(range)).expect("a time");
        let name = tz::db().available().nth(zone).map_or("UTC".to_owned(), |name| name.to_string());
        let zone = TimeZone::get(&name).expect("a zone");
        for text in [text, of] {
            if let Ok(cron) = Cron::parse(&text) {
                for after in [after, Timestamp::MIN, Timestamp::MAX] {
                    let due = cron.next(&zone, after);
                    prop_assert!(due.is_none_or(|due| due > after));
                    cron.previous(&zone, after);
                }
            }
        }
    }
}
