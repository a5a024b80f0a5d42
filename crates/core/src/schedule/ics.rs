//! Reads the days of an iCalendar file: all-day events, also those of several days and those of every year.
//! Events with times and other repetitions are left out, which is reported with their lines.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::schedule::hours;

/// The largest calendar that is read, in bytes.
pub const MAX_SIZE: usize = 1_000_000;

/// The most days that a calendar may have.
pub const MAX_DAYS: usize = 10_000;

/// The last year for which events of every year are added.
pub const LAST_YEAR: i16 = 2050;

/// The days of a calendar with their titles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarDays {
    pub days: BTreeMap<Date, String>,
    pub ignored: Vec<CalendarNote>,
}

/// What is wrong or ignored at a line of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarNote {
    /// The line, from 1.
    pub line: usize,
    pub message: String,
}

/// Reads a calendar.
///
/// # Errors
/// If it is not a calendar, or a part of it cannot be read.
pub fn read(text: &str) -> Result<CalendarDays, CalendarNote> {
    if text.len() > MAX_SIZE {
        return Err(note(1, "a calendar has at most 1 MB"));
    }
    let mut lines = unfold(text).into_iter();
    let first = lines.next().filter(|line| line.is("BEGIN", "VCALENDAR"));
    if first.is_none() {
        return Err(note(1, "it does not begin with `BEGIN:VCALENDAR`"));
    }
    let mut found = CalendarDays::default();
    let mut open = vec!["VCALENDAR".to_owned()];
    let mut event = CalendarEvent::default();
    let mut last = 1;
    for line in lines {
        last = line.number;
        match line.name.as_str() {
            "BEGIN" => {
                if line.is("BEGIN", "VEVENT") {
                    event = CalendarEvent::at(line.number);
                }
                open.push(line.value.to_ascii_uppercase());
            }
            "END" => {
                if open.pop().as_deref() != Some(line.value.to_ascii_uppercase().as_str()) {
                    let message = format!("`END:{}` has no `BEGIN`", line.value);
                    return Err(note(line.number, message));
                }
                if line.is("END", "VEVENT") {
                    std::mem::take(&mut event).add_to(&mut found)?;
                }
            }
            // Alarms and the like have properties of the same names.
            _ if open.last().is_some_and(|part| part == "VEVENT") => event.property(line)?,
            _ => {}
        }
    }
    match open.last() {
        Some(part) => Err(note(last, format!("`BEGIN:{part}` has no `END`"))),
        None => Ok(found),
    }
}

fn note(line: usize, message: impl Into<String>) -> CalendarNote {
    let message = message.into();
    CalendarNote { line, message }
}

/// One line of a calendar after its parts were joined.
struct ContentLine {
    number: usize,
    name: String,
    parameters: String,
    value: String,
}

impl ContentLine {
    fn parse(number: usize, text: &str) -> Self {
        // A colon in quotes belongs to a parameter.
        let mut quoted = false;
        let colon = text.find(|c: char| {
            quoted ^= c == '"';
            c == ':' && !quoted
        });
        let (head, value) = text.split_at(colon.unwrap_or(text.len()));
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        Self {
            number,
            name: name.to_ascii_uppercase(),
            parameters: parameters.to_ascii_uppercase(),
            value: value
                .strip_prefix(':')
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.name == name && self.value.eq_ignore_ascii_case(value)
    }

    /// The date, if it is one without a time.
    fn date(&self) -> Result<Option<Date>, CalendarNote> {
        let has_time = self.value.contains(['T', 't']);
        if has_time || self.parameters.contains("VALUE=DATE-TIME") {
            return Ok(None);
        }
        match Date::strptime("%Y%m%d", &self.value) {
            Ok(date) if self.value.len() == 8 => Ok(Some(date)),
            Ok(_) | Err(_) => {
                let message = format!("`{}` of `{}` is not a date", self.value, self.name);
                Err(note(self.number, message))
            }
        }
    }
}

/// The lines, each joined with those that continue it. Empty ones are left out.
fn unfold(text: &str) -> Vec<ContentLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut joined: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix([' ', '\t']), joined.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            (_, _) if line.trim().is_empty() => {}
            (_, _) => joined.push((number, line.to_owned())),
        }
    }
    let lines = joined.into_iter();
    lines
        .map(|(number, line)| ContentLine::parse(number, &line))
        .collect()
}

/// An event of a calendar, as far as it was read.
#[derive(Default)]
struct CalendarEvent {
    line: usize,
    start: Option<ContentLine>,
    end: Option<ContentLine>,
    duration: Option<ContentLine>,
    title: String,
    rule: Option<ContentLine>,
    is_cancelled: bool,
    /// A property for which there is no meaning here.
    unsupported: Option<String>,
}

