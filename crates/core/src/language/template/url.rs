//! Checks templates of URLs, at load and after rendering.
//! Variables are inserted before compiling, so that they can be base addresses.
//! All other values are percent-encoded, except secrets in the path, which may be several segments. An event
//! value or a secret cannot be part of the scheme or host, and an event value cannot change the structure of
//! the path.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};
use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::language::rendered_text::{RenderedText, SecretEncoding, TextPart};
use crate::language::resolver::NameResolver;
use crate::language::template::RenderError;
use crate::language::template::location::TextLocation;
use crate::language::template::scan::literal_prefix;
use crate::language::template::secret::EMPTY;

/// A text with its variables inserted.
pub struct ExpandedUrl {
    pub text: String,
    pub changed: bool,
}

/// Inserts the variables into a text; `None` after reporting an error.
pub fn insert_variables(
    text: &str,
    location: &TextLocation<'_>,
    names: &mut NameResolver<'_>,
) -> Option<ExpandedUrl> {
    static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"\{\{-?\s*vars((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*-?\}\}";
        Regex::new(pattern).expect("the pattern is valid")
    });
    let mut errors = Vec::new();
    let expanded = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let name = found[1].split('.').nth(1).expect("a name follows the dot");
        if names.in_scope.parameters.contains(name) {
            // The caller of the flow may set it from an event, so it is treated like an event value.
            return found[0].to_owned();
        }
        value(&found[1], &names.in_scope.vars).unwrap_or_else(|message| {
            errors.push((found.get(0).map_or(0..0, |whole| whole.range()), message));
            String::new()
        })
    });
    let expanded = ExpandedUrl {
        changed: expanded != text,
        text: expanded.trim().to_owned(),
    };
    let valid = errors.is_empty();
    for (at, (code, message)) in errors {
        let help = "define it under `vars` in the rule or in flowtrigger.yaml";
        match code {
            Code::UndefinedName => names.not_configured(code, location.span(&at), message, help),
            _ => names.error(code, location.span(&at), message, help),
        }
    }
    valid.then_some(expanded)
}

fn value(dotted: &str, vars: &Json) -> Result<String, (Code, String)> {
    let names = dotted.split('.').skip(1);
    let found = names
        .into_iter()
        .try_fold(vars, |value, name| value.get(name));
    let text = match found {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::Bool(b)) => b.to_string(),
        Some(Json::Null | Json::Array(_) | Json::Object(_)) => {
            return Err((
                Code::InvalidValue,
                format!("`vars{dotted}` is not text and cannot be inserted in a URL"),
            ));
        }
        None => {
            let message = format!("unknown variable `vars{dotted}`");
            return Err((Code::UndefinedName, message));
        }
    };
    if ["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
        let message =
            format!("`vars{dotted}` contains a template, which is not allowed in a variable");
        return Err((Code::BadTemplate, message));
    }
    Ok(text)
}

/// Checks that scheme and host are in the literal start of the text; false after reporting an error.
pub fn check_host(text: &str, location: &TextLocation<'_>, diagnostics: &mut Diagnostics) -> bool {
    let prefix = literal_prefix(text);
    let whole = prefix.len() == text.len();
    let Err((message, help)) = host(prefix, whole) else {
        return true;
    };
    let at = match whole {
        true => location.span(&(0..text.len())),
        false => location.span(&(prefix.len()..text.len())),
    };
    diagnostics.invalid(at, message, help);
    false
}

const WRITTEN_HOST: &str =
    "write scheme and host out, or take them from a variable: `{{ vars.base }}/path`";

const ADDRESS_OF_VALUE: &str = "write scheme and host out, or take them from a variable: `{{ vars.base }}/path`; for a value that is the whole address, name beside `url` the `connection` to which it belongs";

const WHOLE_ADDRESS: &str = "write the whole address, `https://host/path`; for a path alone name a `connection` and use `path`";

