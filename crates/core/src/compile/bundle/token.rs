//! Access tokens in requests of a bundle: `$.connections.NAME.access_token`.
//! A token is the bearer token of a connection, and is sent only to the server of that connection.

use std::collections::BTreeMap;

use crate::bundle::http::NameValue;
use crate::bundle::{Bundle, SpannedText};
use crate::compile::bundle::check::path_reads::PathRead;
use crate::compile::bundle::url;
use crate::compile::compiler::Compiler;
use crate::config::Connection;
use crate::diagnostic::{Code, Report, Span};
use crate::document::{Entry, Node, Yaml};
use crate::flow::call::AuthTemplate;
use crate::language::resolver::NameResolver;
use crate::language::template::Template;
use crate::language::template::placeholder::placeholders;
use crate::path::{Path, PathKind};

/// Returns the connection whose token a path names.
pub fn connection_of(path: &str) -> Option<String> {
    connection_at(&keys_of(path)?)
}

fn connection_at(keys: &[String]) -> Option<String> {
    match keys {
        [first, name, last] if first == "connections" && last == "access_token" => {
            Some(name.clone())
        }
        _ => None,
    }
}

/// The keys of a path without indexes and queries.
fn keys_of(path: &str) -> Option<Vec<String>> {
    match Path::in_document(path.trim()).ok()?.route {
        PathKind::Plain { keys, .. } if keys.iter().all(|key| key.index.is_none()) => {
            Some(keys.into_iter().map(|key| key.name).collect())
        }
        PathKind::Plain { .. } | PathKind::Query(_) => None,
    }
}

/// Whether keys are `connections`, a connection in it, or the token of a connection.
fn leads_to_token(keys: &[String]) -> bool {
    match keys {
        [first] | [first, _] => first == "connections",
        longer => connection_at(longer).is_some(),
    }
}

/// Reports a token that is read elsewhere than in a request, where it would be stored.
pub fn report_outside_request(read: &PathRead, connection: &str, names: &mut NameResolver<'_>) {
    let message = format!("`{}` can only be part of a request", read.path);
    let help = format!(
        "remove it, and write `connectionName: {connection}` in the action, which adds the credentials"
    );
    names.error(Code::BadPath, read.at, message, &help);
}

/// Reports a token that is only a part of a parameter: the request reads it by a parameter of its own.
pub fn report_inside_parameter(read: &PathRead, names: &mut NameResolver<'_>) {
    let message = format!("`{}` is not a complete parameter", read.path);
    let help = format!(
        "pass the token as a parameter of its own, `token.$: {}`, and write the text around it in the action: `Bearer {{{{$.token}}}}`",
        read.path
    );
    names.error(Code::BadPath, read.at, message, &help);
}

/// Reports a token whose key in the document was overwritten, so that it is not known which of the two is meant.
pub fn report_overwritten(read: &PathRead, names: &mut NameResolver<'_>) {
    let message = format!(
        "a result replaced `$.connections` before `{}` is read",
        read.path
    );
    let help = "`$.connections` holds the access tokens; write the result to another key with `ResultPath`";
    names.error(Code::BadPath, read.at, message, help);
}

/// The locations of the parameters of a state that are exactly a token, or a value that contains tokens.
pub fn passed_at(parameters: Option<&Node>) -> Vec<Span> {
    let entries = parameters.and_then(Node::as_map).unwrap_or_default();
    let passed = entries.iter().filter(|entry| token(entry).is_some());
    passed.map(|entry| entry.value.at).collect()
}

/// Splits the parameters of a state into those that lead to access tokens, with their keys in the document, and the
/// others.
pub fn split(parameters: &Node) -> (BTreeMap<String, Vec<String>>, Node) {
    let entries = parameters.as_map().unwrap_or_default();
    let (tokens, others): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| token(entry).is_some());
    let tokens = tokens.into_iter().filter_map(|entry| {
        let key = entry.key.strip_suffix(".$").unwrap_or(&entry.key);
        Some((key.to_owned(), token(entry)?))
    });
    let others = others.into_iter().cloned().collect();
    let rest = Node {
        value: Yaml::Map(others),
        at: parameters.at,
    };
    (tokens.collect(), rest)
}

