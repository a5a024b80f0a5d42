//! Lowers the headers of a request, and adds those of its connection.
//! Reports headers that no rule can set, and names that occur twice.

use crate::compile::flow::http::{pairs, templates};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::{Node, Yaml};
use crate::language::resolver::NameResolver;
use crate::language::template::Template;

/// Headers that the HTTP client sets.
const RESERVED_HEADERS: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

pub(super) fn lower_headers(
    node: &Node,
    names: &mut NameResolver<'_>,
) -> Option<Vec<(String, Template)>> {
    let Some(node) = node.get("headers") else {
        return Some(Vec::new());
    };
    let entries = pairs(node, "headers", names.diagnostics)?;
    let valid = check_header_names(node, names.diagnostics);
    let headers = templates(entries, names)?;
    valid.then_some(headers)
}

/// Whether each header name can be set and occurs once, ignoring case. Reports those that do not.
fn check_header_names(headers: &Node, diagnostics: &mut Diagnostics) -> bool {
    let Yaml::Map(entries) = &headers.value else {
        return false;
    };
    let mut valid = true;
    for (number, entry) in entries.iter().enumerate() {
        let name = &entry.key;
        let mut before = entries[..number].iter().map(|entry| &entry.key);
        if let Some(help) = reserved_header(name) {
            let message = format!("the header `{name}` cannot be set");
            diagnostics.invalid(entry.key_at, message, help);
            valid = false;
        } else if let Some(first) = before.find(|first| first.eq_ignore_ascii_case(name)) {
            let message =
                format!("duplicate header `{name}`: same name as `{first}`, ignoring case");
            let help = "keep one; to send a header several times give it a list of values";
            diagnostics.error(Code::DuplicateKey, entry.key_at, message, help);
            valid = false;
        }
    }
    valid
}

/// Returns the help for a header that no rule can set.
pub fn reserved_header(name: &str) -> Option<&'static str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if RESERVED_HEADERS
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
    {
        return Some("remove it: it is set from the URL and the body");
    }
    let valid = !name.is_empty() && name.chars().all(token);
    (!valid).then_some("write a name such as `X-Request-Source`")
}

/// Adds the connection's headers. A header of the step takes precedence.
pub fn inherit(headers: &mut Vec<(String, Template)>, from: &[(String, Template)]) {
    let missing: Vec<_> = from
        .iter()
        .filter(|(name, _)| {
            !headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
        })
        .cloned()
        .collect();
    headers.splice(0..0, missing);
}
