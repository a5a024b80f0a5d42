//! Lowers the URL of a request.
//! Credentials are sent only to the host of their connection. Event values cannot form a host: a host with
//! a placeholder is replaced by that of the connection, or is an error. An address that is one value must
//! have the connection's origin.

use std::collections::BTreeMap;

use url::Url;

use crate::bundle::http::{HttpAction, RequestTarget, TemplatedValue};
use crate::bundle::{Bundle, SpannedText};
use crate::compile::compiler::Compiler;
use crate::config::connection::Connection;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::flow::url_template::UrlTemplate;
use crate::language::template::placeholder::{placeholders, warn_about_literal_path};
use crate::language::template::{Escape, Template};

type Constants = BTreeMap<String, String>;

/// Lowers the URL. Returns it with the connection to which the request goes: the `named` one, or that of the
/// account's own Zendesk.
pub fn lower<'c>(
    action: &HttpAction,
    constants: &Constants,
    named: Option<&'c Connection>,
    bundle: &Bundle,
    cx: &mut Compiler<'c>,
) -> Option<(UrlTemplate, Option<&'c Connection>)> {
    match &action.address {
        RequestTarget::Path(path) => {
            let connection = match named {
                Some(named) => named,
                None => zendesk(&path.node, bundle, cx)?,
            };
            let text = text(path, constants, "path", cx.diagnostics())?;
            let template = lower_path(&text, &path.node, connection, cx.diagnostics())?;
            Some((UrlTemplate::Written(template), Some(connection)))
        }
        RequestTarget::Url(url) => {
            let text = text(url, constants, "url", cx.diagnostics())?;
            let template = match (named, is_placeholder(&text)) {
                (Some(connection), true) => {
                    lower_value(&text, &url.node, connection, cx.diagnostics())?
                }
                (_, _) => {
                    UrlTemplate::Written(lower_url(&text, &url.node, named, cx.diagnostics())?)
                }
            };
            Some((template, named))
        }
    }
}

/// Reports the broken placeholders of an address whose action no state calls.
pub fn check_placeholders(action: &HttpAction, diagnostics: &mut Diagnostics) {
    let (value, key) = match &action.address {
        RequestTarget::Path(path) => (path, "path"),
        RequestTarget::Url(url) => (url, "url"),
    };
    if let Some(text) = text(value, &Constants::new(), key, diagnostics) {
        Template::in_document("", &text, &value.node, Escape::None, diagnostics);
    }
}

/// Finds the connection for a name in the bundle. Reports an unknown one.
pub fn connection<'c>(
    name: &SpannedText,
    bundle: &Bundle,
    cx: &mut Compiler<'c>,
) -> Option<&'c Connection> {
    let ours = cx.config.connection_of(&bundle.integration, &name.text);
    if let Some(connection) = cx.config.connections.get(&ours) {
        return Some(connection);
    }
    let (theirs, integration) = (&name.text, &bundle.integration);
    let message = format!("unknown connection `{theirs}`");
    let known = cx.config.connections.keys().map(String::as_str);
    let near = suggest::nearest(theirs, known).unwrap_or("OURS");
    let help = format!(
        "define it under `connections` in flowtrigger.yaml, or map it to an existing one: `integrations: {{ {integration}: {{ connections: {{ {theirs}: {near} }} }} }}`"
    );
    cx.names
        .not_configured(Code::UnknownConnection, name.at, message, &help);
    None
}

fn zendesk<'c>(node: &Node, bundle: &Bundle, cx: &mut Compiler<'c>) -> Option<&'c Connection> {
    let ours = cx.config.zendesk_of(&bundle.integration);
    let found = cx.config.connections.get(&ours);
    if found.is_none() {
        let message = format!(
            "`path` needs the connection `{ours}` to your own Zendesk, which is not defined"
        );
        let help = "define `connections: { zendesk: { base_url: https://YOURS.zendesk.com, auth: … } }` in flowtrigger.yaml";
        cx.names
            .not_configured(Code::UnknownConnection, node.at, message, help);
    }
    found
}