/// The keys of a parameter that is exactly a token, or a value that contains tokens.
fn token(entry: &Entry) -> Option<Vec<String>> {
    let text = entry.value.as_text()?;
    let keys = match placeholders(text).as_slice() {
        [only] if only.whole == (0..text.len()) => keys_of(&text[only.path.clone()]),
        [] if entry.key.ends_with(".$") => keys_of(text),
        _ => None,
    };
    keys.filter(|keys| leads_to_token(keys))
}

/// The tokens that the request of a state can contain.
pub struct RequestTokens<'b> {
    bundle: &'b Bundle,
    /// Parameters of the state that lead to tokens, with their keys in the document.
    parameters: BTreeMap<String, Vec<String>>,
}

/// The token that a request contains.
pub struct UsedToken<'c> {
    pub connection: &'c Connection,
    pub bearer: Template,
    pub place: TokenPosition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPosition {
    /// `Authorization: Bearer TOKEN`, which the connection adds by itself.
    BearerHeader,
    Elsewhere,
}

impl<'b> RequestTokens<'b> {
    pub fn new(bundle: &'b Bundle, parameters: Option<&Node>) -> Self {
        Self {
            bundle,
            parameters: parameters.map(|node| split(node).0).unwrap_or_default(),
        }
    }

    /// The connection whose token a path of the request reads.
    pub fn connection(&self, path: &str) -> Option<String> {
        let keys = keys_of(path)?;
        if let Some(connection) = connection_at(&keys) {
            return Some(connection);
        }
        let (first, rest) = keys.split_first()?;
        let mut keys = self.parameters.get(first)?.clone();
        keys.extend_from_slice(rest);
        connection_at(&keys)
    }

    /// Finds the token that the request contains. The outer None follows after an error.
    pub fn used<'c>(
        &self,
        reads: &[PathRead],
        headers: &[NameValue],
        cx: &mut Compiler<'c>,
    ) -> Option<Option<UsedToken<'c>>> {
        let mut found = reads
            .iter()
            .filter_map(|read| Some((self.connection(&read.path)?, read)));
        let Some((theirs, first)) = found.next() else {
            return Some(None);
        };
        if let Some((other, read)) = found.find(|(other, _)| *other != theirs) {
            let message = format!(
                "a request has the token of one connection, found `{theirs}` and `{other}`"
            );
            let help = "name one of them in `connectionName`, and remove the other token";
            cx.error(Code::BadPath, read.at, message, help);
            return None;
        }
        let name = SpannedText {
            text: theirs,
            at: first.at,
        };
        let connection = url::connection(&name, self.bundle, cx)?;
        let bearer = bearer(connection, &name.text, first.at, cx)?;
        let tokens = reads
            .iter()
            .filter(|read| self.connection(&read.path).is_some());
        let in_header = headers.iter().any(|header| self.is_bearer_header(header));
        let place = match tokens.count() == 1 && in_header {
            true => TokenPosition::BearerHeader,
            false => TokenPosition::Elsewhere,
        };
        Some(Some(UsedToken {
            connection,
            bearer,
            place,
        }))
    }

    /// Whether a header is `Authorization: Bearer TOKEN`.
    pub fn is_bearer_header(&self, header: &NameValue) -> bool {
        let text = header.value.node.as_text().unwrap_or_default().trim();
        let token = text
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let token = token.map(|_| text[7..].trim());
        let is_token = token.is_some_and(|token| match placeholders(token).as_slice() {
            [only] if only.whole == (0..token.len()) => {
                self.connection(&token[only.path.clone()]).is_some()
            }
            _ => false,
        });
        header.key.text.eq_ignore_ascii_case("authorization") && is_token
    }
}

/// The bearer token of a connection. Reports a connection that has none.
fn bearer(
    connection: &Connection,
    theirs: &str,
    at: Span,
    cx: &mut Compiler<'_>,
) -> Option<Template> {
    if let Some(AuthTemplate::Bearer(token)) = connection.auth.as_deref() {
        return Some(token.clone());
    }
    let message = format!("the connection `{}` has no bearer token", connection.name);
    let help = format!(
        "remove the token, and write `connectionName: {theirs}` in the action, which adds the credentials of the connection"
    );
    cx.error(Code::UnknownConnection, at, message, &help);
    None
}
