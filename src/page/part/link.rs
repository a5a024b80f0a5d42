//! The addresses of pages, with names and texts from outside as parts of them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use crate::store::RevisionId;
use crate::store::history::EventRowId;
use flowtrigger_core::run::RunId;

/// What one part of a path, and a fragment, cannot hold as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@');

pub fn event(EventRowId(row): EventRowId) -> String {
    format!("/events/{row}")
}

pub fn run(RunId(run): RunId) -> String {
    format!("/runs/{run}")
}

/// A name that ends like the address of a JSON document does not select one.
pub fn rule(name: &str) -> String {
    match name.strip_suffix(".json") {
        Some(start) => format!("/rules/{}%2Ejson", segment(start)),
        None => format!("/rules/{}", segment(name)),
    }
}

/// A line of the text of a rule's file.
pub fn rule_line(name: &str, line: u32) -> String {
    format!("{}#L{line}", rule(name))
}

/// A rule, with its text of a revision.
pub fn rule_at(name: &str, RevisionId(revision): RevisionId) -> String {
    format!("{}?revision={revision}", rule(name))
}

/// The same path with fields of a query; those without a value are left out.
pub fn query(path: &str, fields: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// A text as one part of a path or as a fragment.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_one_part_of_an_address() {
        assert_eq!(rule("a/b?c#d ü"), "/rules/a%2Fb%3Fc%23d%20%C3%BC");
        assert_eq!(rule("v1.json"), "/rules/v1%2Ejson");
        assert_eq!(rule_line("vip", 7), "/rules/vip#L7");
        assert_eq!(
            query("/find", &[("q", "a&b=c"), ("at", ""), ("rule", "<r>")]),
            "/find?q=a%26b%3Dc&rule=%3Cr%3E"
        );
        assert_eq!(query("/runs", &[("rule", "")]), "/runs");
    }
}