impl CalendarEvent {
    fn at(line: usize) -> Self {
        Self {
            line,
            ..Self::default()
        }
    }

    fn property(&mut self, line: ContentLine) -> Result<(), CalendarNote> {
        match line.name.as_str() {
            "DTSTART" => self.start = Some(line),
            "DTEND" => self.end = Some(line),
            "DURATION" => self.duration = Some(line),
            "SUMMARY" => self.title = plain_text(&line.value),
            "RRULE" if self.rule.is_some() => {
                return Err(note(line.number, "an event has at most one `RRULE`"));
            }
            "RRULE" => self.rule = Some(line),
            "STATUS" => self.is_cancelled = line.value.eq_ignore_ascii_case("CANCELLED"),
            "RDATE" | "EXDATE" | "RECURRENCE-ID" => self.unsupported = Some(line.name),
            _ => {}
        }
        Ok(())
    }

    fn add_to(self, found: &mut CalendarDays) -> Result<(), CalendarNote> {
        if self.is_cancelled {
            return Ok(());
        }
        let line = self.line;
        let ignored = |reason: &str| note(line, format!("this event is ignored: {reason}"));
        let Some(start) = &self.start else {
            return Err(note(line, "the event has no `DTSTART`"));
        };
        let Some(first) = start.date()? else {
            found
                .ignored
                .push(ignored("it has a time; only all-day events count"));
            return Ok(());
        };
        if let Some(name) = &self.unsupported {
            let reason = format!("`{name}` is not supported");
            found.ignored.push(ignored(&reason));
            return Ok(());
        }
        let Some(days) = self.days(first)? else {
            found
                .ignored
                .push(ignored("its end or `DURATION` is not in whole days"));
            return Ok(());
        };
        let is_yearly = match &self.rule {
            None => false,
            Some(rule) if is_every_year(&rule.value) => true,
            Some(rule) => {
                let reason = format!(
                    "`RRULE:{}` is not supported, only `FREQ=YEARLY`",
                    rule.value
                );
                found.ignored.push(ignored(&reason));
                return Ok(());
            }
        };
        let last_year = match is_yearly {
            true => LAST_YEAR.max(first.year()),
            false => first.year(),
        };
        for year in first.year()..=last_year {
            // The 29th of February is there in leap years only.
            let Ok(start) = Date::new(year, first.month(), first.day()) else {
                continue;
            };
            let last = start.saturating_add((days - 1).days());
            self.add_days(start, last, found)?;
        }
        Ok(())
    }

    /// How many days it lasts; `None` if it is not in whole days.
    fn days(&self, first: Date) -> Result<Option<i64>, CalendarNote> {
        if let Some(duration) = &self.duration {
            return Ok(whole_days(&duration.value));
        }
        let Some(end) = &self.end else {
            return Ok(Some(1));
        };
        let Some(after) = end.date()? else {
            return Ok(None);
        };
        let days = after.duration_since(first).as_hours() / 24;
        match days {
            // Some programs write the day itself.
            0 => Ok(Some(1)),
            ..0 => Err(note(end.number, "the event ends before it begins")),
            _ => Ok(Some(days)),
        }
    }

    fn add_days(
        &self,
        first: Date,
        last: Date,
        found: &mut CalendarDays,
    ) -> Result<(), CalendarNote> {
        for date in hours::days_between(first, last) {
            if let Entry::Vacant(free) = found.days.entry(date) {
                free.insert(self.title.clone());
            }
            if found.days.len() > MAX_DAYS {
                return Err(note(self.line, "a calendar has at most 10,000 days"));
            }
        }
        Ok(())
    }
}

/// Whether a repetition is every year, on the same day and without an end.
fn is_every_year(rule: &str) -> bool {
    let is_plain =
        |part: &str| matches!(part, "FREQ=YEARLY" | "INTERVAL=1" | "") || part.starts_with("WKST=");
    let rule = rule.to_ascii_uppercase();
    rule.contains("FREQ=YEARLY") && rule.split(';').all(is_plain)
}

/// The days of a duration such as `P1D` or `P2W`.
fn whole_days(duration: &str) -> Option<i64> {
    let rest = duration.strip_prefix('P')?;
    let (number, days) = match (rest.strip_suffix('D'), rest.strip_suffix('W')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 7),
        (None, None) => return None,
    };
    let number: i64 = number.parse().ok()?;
    (1..=10_000).contains(&number).then_some(number * days)
}

/// A text without the escapes of calendars.
fn plain_text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => text.push(' '),
                Some(other) => text.push(other),
                None => {}
            },
            letter if letter.is_control() => {}
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests;
