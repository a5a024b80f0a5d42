//! Cron expressions of five fields, and the times at which they are due in a zone.
//! Times that a clock change skips are due at its end, and times that it repeats once; an expression that repeats within
//! the day (`*` or `*/N` in the minutes or hours) goes on instead. The cost of [`Cron::next`] does not depend on how
//! far the next time is, except for one step per month and clock change.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

pub use crate::schedule::cron_field::CronMistake;
use crate::schedule::cron_field::{CronField, FIELDS};

/// After so many years the calendar repeats.
const CALENDAR_YEARS: i64 = 400;

/// The longest time that a clock was ever set back by.
const LONGEST_CHANGE: SignedDuration = SignedDuration::from_hours(48);

/// A cron expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cron {
    minutes: CronField,
    hours: CronField,
    days: CronField,
    months: CronField,
    weekdays: CronField,
}

/// The times of the zone between two clock changes.
struct CronPart {
    start: Timestamp,
    /// None if no change follows.
    end: Option<Timestamp>,
    offset: jiff::tz::Offset,
}

impl Cron {
    /// Reads an expression of five fields, or one such as `@daily`.
    pub fn parse(text: &str) -> Result<Self, CronMistake> {
        let text = nickname(text.trim())?;
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(CronMistake::count(&fields));
        };
        let [of_minutes, of_hours, of_days, of_months, of_weekdays] = &FIELDS;
        let cron = Self {
            minutes: of_minutes.parse(minutes)?,
            hours: of_hours.parse(hours)?,
            days: of_days.parse(days)?,
            months: of_months.parse(months)?,
            weekdays: of_weekdays.parse(weekdays)?.with_sunday(),
        };
        Ok(cron)
    }

    /// Whether no day of the calendar has it: `0 0 30 2 *`.
    pub fn is_never(&self) -> bool {
        let first = Date::constant(2000, 1, 1);
        let last = Date::constant(2399, 12, 31);
        self.next_day(first, last).is_none()
    }

    /// The first time after `after` at which it is due. None if it never is.
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let start = after.checked_sub(LONGEST_CHANGE).ok()?;
        let years = SignedDuration::from_hours(24 * 366 * CALENDAR_YEARS);
        let last = after.checked_add(years).unwrap_or(Timestamp::MAX);
        let mut changes = zone.following(start).map(|change| change.timestamp());
        let mut at = start;
        // What the clock has shown already.
        let mut shown = zone.to_datetime(start);
        loop {
            let part = CronPart {
                start: at,
                end: changes.next().filter(|end| *end < last),
                offset: zone.to_offset(at),
            };
            if let Some(due) = self.due_in(&part, after, shown, last) {
                return Some(due);
            }
            let end = part.end?;
            shown = shown.max(part.offset.to_datetime(end));
            if end > after && !self.repeats() {
                let skipped_until = zone.to_datetime(end);
                if self.next_civil(shown, skipped_until).is_some() {
                    return Some(end);
                }
            }
            at = end;
        }
    }

    /// The last time before `before` at which it was due. None if there is none.
    pub fn previous(&self, zone: &TimeZone, before: Timestamp) -> Option<Timestamp> {
        const HOUR: i64 = 3_600;
        for hours in [1, 24, 24 * 8, 24 * 63, 24 * 367, 24 * 366 * 41] {
            let back = SignedDuration::from_secs(hours * HOUR);
            let Ok(mut at) = before.checked_sub(back) else {
                continue;
            };
            let mut last = None;
            while let Some(due) = self.next(zone, at).filter(|due| *due < before) {
                last = Some(due);
                at = due;
            }
            if last.is_some() {
                return last;
            }
        }
        None
    }

    /// Whether it repeats within the day, so that a clock change neither skips nor repeats it.
    fn repeats(&self) -> bool {
        self.minutes.starts_with_star || self.hours.starts_with_star
    }

    /// The first time after `after` in a part. Times of the day that the clock has shown before the part are not
    /// due again.
    fn due_in(
        &self,
        part: &CronPart,
        after: Timestamp,
        shown: DateTime,
        last: Timestamp,
    ) -> Option<Timestamp> {
        let next_instant = after.checked_add(1.nanosecond()).ok()?;
        let mut from = part.offset.to_datetime(part.start.max(next_instant));
        if !self.repeats() {
            from = from.max(shown);
        }
        let end = part.end.unwrap_or(last);
        let due = self.next_civil(from, part.offset.to_datetime(end))?;
        part.offset.to_timestamp(due).ok()
    }

    /// The first minute from `from` on and before `until` that it names.
    fn next_civil(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        let from = whole_minute(from)?;
        if from >= until {
            return None;
        }
        let mut date = from.date();
        let mut minute = i64::from(from.hour()) * 60 + i64::from(from.minute());
        loop {
            date = self.next_day(date, until.date())?;
            if date != from.date() {
                minute = 0;
            }
            if let Some((hour, minute)) = self.next_time(minute) {
                let due = date.at(hour, minute, 0, 0);
                return (due < until).then_some(due);
            }
            date = date.tomorrow().ok()?;
        }
    }

    /// The first day from `from` to `last` that it names.
    fn next_day(&self, from: Date, last: Date) -> Option<Date> {
        let mut date = from;
        while date <= last {
            if !self.months.has(date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
            } else if self.has_day(date) {
                return Some(date);
            } else {
                date = date.tomorrow().ok()?;
            }
        }
        None
    }

    /// Days of the month and of the week each make a day due, if neither starts with `*`.
    fn has_day(&self, date: Date) -> bool {
        let of_month = self.days.has(date.day());
        let of_week = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        match self.days.starts_with_star || self.weekdays.starts_with_star {
            true => of_month && of_week,
            false => of_month || of_week,
        }
    }

    /// The first hour and minute of a day, from a minute of the day on.
    fn next_time(&self, from: i64) -> Option<(i8, i8)> {
        let hour_and_minute = |minute: i64| {
            let hour = i8::try_from(minute / 60).ok()?;
            let minute = i8::try_from(minute % 60).ok()?;
            Some((hour, minute))
        };
        let (first, minute) = hour_and_minute(from)?;
        if self.hours.has(first)
            && let Some(minute) = self.minutes.first_from(minute)
        {
            return Some((first, minute));
        }
        let hour = self.hours.first_from(first.checked_add(1)?)?;
        Some((hour, self.minutes.first_from(0)?))
    }
}

/// The next minute without seconds, unless it is one.
fn whole_minute(at: DateTime) -> Option<DateTime> {
    let floor = at.date().at(at.hour(), at.minute(), 0, 0);
    match floor == at {
        true => Some(floor),
        false => floor.checked_add(1.minute()).ok(),
    }
}

/// The fields for a nickname; any other text as it is.
fn nickname(text: &str) -> Result<&str, CronMistake> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    match text.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(CronMistake {
            message: format!("unknown cron expression `{text}`"),
            help: "write @hourly, @daily, @weekly, @monthly or @yearly, or five fields: `0 9 * * mon-fri`".to_owned(),
        }),
    }
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "cron_sweep_tests.rs"]
mod sweep_tests;
