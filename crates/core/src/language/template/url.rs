//! Templates that give a URL: variables are put in before compiling, so that a base address can come
//! from them, and every other value is percent-encoded.
//! It refuses an event value or a secret that could form the scheme or the host, and a value that
//! would lead the path elsewhere.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};
use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::language::rendered_text::{RenderedText, TextPart};
use crate::language::resolver::NameResolver;
use crate::language::template::RenderError;
use crate::language::template::location::TextLocation;
use crate::language::template::scan::literal_prefix;
use crate::language::template::secret::EMPTY;

/// The text with its variables put in.
pub struct ExpandedUrl {
    pub text: String,
    pub changed: bool,
}

pub fn fill(
    text: &str,
    place: &TextLocation<'_>,
    names: &mut NameResolver<'_>,
) -> Option<ExpandedUrl> {
    static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"\{\{-?\s*vars((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*-?\}\}";
        Regex::new(pattern).expect("the pattern is sound")
    });
    let mut mistakes = Vec::new();
    let filled = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let name = found[1].split('.').nth(1).expect("a name follows the dot");
        if names.in_scope.parameters.contains(name) {
            // Who runs the flow makes it of an event, so that it is like any value of one.
            return found[0].to_owned();
        }
        value(&found[1], &names.in_scope.vars).unwrap_or_else(|message| {
            mistakes.push((found.get(0).map_or(0..0, |whole| whole.range()), message));
            String::new()
        })
    });
    let filled = ExpandedUrl {
        changed: filled != text,
        text: filled.trim().to_owned(),
    };
    let sound = mistakes.is_empty();
    for (at, (code, message)) in mistakes {
        let help = "define it under `vars` in the rule or in flowtrigger.yaml";
        match code {
            Code::UndefinedName => names.not_configured(code, place.of(&at), message, help),
            _ => names.error(code, place.of(&at), message, help),
        }
    }
    sound.then_some(filled)
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
                format!("`vars{dotted}` is no text to put in a URL"),
            ));
        }
        None => {
            let message = format!("`vars{dotted}` is a variable that nothing defines");
            return Err((Code::UndefinedName, message));
        }
    };
    if ["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
        let message = format!("`vars{dotted}` holds a template, which a variable cannot");
        return Err((Code::BadTemplate, message));
    }
    Ok(text)
}

/// Whether scheme and host stand in the literal part of the text; false after saying why not.
pub fn check_host(text: &str, place: &TextLocation<'_>, diagnostics: &mut Diagnostics) -> bool {
    let prefix = literal_prefix(text);
    let whole = prefix.len() == text.len();
    let Err((message, help)) = host(prefix, whole) else {
        return true;
    };
    let at = match whole {
        true => place.of(&(0..text.len())),
        false => place.of(&(prefix.len()..text.len())),
    };
    diagnostics.error(Code::InvalidValue, at, message, help);
    false
}

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
            "write scheme and host out, or take them from a variable: `{{ vars.base }}/path`",
        ));
    }
    if after.is_none() {
        return Err((format!("`{prefix}` is no address"), WHOLE_ADDRESS));
    }
    if !begins_with_host(prefix) {
        return Err((format!("`{prefix}` names no host"), WHOLE_ADDRESS));
    }
    let url = url::Url::parse(prefix)
        .map_err(|error| (format!("`{prefix}` is no address: {error}"), WHOLE_ADDRESS))?;
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("`{}:` addresses cannot be called", url.scheme());
        return Err((message, "use `https://…` or `http://…`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "an address holds no user name or password".into();
        return Err((
            message,
            "use a `connection` with `auth`, or a header with `{{ secret.NAME }}`",
        ));
    }
    let path = path_of(prefix);
    // The last part may go on in a value; `confined` sees it when it is whole.
    let sure = if whole {
        path.len()
    } else {
        path.rfind('/').unwrap_or(0)
    };
    if climbs(&path[..sure]) {
        return Err((
            "the path holds `.` or `..` as a part".into(),
            "write the path that is meant",
        ));
    }
    Ok(())
}

/// Whether a host follows the scheme at once. Those who read URLs skip further slashes, blanks and
/// backslashes there, and would find the host in what comes behind.
fn begins_with_host(prefix: &str) -> bool {
    let Some((scheme, rest)) = prefix.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let odd = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    scheme.chars().all(|c| c.is_ascii_alphanumeric()) && !host.is_empty() && !host.contains(odd)
}

fn outbox(rest: &str, whole: bool) -> Result<(), (String, &'static str)> {
    let name = rest.split(['/', '?', '#']).next().unwrap_or_default();
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

/// What lies between the host and the query.
fn path_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[after..];
    let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let end = rest[start..]
        .find(['?', '#'])
        .map_or(rest.len(), |at| start + at);
    &rest[start..end]
}

fn climbs(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| {
        let decoded = percent_decode_str(part).decode_utf8_lossy();
        matches!(decoded.as_ref(), "." | "..")
    })
}

/// A rendered URL whose values cannot have changed where it leads.
pub fn confined(text: RenderedText) -> Result<RenderedText, RenderError> {
    let shown = text.to_string();
    let path = path_of(&shown);
    if path.contains(EMPTY) {
        return Err(RenderError::EmptyInPath {
            url: shown.replace(EMPTY, ""),
        });
    }
    if climbs(path) {
        return Err(RenderError::Climbing { url: shown });
    }
    Ok(without_empty(text))
}

fn without_empty(mut text: RenderedText) -> RenderedText {
    for piece in &mut text.0 {
        if let TextPart::Text(plain) = piece {
            plain.retain(|c| c != EMPTY);
        }
    }
    text
}
