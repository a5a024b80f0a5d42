//! Reads a value of the query of a URL.

use std::borrow::Cow;

/// Values of a query that are looked through.
const MAX_VALUES: usize = 200;

/// The value of a parameter that occurs once.
pub fn single_query_value<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let pairs = url::form_urlencoded::parse(query.as_bytes()).take(MAX_VALUES);
    let mut named = pairs.filter(|(known, _)| known == name);
    match (named.next(), named.next()) {
        (Some((_, value)), None) => Some(value),
        (Some(_), Some(_)) | (None, _) => None,
    }
}