/// Returns the text of a URL with the constant parameters filled in.
fn text(
    value: &TemplatedValue,
    constants: &Constants,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let written = diagnostics.text(&value.node, key)?;
    if !value.reference {
        warn_about_literal_path(key, &value.node, diagnostics);
    }
    let written = match value.reference && written.starts_with('$') {
        true => format!("{{{{{written}}}}}"),
        false => written,
    };
    let mut text = String::new();
    let mut from = 0;
    for found in placeholders(&written) {
        let name = written[found.path.clone()]
            .strip_prefix("$.")
            .unwrap_or_default();
        if let Some(constant) = constants.get(name) {
            text.push_str(&written[from..found.whole.start]);
            text.push_str(constant);
            from = found.whole.end;
        }
    }
    text.push_str(&written[from..]);
    Some(text)
}

fn lower_path(
    text: &str,
    node: &Node,
    connection: &Connection,
    diagnostics: &mut Diagnostics,
) -> Option<Template> {
    if !text.starts_with('/') {
        let message = format!("invalid path `{text}`");
        let help = "start it with `/`, or write a complete URL under `url`";
        return diagnostics.reject_value(node.at, message, help);
    }
    let base = connection.base_url.trim_end_matches('/');
    Template::in_document(base, text, node, Escape::Url, diagnostics)
}

/// Returns whether a text is exactly one placeholder.
fn is_placeholder(text: &str) -> bool {
    matches!(placeholders(text).as_slice(), [only] if only.whole == (0..text.len()))
}

/// Lowers an address that is one value of the document. It must have the origin of the connection.
fn lower_value(
    text: &str,
    node: &Node,
    connection: &Connection,
    diagnostics: &mut Diagnostics,
) -> Option<UrlTemplate> {
    let address = Template::in_document("", text, node, Escape::None, diagnostics)?;
    Some(UrlTemplate::Value {
        address,
        base: connection.base_url.as_str().into(),
    })
}

fn lower_url(
    text: &str,
    node: &Node,
    connection: Option<&Connection>,
    diagnostics: &mut Diagnostics,
) -> Option<Template> {
    let (host, rest) = split(text);
    if !host.contains("{{") {
        let Some(connection) = connection else {
            return Template::in_document("", text, node, Escape::Url, diagnostics);
        };
        if is_outbox(connection) {
            return Template::in_document(origin(connection), rest, node, Escape::Url, diagnostics);
        }
        check_origin(host, node.at, connection, diagnostics)?;
        return Template::in_document("", text, node, Escape::Url, diagnostics);
    }
    let Some(connection) = connection else {
        let help = "write the host literally, or add a `connectionName`: then the request goes to the host of that connection";
        return diagnostics.reject_value(node.at, "event values can never form the host", help);
    };
    let origin = origin(connection);
    if rest.is_empty() {
        let message = "the whole URL is a template";
        let help = format!(
            "write its path literally: `{origin}/…/{{{{$.id}}}}`; a value can be one segment of a path"
        );
        return diagnostics.reject_value(node.at, message, &help);
    }
    let message = format!(
        "the host is a template, so the request goes to `{origin}`, the host of the connection `{}`",
        connection.name
    );
    let help = format!("write the host literally: `{origin}{rest}`");
    diagnostics.warning(Code::InvalidValue, node.at, message, help);
    Template::in_document(origin, rest, node, Escape::Url, diagnostics)
}

/// Splits a URL into scheme with host, and the rest.
fn split(text: &str) -> (&str, &str) {
    let after = text.find("://").map_or(0, |at| at + 3);
    let found = placeholders(text);
    let inside = |at: usize| found.iter().any(|found| found.whole.contains(&at));
    let end = text
        .char_indices()
        .find(|(at, c)| *at >= after && matches!(c, '/' | '?' | '#') && !inside(*at));
    text.split_at(end.map_or(text.len(), |(at, _)| at))
}

fn is_outbox(connection: &Connection) -> bool {
    connection.base_url.starts_with("outbox:")
}

/// Returns scheme and host of a connection, or the name of its outbox.
fn origin(connection: &Connection) -> &str {
    split(&connection.base_url).0
}

fn check_origin(
    host: &str,
    at: Span,
    connection: &Connection,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let ours = Url::parse(origin(connection)).map(|url| url.origin());
    let theirs = Url::parse(host).map(|url| url.origin());
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours != theirs => {}
        // An invalid URL is reported as such elsewhere.
        _ => return Some(()),
    }
    let message = format!(
        "the credentials of the connection `{}` are sent only to `{}`",
        connection.name,
        origin(connection)
    );
    let help = format!("name a connection with the `base_url` `{host}`");
    diagnostics.reject(Code::RefusedTarget, at, message, &help)
}
