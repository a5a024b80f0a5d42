//! The longest real time that a duration can take of which only open hours count.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::schedule::{During, ScheduledDuration};

/// A day of which the year and all special days are looked at: years long before and after it are like others.
const YEAR: Timestamp = Timestamp::constant(1_767_225_600, 0);
const DAY: i64 = 24;
/// How far special days are looked at.
const FURTHEST: SignedDuration = SignedDuration::from_hours(30 * 366 * DAY);
const MARGIN: SignedDuration = SignedDuration::from_hours(8 * DAY);

impl ScheduledDuration {
    /// The longest time between its start and its end. `None` if there is a start after which it never ends.
    pub fn longest(&self) -> Option<Duration> {
        match &self.during {
            Some(during) => during.longest(self.time),
            None => Some(self.time),
        }
    }
}

impl During {
    /// Whether it contains no time at all, also on no special day.
    pub fn is_empty(&self) -> bool {
        match self.negated {
            true => self.schedule.is_always_open(),
            false => self.schedule.is_empty(),
        }
    }

    /// Whether it contains no time at all, or none after the last special day.
    pub fn ends_for_ever(&self) -> bool {
        self.longest(Duration::from_nanos(1)).is_none()
    }

    /// Says that it contains no time after the last special day: "`office` has no regular open hours".
    pub fn never_again(&self) -> String {
        let name = &self.schedule.name;
        match self.negated {
            true => format!("`{name}` has no regular closed hours"),
            false => format!("`{name}` has no regular open hours"),
        }
    }

    /// A duration takes longest if it begins when the open hours end.
    fn longest(&self, time: Duration) -> Option<Duration> {
        let (first, last) = self.special_time();
        let early = self.before(first, time).unwrap_or(first);
        let mut at = early.checked_sub(MARGIN).unwrap_or(early);
        let time = SignedDuration::try_from(time).ok()?;
        let mut longest = time;
        // The ends of open hours from which the duration has not ended yet, with the open hours before them.
        let mut begun = VecDeque::new();
        let mut open = SignedDuration::ZERO;
        loop {
            let start = self.next(at)?;
            let end = self.schedule.next_change(start);
            while let Some((closed, before)) = begun.front() {
                let rest = time - (open - *before);
                if end.is_some_and(|end| rest > end.duration_since(start)) {
                    break;
                }
                let takes = start.duration_since(*closed).saturating_add(rest);
                longest = longest.max(takes);
                begun.pop_front();
            }
            let Some(end) = end else { break };
            open = open.saturating_add(end.duration_since(start));
            match end <= last {
                true => begun.push_back((end, open)),
                false if begun.is_empty() => break,
                false => {}
            }
            at = end;
        }
        Duration::try_from(longest).ok()
    }

    /// The time in which days differ, and at least a year.
    fn special_time(&self) -> (Timestamp, Timestamp) {
        let days = &self.schedule.days;
        let first = days.keys().next().map_or(YEAR, |date| midnight(*date));
        let last = days.keys().next_back().map_or(YEAR, |date| midnight(*date));
        let early = YEAR.checked_sub(FURTHEST).unwrap_or(YEAR);
        let late = YEAR.checked_add(FURTHEST).unwrap_or(YEAR);
        let year_later = YEAR + SignedDuration::from_hours(366 * DAY);
        let last = last.checked_add(MARGIN).unwrap_or(last).max(year_later);
        (first.clamp(early, YEAR), last.min(late))
    }
}

fn midnight(date: Date) -> Timestamp {
    let zoned = date.in_tz("UTC");
    zoned.map_or(YEAR, |midnight| midnight.timestamp())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::schedule::{OpenHours, Schedule, SpecialDay};

    const HOUR: u64 = 3_600;

    /// From 9 to 17 o'clock in UTC from Monday to Friday, with special days.
    pub(crate) fn office(days: &[(Date, &[OpenHours])]) -> During {
        let hours = vec![OpenHours {
            start: 540,
            end: 1_020,
        }];
        let week = [true, true, true, true, true, false, false];
        let days = days.iter().map(|(date, hours)| {
            let day = SpecialDay {
                hours: hours.to_vec(),
                title: "holiday".to_owned(),
            };
            (*date, day)
        });
        During {
            schedule: Arc::new(Schedule {
                name: "office".into(),
                zone_name: "UTC".into(),
                zone: TimeZone::UTC,
                week: week.map(|open| if open { hours.clone() } else { Vec::new() }),
                days: days.collect(),
            }),
            negated: false,
        }
    }

    fn longest(during: &During, hours: u64) -> Option<u64> {
        let time = Duration::from_secs(hours * HOUR);
        let longest = during.longest(time)?;
        Some(longest.as_secs() / HOUR)
    }

    #[test]
    fn it_begins_on_a_friday_evening() {
        let office = office(&[]);
        assert_eq!(longest(&office, 1), Some(65));
        assert_eq!(longest(&office, 8), Some(72));
        assert_eq!(longest(&office, 9), Some(89));
        assert_eq!(longest(&office, 40), Some(168));
    }

    #[test]
    fn holidays_make_it_longer() {
        let day = |day| jiff::civil::date(2031, 12, day);
        let closed: &[OpenHours] = &[];
        let office = office(&[(day(25), closed), (day(26), closed)]);
        // From Wednesday, 24 December, 17:00 to Monday, 29 December, 10:00.
        assert_eq!(longest(&office, 1), Some(113));
    }

    #[test]
    fn without_regular_hours_it_never_ends() {
        let day = jiff::civil::date(2031, 12, 24);
        let open: &[OpenHours] = &[OpenHours {
            start: 540,
            end: 1_020,
        }];
        let mut only_once = office(&[(day, open)]);
        let mut schedule = Schedule::clone(&only_once.schedule);
        schedule.week = Default::default();
        only_once.schedule = Arc::new(schedule);
        assert!(only_once.ends_for_ever());
        assert!(!only_once.is_empty());
        assert_eq!(longest(&only_once, 1), None);
        let never = During {
            negated: true,
            ..only_once
        };
        assert_eq!(longest(&never, 1), Some(9));
    }
}
