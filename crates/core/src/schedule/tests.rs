//! Schedules compared with a plain model that looks at every minute, in all zones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::hours::{DAY, OpenHours};
use super::{During, Schedule, SpecialDay, weekday_index};

fn schedule(zone: &str, days: &[(&str, &str)]) -> Schedule {
    let mut week: [Vec<OpenHours>; 7] = Default::default();
    for (day, hours) in days {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let index = names.iter().position(|name| name == day).unwrap();
        week[index].push(OpenHours::parse(hours).unwrap());
    }
    Schedule {
        name: "office".to_owned(),
        zone_name: zone.to_owned(),
        zone: TimeZone::get(zone).unwrap(),
        week,
        days: BTreeMap::new(),
    }
}

fn with_day(schedule: Schedule, date: Date, title: &str, hours: &[&str]) -> Schedule {
    let hours = hours.iter().map(|hours| OpenHours::parse(hours).unwrap());
    let special = SpecialDay {
        hours: hours.collect(),
        title: title.to_owned(),
    };
    let mut days = schedule.days;
    days.insert(date, special);
    Schedule { days, ..schedule }
}

fn berlin() -> Schedule {
    let days = ["mon", "tue", "wed", "thu", "fri"].map(|day| (day, "09:00-18:00"));
    schedule("Europe/Berlin", &days)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Whether it is open when clocks have shown no later time than this.
fn is_open_on_clock(schedule: &Schedule, shown: DateTime) -> bool {
    let hours_of = |date: Date| match schedule.days.get(&date) {
        Some(day) => day.hours.clone(),
        None => schedule.week[weekday_index(date.weekday())].clone(),
    };
    let today = shown.date();
    let is_closed = |date| {
        schedule
            .days
            .get(&date)
            .is_some_and(|day| day.hours.is_empty())
    };
    if is_closed(today) {
        return false;
    }
    let minute = u16::try_from(i32::from(shown.hour()) * 60 + i32::from(shown.minute())).unwrap();
    let yesterday = today.yesterday().unwrap();
    let holds = |hours: &OpenHours, minute: u16| hours.start <= minute && minute < hours.end;
    hours_of(today).iter().any(|hours| holds(hours, minute))
        || hours_of(yesterday)
            .iter()
            .any(|hours| holds(hours, minute + DAY))
}

/// The state of each minute from `start` on.
fn model(schedule: &Schedule, start: Timestamp, minutes: i64) -> Vec<bool> {
    // The clock is watched for two days before, as it may have been set back.
    let warm = 2 * i64::from(DAY);
    let mut furthest = DateTime::MIN;
    let mut states = Vec::new();
    for minute in -warm..minutes {
        let now = start + SignedDuration::from_mins(minute);
        furthest = furthest.max(schedule.zone.to_datetime(now));
        if minute >= 0 {
            states.push(is_open_on_clock(schedule, furthest));
        }
    }
    states
}

fn compare(schedule: &Schedule, start: Timestamp, minutes: i64) {
    let states = model(schedule, start, minutes);
    let mut changes = Vec::new();
    for (minute, open) in (0..).zip(&states) {
        let now = start + SignedDuration::from_mins(minute);
        let zone = &schedule.zone_name;
        assert_eq!(
            schedule.is_open(now),
            *open,
            "{zone} {now} {}",
            schedule.local(now)
        );
        if minute > 0 && states[usize::try_from(minute).unwrap() - 1] != *open {
            changes.push(now);
        }
    }
    let end = start + SignedDuration::from_mins(minutes - 1);
    let mut found = Vec::new();
    let mut next = start;
    while let Some(change) = schedule.next_change(next).filter(|change| *change <= end) {
        found.push(change);
        next = change;
    }
    assert_eq!(found, changes, "{} from {start}", schedule.zone_name);
    let mut back = Vec::new();
    let mut last = end + SignedDuration::from_nanos(1);
    while let Some(change) = schedule.last_change(last).filter(|change| *change > start) {
        back.push(change);
        last = change;
    }
    back.reverse();
    assert_eq!(back, changes, "{} back to {start}", schedule.zone_name);
}

fn hours() -> impl Strategy<Value = OpenHours> {
    let length = prop_oneof![1..=DAY, Just(DAY), Just(30)];
    (0..DAY, length).prop_map(|(start, length)| OpenHours {
        start,
        end: (start + length).min(start + DAY - 1).max(start + 1),
    })
}

fn day() -> impl Strategy<Value = Vec<OpenHours>> {
    prop_oneof![
        3 => prop::collection::vec(hours(), 0..3),
        1 => Just(vec![OpenHours::ALL_DAY]),
        1 => Just(Vec::new()),
    ]
}

fn zone_names() -> Vec<String> {
    let names = jiff::tz::db().available().map(|name| name.to_string());
    names.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_schedules_agree_with_the_model(
        zone in prop::sample::select(zone_names()),
        week in prop::array::uniform7(day()),
        special in prop::collection::vec((0i32..8, day()), 0..4),
        // From 1973 on offsets are whole minutes.
        day in 0i64..24_000,
        near_a_change in any::<bool>(),
    ) {
        let mut start = at("1973-01-01T00:00:00Z") + SignedDuration::from_hours(day * 24);
        let zone_name = zone.clone();
        let zone = TimeZone::get(&zone).unwrap();
        if near_a_change && let Some(change) = zone.following(start).next() {
            let second = change.timestamp().as_second();
            let minute = Timestamp::from_second(second - second.rem_euclid(60)).unwrap();
            start = minute - SignedDuration::from_hours(60);
        }
        let first = zone.to_datetime(start).date();
        let special = special.into_iter().map(|(offset, hours)| {
            let date = first.saturating_add(SignedDuration::from_hours(i64::from(offset) * 24));
            (date, SpecialDay { hours, title: "holiday".to_owned() })
        });
        let schedule = Schedule {
            name: "office".to_owned(),
            zone_name,
            zone,
            week,
            days: special.collect(),
        };
        compare(&schedule, start, 5 * i64::from(DAY));
    }

    #[test]
    fn durations_forward_and_back_are_inverse(
        zone in prop::sample::select(zone_names()),
        week in prop::array::uniform7(day()),
        second in 0i64..2_000_000_000,
        minutes in 1u64..5_000,
        negated in any::<bool>(),
    ) {
        let schedule = Schedule {
            name: "office".to_owned(),
            zone_name: zone.clone(),
            zone: TimeZone::get(&zone).unwrap(),
            week,
            days: BTreeMap::new(),
        };
        let during = During { schedule: Arc::new(schedule), negated };
        let from = Timestamp::from_second(second).unwrap();
        let time = Duration::from_secs(minutes * 60);
        let Some(end) = during.after(from, time) else {
            return Ok(());
        };
        // Closed hours at the start do not count.
        let start = during.next(from).unwrap();
        prop_assert_eq!(during.before(end, time), Some(start));
        let sum = counted(&during, from, end);
        prop_assert_eq!(sum, SignedDuration::try_from(time).unwrap());
    }

    #[test]
    fn no_time_panics(second in any::<i64>(), zone in prop::sample::select(zone_names())) {
        let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let second = least + second.rem_euclid(most - least);
        let schedule = Schedule {
            zone: TimeZone::get(&zone).unwrap(),
            ..with_day(berlin(), date(2026, 12, 25), "Christmas Day", &[])
        };
        let during = During { schedule: Arc::new(schedule), negated: false };
        for time in [Timestamp::MIN, Timestamp::from_second(second).unwrap(), Timestamp::MAX] {
            let day = Duration::from_secs(86_400);
            let days = during.after(time, day).zip(during.before(time, day));
            let all = during.after(time, Duration::MAX).or(during.before(time, Duration::MAX));
            prop_assert!(!during.describe(time).is_empty() && all.is_none(), "{:?}", days);
        }
    }
}

/// The time between two instants that counts, in whole minutes or less.
fn counted(during: &During, from: Timestamp, to: Timestamp) -> SignedDuration {
    let (mut sum, mut now) = (SignedDuration::ZERO, from);
    while now < to {
        let next = during
            .schedule
            .next_change(now)
            .map_or(to, |next| next.min(to));
        if during.contains(now) {
            sum += next.duration_since(now);
        }
        now = next;
    }
    sum
}

#[test]
fn all_zones_agree_with_the_model_at_their_changes() {
    let night = schedule(
        "UTC",
        &[
            ("sat", "22:00-06:00"),
            ("sun", "00:00-02:30"),
            ("sun", "02:45-03:10"),
            ("mon", "00:00-24:00"),
        ],
    );
    // Zones whose clocks change at the same time and in the same way are looked at once.
    let mut seen = BTreeSet::new();
    for name in zone_names() {
        let zone = TimeZone::get(&name).unwrap();
        let schedule = Schedule {
            zone: zone.clone(),
            zone_name: name,
            ..night.clone()
        };
        for change in zone.following(at("2026-01-01T00:00:00Z")).take(2) {
            let second = change.timestamp().as_second();
            if !seen.insert((second, change.offset().seconds())) {
                continue;
            }
            let minute = Timestamp::from_second(second - second.rem_euclid(60)).unwrap();
            compare(
                &schedule,
                minute - SignedDuration::from_hours(30),
                3 * i64::from(DAY),
            );
        }
    }
    assert!(seen.len() > 20, "{}", seen.len());
}

#[test]
fn days_that_a_zone_skips_or_begins_late_are_handled() {
    let daily = |zone, hours| {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        schedule(zone, &days.map(|day| (day, hours)))
    };
    // Apia had no 30 December 2011, and clocks in Sao Paulo went from midnight to one.
    for (zone, start) in [
        ("Pacific/Apia", "2011-12-28T00:00:00Z"),
        ("America/Sao_Paulo", "2018-11-03T00:00:00Z"),
    ] {
        for hours in [
            "09:00-18:00",
            "22:00-06:00",
            "00:00-00:30",
            "all day",
            "23:30-23:00",
        ] {
            compare(&daily(zone, hours), at(start), 5 * i64::from(DAY));
        }
    }
    let friday = schedule("Pacific/Apia", &[("fri", "09:00-18:00")]);
    let next = friday.next_change(at("2011-12-28T00:00:00Z")).unwrap();
    assert_eq!(friday.local(next), date(2012, 1, 6).at(9, 0, 0, 0));
}

#[test]
fn hours_follow_clock_changes() {
    let night = schedule("Europe/Berlin", &[("sun", "02:30-04:00")]);
    // In the gap it opens when clocks go on, and in the overlap with the first of two equal times.
    let gap = night.next_change(at("2026-03-28T12:00:00Z")).unwrap();
    assert_eq!(gap, at("2026-03-29T01:00:00Z"));
    let overlap = night.next_change(at("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!(overlap, at("2026-10-25T00:30:00Z"));
    assert_eq!(night.next_change(overlap), Some(at("2026-10-25T03:00:00Z")));
}

#[test]
fn a_holiday_also_ends_what_began_the_evening_before() {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let night = schedule("UTC", &days.map(|day| (day, "22:00-06:00")));
    let night = with_day(night, date(2026, 12, 25), "Christmas Day", &[]);
    assert!(night.is_open(at("2026-12-24T23:59:59Z")));
    assert!(!night.is_open(at("2026-12-25T00:00:00Z")));
    assert!(!night.is_open(at("2026-12-25T23:00:00Z")));
    assert!(!night.is_open(at("2026-12-26T03:00:00Z")));
    assert!(night.is_open(at("2026-12-26T22:00:00Z")));
    // Special hours leave the night before them.
    let night = with_day(night, date(2026, 12, 28), "exception", &["12:00-13:00"]);
    assert!(night.is_open(at("2026-12-28T05:00:00Z")));
    assert!(night.is_open(at("2026-12-28T12:30:00Z")));
    assert!(!night.is_open(at("2026-12-28T23:00:00Z")));
}

#[test]
fn changes_beyond_long_closed_times_are_found() {
    let never = schedule("UTC", &[]);
    assert_eq!(never.next_change(at("2026-01-01T00:00:00Z")), None);
    let once = with_day(never, date(2049, 6, 1), "exception", &["10:00-12:00"]);
    assert_eq!(
        once.next_change(at("2026-01-01T00:00:00Z")),
        Some(at("2049-06-01T10:00:00Z"))
    );
    assert_eq!(
        once.next_change(at("2049-06-01T10:00:00Z")),
        Some(at("2049-06-01T12:00:00Z"))
    );
    assert_eq!(once.next_change(at("2049-06-01T12:00:00Z")), None);
    assert_eq!(
        once.last_change(at("2100-01-01T00:00:00Z")),
        Some(at("2049-06-01T12:00:00Z"))
    );
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let always = schedule("UTC", &days.map(|day| (day, "all day")));
    assert!(always.is_always_open());
    assert_eq!(always.next_change(at("2026-01-01T00:00:00Z")), None);
    let but_one = with_day(always, date(2049, 6, 1), "holiday", &[]);
    assert!(!but_one.is_always_open());
    assert_eq!(
        but_one.next_change(at("2026-01-01T00:00:00Z")),
        Some(at("2049-06-01T00:00:00Z"))
    );
    assert_eq!(
        but_one.last_change(at("2100-01-01T00:00:00Z")),
        Some(at("2049-06-02T00:00:00Z"))
    );
}

#[test]
fn the_description_names_the_state_and_the_next_change() {
    let office = with_day(berlin(), date(2026, 12, 25), "Christmas Day", &[]);
    let office = with_day(office, date(2026, 12, 28), "holiday", &[]);
    let during = |negated| During {
        schedule: Arc::new(office.clone()),
        negated,
    };
    for (time, text) in [
        (
            "2026-11-30T19:14:00Z",
            "during office closed: Mon 20:14 Europe/Berlin, opens Tue 09:00",
        ),
        (
            "2026-12-01T09:00:30Z",
            "during office open: Tue 10:00 Europe/Berlin, closes 18:00",
        ),
        (
            "2026-12-25T09:00:00Z",
            "during office closed (Christmas Day): Fri 10:00 Europe/Berlin, opens Tue 09:00",
        ),
    ] {
        assert_eq!(during(false).describe(at(time)), text);
        assert_eq!(during(true).describe(at(time)), text);
    }
    let mut holidays = office.clone();
    for day in 21..=30 {
        holidays = with_day(holidays, date(2026, 12, day), "holiday", &[]);
    }
    let state = holidays.state(at("2026-12-21T09:00:00Z"));
    assert_eq!(
        state.text(),
        "during office closed (holiday): Mon 10:00 Europe/Berlin, opens Thu 2026-12-31 09:00"
    );
}

#[test]
fn durations_count_open_hours_only() {
    let during = During {
        schedule: Arc::new(berlin()),
        negated: false,
    };
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    // Friday 16:00 and four hours: two are on Monday.
    let end = during.after(at("2026-11-27T15:00:00Z"), hours(4));
    assert_eq!(end, Some(at("2026-11-30T10:00:00Z")));
    assert_eq!(
        during.before(end.unwrap(), hours(4)),
        Some(at("2026-11-27T15:00:00Z"))
    );
    // What fills the day ends with it.
    let end = during.after(at("2026-11-27T02:00:00Z"), hours(9));
    assert_eq!(end, Some(at("2026-11-27T17:00:00Z")));
    assert_eq!(
        during.after(at("2026-11-28T12:00:00Z"), Duration::ZERO),
        Some(at("2026-11-30T08:00:00Z"))
    );
}
