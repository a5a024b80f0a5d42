//! The calendars that schedules name: their texts come from those who read the configuration, as the core reads no files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Report, Span};
use crate::document::{self, Node};
use crate::schedule::ics::{self, CalendarDays, CalendarNote};

/// The text of a calendar.
#[derive(Debug, Clone)]
pub struct CalendarFile {
    pub file: FileId,
    pub text: Arc<str>,
}

/// Why a calendar could not be read.
#[derive(Debug, Clone)]
pub struct UnreadableCalendar {
    pub message: String,
    pub help: String,
}

/// The calendars by their names in the configuration.
pub type CalendarFiles = BTreeMap<String, Result<CalendarFile, UnreadableCalendar>>;

/// How many ignored events of a calendar are reported one by one.
const MAX_NOTES: usize = 3;

/// Whether a holiday is the name of a calendar.
pub fn is_calendar(holiday: &str) -> bool {
    let dot = holiday.len().checked_sub(".ics".len());
    let ending = dot.and_then(|dot| holiday.get(dot..));
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(".ics")) && !holiday.contains("://")
}

/// The names of the calendars in the text of a configuration.
pub fn names(text: &str) -> BTreeSet<String> {
    // The file is added where it is read, this is a look at it.
    if !text.to_ascii_lowercase().contains(".ics") {
        return BTreeSet::new();
    }
    let documents = document::read(FileId::default(), text, &mut Diagnostics::default());
    let schedules = documents
        .first()
        .and_then(|document| document.get("schedules"));
    let schedules = schedules.and_then(Node::as_map).unwrap_or_default();
    let holidays = schedules
        .iter()
        .filter_map(|entry| entry.value.get("holidays"));
    let holidays = holidays.flat_map(|node| node.as_list().unwrap_or(std::slice::from_ref(node)));
    let names = holidays.filter_map(Node::as_text).map(str::trim);
    let names = names.filter(|name| is_calendar(name));
    names.map(str::to_owned).collect()
}

/// The calendars of texts that were kept.
pub fn from_texts(texts: &BTreeMap<String, Arc<str>>, files: &mut Files) -> CalendarFiles {
    let calendars = texts.iter().map(|(name, text)| {
        let calendar = CalendarFile {
            file: files.add(name.as_str(), Arc::clone(text)),
            text: Arc::clone(text),
        };
        (name.clone(), Ok(calendar))
    });
    calendars.collect()
}

/// The texts of calendars, to keep them.
pub fn texts(calendars: &CalendarFiles) -> BTreeMap<String, Arc<str>> {
    let read = calendars.iter().filter_map(|(name, calendar)| {
        let calendar = calendar.as_ref().ok()?;
        Some((name.clone(), Arc::clone(&calendar.text)))
    });
    read.collect()
}

/// Reads each calendar once, however many schedules name it.
pub(super) struct Calendars<'f> {
    files: &'f CalendarFiles,
    read: BTreeMap<String, Option<Arc<CalendarDays>>>,
}

impl<'f> Calendars<'f> {
    pub fn new(files: &'f CalendarFiles) -> Self {
        Self {
            files,
            read: BTreeMap::new(),
        }
    }

    /// The days of the calendar that a holiday names. `None` after an error was reported.
    pub fn days(
        &mut self,
        name: &str,
        at: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<CalendarDays>> {
        let calendar = match self.files.get(name) {
            Some(Ok(calendar)) => calendar,
            Some(Err(error)) => {
                return diagnostics.reject(Code::Unreadable, at, &error.message, &error.help);
            }
            None => {
                let message = format!("the calendar `{name}` was not read");
                let help = "give its text together with that of the configuration";
                return diagnostics.reject(Code::Unreadable, at, message, help);
            }
        };
        let read = || read(name, calendar, diagnostics).map(Arc::new);
        self.read
            .entry(name.to_owned())
            .or_insert_with(read)
            .clone()
    }
}

fn read(
    name: &str,
    calendar: &CalendarFile,
    diagnostics: &mut Diagnostics,
) -> Option<CalendarDays> {
    let span = |line: usize| line_span(calendar, line);
    let found = match ics::read(&calendar.text) {
        Ok(found) => found,
        Err(CalendarNote { line, message }) => {
            let message = format!("the calendar `{name}` is invalid: {message}");
            let help = "export the calendar again, or list the dates under `holidays`";
            return diagnostics.reject(Code::InvalidValue, span(line), message, help);
        }
    };
    let help = "list its dates under `holidays`, or remove it from the calendar";
    for ignored in found.ignored.iter().take(MAX_NOTES) {
        let message = ignored.message.as_str();
        diagnostics.warning(Code::InvalidValue, span(ignored.line), message, help);
    }
    if let Some(next) = found.ignored.get(MAX_NOTES) {
        let more = found.ignored.len() - MAX_NOTES;
        let message = format!("{more} more events of `{name}` are ignored for such reasons");
        diagnostics.warning(Code::InvalidValue, span(next.line), message, help);
    }
    if found.days.is_empty() {
        let message = format!("the calendar `{name}` has no all-day events");
        let warning = Diagnostic::warning(Code::InvalidValue, span(1), message);
        diagnostics
            .push(warning.help("export a calendar of holidays, or remove it from `holidays`"));
    }
    Some(found)
}

/// A whole line of a calendar.
fn line_span(calendar: &CalendarFile, line: usize) -> Span {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let before = calendar.text.split_inclusive('\n').take(line - 1);
    let start: usize = before.map(str::len).sum();
    let text = calendar.text[start..].lines().next().unwrap_or_default();
    Span {
        file: calendar.file,
        line: small(line),
        column: 1,
        start: small(start),
        len: small(text.trim_end().len()),
    }
}
