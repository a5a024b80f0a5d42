//! The filter `date`: a time in a pattern as in `strftime`, such as `event.time | date('%d.%m.%Y %H:%M')`.
//! Times are written in UTC.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::Value;
use minijinja::{Error, ErrorKind, State};

use crate::event::json::value_ref::ValueRef;
use crate::event::time::{FORMATS, time_of};
use crate::language::template::engine::text;
use crate::language::template::filter::text::limited_text;
use crate::language::template::read_set::{TIME_ZONE, to_json};

pub fn date(state: &State<'_, '_>, value: &Value, pattern: &str) -> Result<String, Error> {
    let text = text(value)?;
    // As for all filters of text, null is an empty text.
    if text.is_empty() {
        return Ok(text);
    }
    let invalid = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    // A time without a zone is in that of the event's source.
    let zone = state.lookup(TIME_ZONE);
    let zone = zone.and_then(|name| TimeZone::get(name.as_str()?).ok());
    let at = time_of(
        ValueRef::Built(&to_json(value)?),
        &zone.unwrap_or(TimeZone::UTC),
    );
    let at = at.ok_or_else(|| invalid(format!("`{text}` is not a time; write {FORMATS}")))?;
    limited_text(write(at, pattern).map_err(invalid)?)
}

/// Checks a pattern.
///
/// # Errors
/// What is wrong with it.
pub fn check(pattern: &str) -> Result<(), String> {
    if !pattern.contains('%') {
        let why = "the pattern has no `%`, so that it writes no part of the time; write for example `%Y-%m-%d %H:%M`";
        return Err(why.to_owned());
    }
    write(Timestamp::UNIX_EPOCH, pattern).map(|_| ())
}

fn write(at: Timestamp, pattern: &str) -> Result<String, String> {
    let zoned: Zoned = at.to_zoned(TimeZone::UTC);
    strtime::format(pattern, &zoned).map_err(|error| format!("the pattern is not valid: {error}"))
}
