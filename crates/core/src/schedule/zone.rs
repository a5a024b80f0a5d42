//! Time zones by their IANA names, from the database that is compiled in.

use jiff::tz::{self, TimeZone};

use crate::document::suggest;

/// A zone and its name as the database writes it.
///
/// # Errors
/// If there is no such zone: what to write instead.
pub fn named(name: &str) -> Result<(String, TimeZone), String> {
    if let Ok(zone) = TimeZone::get(name)
        && let Some(known) = zone.iana_name()
    {
        return Ok((known.to_owned(), zone));
    }
    let lower = name.to_lowercase();
    // The database writes the sign of such zones the other way round.
    let is_offset = ["gmt", "utc", "+", "-"]
        .iter()
        .any(|start| lower.starts_with(start));
    Err(match nearest(name).filter(|_| !is_offset) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if is_offset => "name a place, whose zone knows the summer time, such as `Europe/Berlin`, or write `UTC`"
            .to_owned(),
        None => "write the name of a zone of the IANA database, such as `Europe/Berlin` or `UTC`"
            .to_owned(),
    })
}

/// The zone that a name may mean: `Berlin`, `CEST` or a misspelt one.
fn nearest(name: &str) -> Option<String> {
    let names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
    let wanted = name.to_lowercase().replace(' ', "_");
    let city = |known: &&String| {
        let known = known.to_lowercase();
        known.rsplit('/').next() == Some(wanted.as_str())
    };
    let by_city = names.iter().find(city);
    by_city
        .map(String::as_str)
        .or_else(|| suggest::nearest(&wanted, names.iter().map(String::as_str)))
        .map(str::to_owned)
}
