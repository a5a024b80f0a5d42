//! Tests of cron expressions at every change of the clocks: compared with a look at each minute.

use jiff::tz;

use super::*;

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// What the clock of a zone shows around a change, minute by minute.
struct ShownMinutes {
    /// The latest time that was shown before the first minute.
    shown: DateTime,
    local: Vec<DateTime>,
}

impl ShownMinutes {
    /// The minutes from `first` on, `minutes` of them.
    fn of(zone: &TimeZone, first: Timestamp, minutes: i64) -> Self {
        // A change in the last two days can have set the clock back to before the first minute.
        let mut history = 0;
        if let Some(change) = zone.preceding(first).next() {
            let since = first.duration_since(change.timestamp()).as_mins();
            history = if since < 49 * 60 { 49 * 60 } else { 1 };
        }
        let local = |minute| zone.to_datetime(first + SignedDuration::from_mins(minute));
        Self {
            shown: (-history..0).map(local).max().unwrap_or(local(0)),
            local: (0..minutes).map(local).collect(),
        }
    }

    /// The minutes after the first one at which an expression is due: those that its fields name and that the clock has not
    /// shown before, and the first minute after skipped ones if the fields name one of them.
    fn due(&self, cron: &Cron) -> Vec<i64> {
        let names = |at: DateTime| {
            let day = cron.has_day(at.date()) && cron.months.has(at.month());
            day && cron.hours.has(at.hour()) && cron.minutes.has(at.minute())
        };
        let mut due = Vec::new();
        let mut shown = self.shown;
        for (minute, local) in (0_i64..).zip(&self.local) {
            let mut is_due = names(*local) && (*local > shown || cron.repeats());
            let mut skipped = shown.checked_add(1.minute()).expect("a time");
            while !cron.repeats() && skipped < *local {
                is_due |= names(skipped);
                skipped = skipped.checked_add(1.minute()).expect("a time");
            }
            shown = shown.max(*local);
            if is_due && minute > 0 {
                due.push(minute);
            }
        }
        due
    }
}

fn all_due(cron: &Cron, zone: &TimeZone, first: Timestamp, minutes: i64) -> Vec<Timestamp> {
    let end = first + SignedDuration::from_mins(minutes);
    let (mut due, mut after) = (Vec::new(), first);
    while let Some(next) = cron.next(zone, after).filter(|next| *next < end) {
        assert!(next > after, "{cron:?} {next}");
        due.push(next);
        after = next;
    }
    due
}

/// The changes of a zone until the end of 2037 at which its times have no seconds.
fn changes(zone: &TimeZone) -> Vec<Timestamp> {
    let until = at("2038-01-01T00:00:00Z");
    let whole = |at: Timestamp| zone.to_offset(at).seconds() % 60 == 0;
    let changes = zone.following(at("1900-01-01T00:00:00Z"));
    changes
        .map(|change| change.timestamp())
        .take_while(|change| *change <= until)
        .filter(|change| change.as_second() % 60 == 0)
        .filter(|change| whole(*change) && whole(*change - SignedDuration::from_hours(50)))
        .collect()
}

/// Compares expressions with a look at each minute, from before a change to some hours after it.
fn sweep(zone: &TimeZone, change: Timestamp, hours: i64, expressions: &[Cron]) {
    let first = change - SignedDuration::from_mins(65);
    let minutes = 65 + hours * 60;
    let shown = ShownMinutes::of(zone, first, minutes);
    for cron in expressions {
        let model = shown.due(cron).into_iter();
        let model = model.map(|minute| first + SignedDuration::from_mins(minute));
        assert_eq!(
            all_due(cron, zone, first, minutes),
            model.collect::<Vec<_>>(),
            "{zone:?} {change} {cron:?}"
        );
    }
}

/// Every zone of the database with its changes. Names of the same zone are there once.
fn zones_with_changes() -> Vec<(TimeZone, Vec<Timestamp>)> {
    let mut known = std::collections::HashSet::new();
    let mut zones = Vec::new();
    let mut names = 0;
    for name in tz::db().available() {
        names += 1;
        let zone = TimeZone::get(name.as_str()).expect("a zone");
        let changes = changes(&zone);
        let offsets = changes.iter().map(|change| zone.to_offset(*change));
        if known.insert((changes.clone(), offsets.collect::<Vec<_>>())) {
            zones.push((zone, changes));
        }
    }
    assert!(names > 400 && zones.len() > 250, "{names}, {}", zones.len());
    zones
}

#[test]
fn every_clock_change_of_every_zone_is_swept() {
    let expressions = ["30 2 * * *", "59 23,0 * * *", "0 0 * * mon-sat"].map(cron);
    let mut count = 0;
    for (zone, changes) in zones_with_changes() {
        count += changes.len();
        for change in changes {
            sweep(&zone, change, 4, &expressions);
        }
    }
    assert!(count > 10_000, "{count}");
}

#[test]
#[ignore = "takes minutes"]
fn every_clock_change_of_every_zone_is_swept_with_many_expressions() {
    let expressions = [
        "0,15,30,45 0-3 * * *",
        "*/30 * * * *",
        "0 0 * * *",
        "15 * * * *",
        "20 1,2 * * mon-sat",
        "*/20 1-2 * * *",
    ];
    let expressions = expressions.map(cron);
    for (zone, changes) in zones_with_changes() {
        for change in changes {
            sweep(&zone, change, 26, &expressions);
        }
    }
}

#[test]
fn expressions_that_repeat_are_swept_in_zones_with_unusual_changes() {
    let expressions = ["0,15,30,45 0-3 * * *", "*/30 * * * *", "*/20 1-2 * * *"].map(cron);
    for name in ["Australia/Lord_Howe", "Pacific/Apia"] {
        let zone = TimeZone::get(name).expect(name);
        let changes = changes(&zone);
        assert!(!changes.is_empty(), "{name}");
        for change in changes {
            sweep(&zone, change, 26, &expressions);
        }
    }
}
