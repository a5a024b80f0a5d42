//! Lowers the address of a request: `url`, or `path` below the base URL of a `connection`.
//! Reports a host that an event could choose, and keys that do not go together.

use crate::config::connection::Connection;
use crate::diagnostic::{Code, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::flow::url_template::UrlTemplate;
use crate::language::resolver::NameResolver;
use crate::language::template::{Escape, Template};

/// Whether the request has an address: `url` alone, or `path` below a `connection`.
pub fn is_complete(node: &Node) -> bool {
    let has = |key: &str| node.get(key).is_some();
    match has("url") {
        true => !has("path") && !has("connection"),
        false => has("path") && has("connection"),
    }
}

/// Lowers the address. `connection` is `Some(None)` without one, `None` if it is unknown.
pub fn lower(
    node: &Node,
    connection: Option<&Option<&Connection>>,
    names: &mut NameResolver<'_>,
) -> Option<UrlTemplate> {
    // The address is checked even if its connection is unknown.
    let base = connection.copied().flatten();
    let base = base.map_or("https://unknown.example", |c| c.base_url.as_str());
    match (node.get("url"), node.get("path"), node.get("connection")) {
        (Some(url), None, None) => {
            Template::lower(url, "url", Escape::Url, names).map(UrlTemplate::Written)
        }
        (None, Some(path), Some(_)) => lower_path(path, base, names).map(UrlTemplate::Written),
        (Some(url), None, Some(_)) if url.as_text().is_some_and(Template::is_one_value) => {
            lower_value(url, base, names)
        }
        (Some(url), path, _) => {
            Template::lower(url, "url", Escape::Url, names);
            let message = "`url` beside `connection` or `path`";
            let help = match path {
                Some(_) => "write `url` alone, or `connection` with `path`",
                None => {
                    "write `url` alone, or `connection` with `path`; beside `connection`, a `url` is one value that is the whole address: `url: \"{{ steps.list.body.next_page }}\"`"
                }
            };
            names.error(Code::InvalidValue, url.at, message, help);
            None
        }
        (None, Some(path), None) => {
            let help =
                "name a `connection` of flowtrigger.yaml, or write the complete URL as `url`";
            names.error(
                Code::MissingKey,
                path.at,
                "`path` needs a `connection`",
                help,
            );
            None
        }
        (None, None, Some(connection)) => {
            let help = "add `path: /…`; it is appended to the connection's base URL";
            names.error(
                Code::MissingKey,
                connection.at,
                "`connection` needs a `path`",
                help,
            );
            None
        }
        (None, None, None) => {
            let help = "add `url: \"https://…\"`, or `connection` and `path`";
            names.error(Code::MissingKey, node.at, "`http` has no URL", help);
            None
        }
    }
}

/// Lowers an address that is one value.
fn lower_value(node: &Node, base: &str, names: &mut NameResolver<'_>) -> Option<UrlTemplate> {
    let address = Template::lower(node, "url", Escape::None, names)?;
    if address.secrets().next().is_some() {
        let message = "a secret cannot be the whole address, because messages name the host";
        let help = "write scheme and host as the connection's `base_url`, and the rest as `path: \"/{{ secret.NAME }}\"`";
        names.error(Code::InvalidValue, node.at, message, help);
        return None;
    }
    Some(UrlTemplate::Value {
        address,
        base: base.into(),
    })
}

fn lower_path(node: &Node, base: &str, names: &mut NameResolver<'_>) -> Option<Template> {
    let path = names.text(node, "path")?;
    if !path.starts_with('/') {
        let message = format!("invalid path `{path}`");
        let help = match Template::is_one_value(&path) {
            true => format!(
                "for a value that is the whole address write `url: \"{}\"` beside `connection`; a path starts with `/`",
                path.trim()
            ),
            false => "start it with `/`, or write a complete URL under `url`".to_owned(),
        };
        names.error(Code::InvalidValue, node.at, message, &help);
        return None;
    }
    Template::lower_behind(base.trim_end_matches('/'), node, "path", names)
}
