//! Lowers the request of an action, once for each state that calls it.
//! Constant parameters of the state become part of the text. Reports methods and headers that cannot be
//! sent; `url` checks the URL.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bundle::Bundle;
use crate::bundle::http::{HttpAction, NameValue, TemplatedValue};
use crate::compile::bundle::check::path_reads::of_action;
use crate::compile::bundle::token::{RequestTokens, TokenPosition, UsedToken};
use crate::compile::bundle::url;
use crate::compile::compiler::Compiler;
use crate::compile::flow::headers::{inherit, reserved_header};
use crate::config::Connection;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Node, Yaml};
use crate::flow::call::{BodyTemplate, ExpectedStatus, HttpTemplate};
use crate::flow::vocabulary::http::METHODS;
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::language::template::placeholder::{placeholders, warn_about_literal_path};
use crate::language::template::{Escape, Template};
use crate::path::Path;

/// Lowers the request. Returns it with the timeout of its connection, if that has one.
pub fn lower(
    action: &HttpAction,
    parameters: Option<&Node>,
    bundle: &Bundle,
    cx: &mut Compiler<'_>,
) -> Option<(HttpTemplate, Option<Duration>)> {
    let constants = constants(parameters);
    let tokens = RequestTokens::new(bundle, parameters);
    let named = match &action.connection {
        Some(name) => url::connection(name, bundle, cx).map(Some),
        None => Some(None),
    };
    let token = tokens.used(&of_action(action), &action.headers, cx);
    let (named, token) = (named?, token?);
    let destination = destination(action, named, token.as_ref(), cx)?;
    let address = url::lower(action, &constants, destination, bundle, cx);
    let method = lower_method(action, cx.diagnostics());
    let mut pairs: Vec<NameValue> = action.headers.clone();
    let place = token.as_ref().map(|token| token.place);
    if place == Some(TokenPosition::BearerHeader) {
        pairs.retain(|header| !tokens.is_bearer_header(header));
    }
    let headers = lower_headers(&pairs, cx.diagnostics());
    let query = lower_pairs(&action.query, cx.diagnostics());
    let body = match &action.body {
        Some(body) => lower_body(body, &mut cx.names).map(Some),
        None => Some(None),
    };
    let (url, connection) = address?;
    let mut headers = headers?;
    if let Some(connection) = connection {
        inherit(&mut headers, &connection.headers);
    }
    let auth = match place {
        // The request has the token where the bundle puts it.
        Some(TokenPosition::Elsewhere) if named.is_none() => None,
        Some(_) | None => connection.and_then(|connection| connection.auth.clone()),
    };
    let http = HttpTemplate {
        method: method?,
        url,
        connection: connection.map(|connection| connection.name.clone()),
        tls: connection.and_then(|connection| connection.tls.clone()),
        query: query?,
        headers,
        body: body?,
        auth,
        expect: ExpectedStatus::default(),
        redirects: 0,
    };
    let http = match &token {
        Some(token) => with_token(http, &tokens, &token.bearer),
        None => http,
    };
    Some((http, connection.and_then(|connection| connection.timeout)))
}

/// Reports the mistakes of an action that no state calls. Its address depends on the parameters of a state.
pub fn check_without_call(action: &HttpAction, bundle: &Bundle, cx: &mut Compiler<'_>) {
    if let Some(name) = &action.connection {
        url::connection(name, bundle, cx);
    }
    url::check_placeholders(action, cx.diagnostics());
    lower_method(action, cx.diagnostics());
    lower_headers(&action.headers, cx.diagnostics());
    lower_pairs(&action.query, cx.diagnostics());
    if let Some(body) = &action.body {
        lower_body(body, &mut cx.names);
    }
}

/// The connection to which the request goes: the one of `connectionName`, or of the token that it contains.
fn destination<'c>(
    action: &HttpAction,
    named: Option<&'c Connection>,
    token: Option<&UsedToken<'c>>,
    cx: &mut Compiler<'_>,
) -> Option<Option<&'c Connection>> {
    match (named, token) {
        (Some(named), Some(token)) if named.name != token.connection.name => {
            let message = format!(
                "the token of the connection `{}` in a request of the connection `{}`",
                token.connection.name, named.name
            );
            let help = "remove the token: `connectionName` adds the credentials of its connection";
            let at = action
                .connection
                .as_ref()
                .map_or(action.name.at, |name| name.at);
            cx.error(Code::RefusedTarget, at, message, help);
            None
        }
        (Some(named), _) => Some(Some(named)),
        (None, token) => Some(token.map(|token| token.connection)),
    }
}

