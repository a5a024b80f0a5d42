//! Open hours of a day, as they are written: `09:00-18:00`, `22:00-06:00`, `all day`.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};

/// A part of a day, in minutes after its midnight. An end after [`DAY`] is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenHours {
    pub start: u16,
    pub end: u16,
}

/// Minutes of a day.
pub const DAY: u16 = 1_440;

/// Why a text is not a span of open hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoursError {
    /// It has not the form of a span.
    Form,
    /// One of its times does not exist.
    NoSuchTime,
    /// It ends when it begins.
    Empty,
}

impl OpenHours {
    pub const ALL_DAY: Self = Self { start: 0, end: DAY };

    /// Reads `09:00-18:00`. An end that is not after the start is on the next day.
    ///
    /// # Errors
    /// If the text is not a span, or an empty one.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let text = text.trim();
        if text == "all day" {
            return Ok(Self::ALL_DAY);
        }
        let (start, end) = text.split_once(['-', '–']).ok_or(HoursError::Form)?;
        let (start, end) = (minute(start)?, minute(end)?);
        if start == DAY {
            return Err(HoursError::NoSuchTime);
        }
        if start == end {
            return Err(HoursError::Empty);
        }
        let end = match end < start {
            true => end + DAY,
            false => end,
        };
        // `22:00-00:00` ends with its day.
        Ok(Self { start, end })
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// As it is written: `22:00-06:00`.
    pub fn text(self) -> String {
        match self {
            Self::ALL_DAY => "all day".to_owned(),
            Self { start, end } => {
                let end = if end > DAY { end - DAY } else { end };
                format!("{}-{}", clock(start), clock(end))
            }
        }
    }
}

/// Reads `09:00`, `9:00` or `24:00`.
fn minute(text: &str) -> Result<u16, HoursError> {
    let (hours, minutes) = text.trim().split_once(':').ok_or(HoursError::Form)?;
    let is_number =
        |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hours) || minutes.len() != 2 || !is_number(minutes) {
        return Err(HoursError::Form);
    }
    let number = |part: &str| part.parse::<u16>().map_err(|_| HoursError::Form);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    match minutes < 60 && minute <= DAY {
        true => Ok(minute),
        false => Err(HoursError::NoSuchTime),
    }
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The open parts of a day, merged and in their order: its own hours, and the rest of those of the day before.
pub fn day_spans(before: &[OpenHours], own: &[OpenHours]) -> Vec<OpenHours> {
    let rest = before.iter().filter(|hours| hours.end > DAY);
    let rest = rest.map(|hours| OpenHours {
        start: 0,
        end: hours.end - DAY,
    });
    let own = own.iter().map(|hours| OpenHours {
        start: hours.start,
        end: hours.end.min(DAY),
    });
    let mut spans: Vec<OpenHours> = rest.chain(own).collect();
    spans.sort_unstable();
    spans.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    spans
}

/// The whole minutes since midnight.
pub fn minute_of_day(time: Time) -> u16 {
    let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
    u16::try_from(minute).unwrap_or_default()
}

/// A minute of a day, or of the next one.
pub fn local_time(date: Date, minute: u16) -> DateTime {
    let midnight = date.to_datetime(Time::midnight());
    midnight.saturating_add(SignedDuration::from_mins(i64::from(minute)))
}

/// The days from `first` to `last`.
pub fn days_between(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(1.day()).take_while(move |date| *date <= last)
}