fn host(prefix: &str, whole: bool) -> Result<(), (String, &'static str)> {
    if let Some(rest) = prefix.strip_prefix("outbox:") {
        return outbox(rest, whole);
    }
    let after = prefix.find("://").map(|at| at + 3);
    let ends = after.is_some_and(|after| prefix[after..].contains(['/', '?', '#']));
    if !whole && !ends {
        return Err((
            "event values can never form the host".into(),
            match prefix.is_empty() {
                true => ADDRESS_OF_VALUE,
                false => WRITTEN_HOST,
            },
        ));
    }
    if after.is_none() {
        return Err((format!("`{prefix}` is no address"), WHOLE_ADDRESS));
    }
    if !begins_with_host(prefix) {
        return Err((format!("`{prefix}` has no host"), WHOLE_ADDRESS));
    }
    let url = url::Url::parse(prefix)
        .map_err(|error| (format!("`{prefix}` is no address: {error}"), WHOLE_ADDRESS))?;
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("`{}:` addresses cannot be called", url.scheme());
        return Err((message, "use `https://…` or `http://…`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "an address must not contain a user name or password".into();
        return Err((
            message,
            "use a `connection` with `auth`, or a header with `{{ secret.NAME }}`",
        ));
    }
    let path = path_of(prefix);
    // The last segment may continue with a value; `check_rendered` checks the complete path.
    let complete = if whole {
        path.len()
    } else {
        path.rfind('/').unwrap_or(0)
    };
    if has_dot_segment(&path[..complete]) {
        return Err((
            "the path contains `.` or `..` as a segment".into(),
            "write the path that is meant",
        ));
    }
    Ok(())
}

/// Returns whether a host directly follows the scheme. URL parsers skip additional slashes, white space and
/// backslashes there, and would take the host from the text behind them.
fn begins_with_host(prefix: &str) -> bool {
    let Some((scheme, rest)) = prefix.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_skipped = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    let is_scheme = scheme.chars().all(|c| c.is_ascii_alphanumeric());
    is_scheme && !host.is_empty() && !host.contains(is_skipped)
}

fn outbox(rest: &str, whole: bool) -> Result<(), (String, &'static str)> {
    let name = outbox_name(rest);
    let named = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    match named && (whole || name.len() < rest.len()) {
        true => Ok(()),
        false => Err((
            "an outbox needs a name of letters, digits, `-` and `_`".into(),
            "write `outbox:NAME/path`",
        )),
    }
}

/// Returns the part of a URL between the host and the query.
fn path_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[after..];
    let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let end = rest[start..]
        .find(['?', '#'])
        .map_or(rest.len(), |at| start + at);
    &rest[start..end]
}

fn has_dot_segment(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| {
        let decoded = percent_decode_str(part).decode_utf8_lossy();
        matches!(decoded.as_ref(), "." | "..")
    })
}

/// Checks that no value changed the structure of a rendered URL's path.
pub fn check_rendered(text: RenderedText) -> Result<RenderedText, RenderError> {
    let url = text.to_string();
    let path = path_of(&url);
    if path.contains(EMPTY) {
        return Err(RenderError::EmptyInPath {
            url: url.replace(EMPTY, ""),
        });
    }
    if has_dot_segment(path) {
        return Err(RenderError::Climbing { url });
    }
    Ok(encode_after_path(without_empty_marks(text)))
}

/// Encodes the secrets in the query and the fragment: only in the path are they inserted unchanged.
fn encode_after_path(mut text: RenderedText) -> RenderedText {
    let mut in_path = true;
    for part in &mut text.0 {
        match part {
            TextPart::Text(plain) => in_path &= !plain.contains(['?', '#']),
            TextPart::Secret { encoding, .. } => {
                if !in_path && *encoding == SecretEncoding::Path {
                    *encoding = SecretEncoding::Percent;
                }
            }
        }
    }
    text
}

/// Checks that a value is an address with the origin of a base URL, and returns why it is not.
pub fn check_origin(address: &str, base: &str) -> Result<(), &'static str> {
    let same = match (
        address.strip_prefix("outbox:"),
        base.strip_prefix("outbox:"),
    ) {
        (Some(address), Some(base)) => outbox_name(address) == outbox_name(base),
        (None, None) => return check_http_origin(address, base),
        (Some(_), None) | (None, Some(_)) => false,
    };
    match same {
        true => Ok(()),
        false => Err("which has another origin"),
    }
}

fn check_http_origin(address: &str, base: &str) -> Result<(), &'static str> {
    let is_odd = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    if !begins_with_host(address) {
        return Err("which is not a complete address");
    }
    if address.contains(is_odd) {
        return Err("which contains a space, a backslash or a control character");
    }
    let (Ok(url), Ok(base)) = (url::Url::parse(address), url::Url::parse(base)) else {
        return Err("which is not a complete address");
    };
    if url.origin() != base.origin() {
        return Err("which has another origin");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("which contains a user name or password");
    }
    match has_dot_segment(path_of(address)) {
        true => Err("whose path has `.` or `..` as a segment"),
        false => Ok(()),
    }
}

fn outbox_name(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn without_empty_marks(mut text: RenderedText) -> RenderedText {
    for part in &mut text.0 {
        if let TextPart::Text(plain) = part {
            plain.retain(|c| c != EMPTY);
        }
    }
    text
}