/// Inserts the token where the request reads it.
fn with_token(
    mut http: HttpTemplate,
    tokens: &RequestTokens<'_>,
    bearer: &Template,
) -> HttpTemplate {
    let find = |path: &Path| tokens.connection(&path.text).map(|_| bearer.clone());
    http.url = http.url.with_parts(&find);
    for (_, template) in http.query.iter_mut().chain(&mut http.headers) {
        *template = template.with_parts(&find);
    }
    http.body = http.body.map(|body| match body {
        BodyTemplate::Json(tree) => BodyTemplate::Json(tree.with_parts(&find)),
        BodyTemplate::Raw(text) => BodyTemplate::Raw(text.with_parts(&find)),
        form @ BodyTemplate::Form(_) => form,
    });
    http
}

/// Returns the parameters of a state that are the same for every event.
fn constants(parameters: Option<&Node>) -> BTreeMap<String, String> {
    let entries = parameters.and_then(Node::as_map).unwrap_or_default();
    let constants = entries.iter().filter_map(|entry| {
        let text = entry.value.scalar_text()?;
        let fixed = !entry.key.ends_with(".$") && placeholders(&text).is_empty();
        fixed.then(|| (entry.key.clone(), text))
    });
    constants.collect()
}

fn lower_method(action: &HttpAction, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let Some(name) = &action.method else {
        return Some(match action.body {
            Some(_) => "POST",
            None => "GET",
        });
    };
    let known = METHODS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(&name.text));
    if known.is_none() {
        let message = format!("unknown HTTP method `{}`", name.text);
        let help = format!("use one of {}", METHODS.join(", "));
        diagnostics.invalid(name.at, message, &help);
    }
    known
}

fn lower_headers(
    pairs: &[NameValue],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let mut valid = true;
    for pair in pairs {
        if let Some(help) = reserved_header(&pair.key.text) {
            let message = format!("the header `{}` cannot be set", pair.key.text);
            diagnostics.invalid(pair.key.at, message, help);
            valid = false;
        }
        warn_about_secret(pair, diagnostics);
    }
    let headers = lower_pairs(pairs, diagnostics);
    headers.filter(|_| valid)
}

/// Warns about credentials in the bundle: they belong in a connection.
fn warn_about_secret(pair: &NameValue, diagnostics: &mut Diagnostics) {
    const NAMES: [&str; 6] = [
        "authorization",
        "api-key",
        "apikey",
        "token",
        "secret",
        "password",
    ];
    let name = pair.key.text.to_ascii_lowercase();
    let text = pair.value.node.scalar_text().unwrap_or_default();
    let is_literal = !text.contains("{{") && !pair.value.reference;
    if is_literal && NAMES.iter().any(|secret| name.contains(secret)) {
        let message = format!("the header `{}` seems to contain a secret", pair.key.text);
        let help = "move it to a connection of flowtrigger.yaml, `auth: { bearer: \"{{ secret.NAME }}\" }`, and name the connection in `connectionName`";
        diagnostics.warning(Code::SecretInFile, pair.value.node.at, message, help);
    }
}

fn lower_pairs(
    pairs: &[NameValue],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let lowered: Vec<Option<(String, Template)>> = pairs
        .iter()
        .map(|pair| {
            Some((
                pair.key.text.clone(),
                lower_value(&pair.value, diagnostics)?,
            ))
        })
        .collect();
    lowered.into_iter().collect()
}

/// Lowers the `value` of a header or query parameter.
fn lower_value(value: &TemplatedValue, diagnostics: &mut Diagnostics) -> Option<Template> {
    if matches!(value.node.value, Yaml::Null | Yaml::List(_) | Yaml::Map(_)) {
        return diagnostics.reject_type(&value.node, "value", "text");
    }
    if !value.reference {
        warn_about_literal_path("value", &value.node, diagnostics);
    }
    let written = value
        .node
        .scalar_text()
        .unwrap_or_else(|| value.node.to_json().to_string());
    let text = match value.reference && written.starts_with('$') {
        true => format!("{{{{{written}}}}}"),
        false => written,
    };
    Template::in_document("", &text, &value.node, Escape::None, diagnostics)
}

/// Lowers the body. A text that is more than one placeholder is sent as text, anything else as JSON.
fn lower_body(value: &TemplatedValue, names: &mut NameResolver<'_>) -> Option<BodyTemplate> {
    let tree = match value.reference {
        true => JsonTemplate::reference(&value.node, "requestBody.$", names.diagnostics)?,
        false => {
            warn_about_literal_path("requestBody", &value.node, names.diagnostics);
            JsonTemplate::in_document(&value.node, names)?
        }
    };
    Some(match tree {
        JsonTemplate::Text(text) => BodyTemplate::Raw(text),
        tree => BodyTemplate::Json(tree),
    })
}
