//! Reads a `ZIS::Action::Http` resource.
//! Reports a request without exactly one address. Its templates are checked when they are lowered.

use crate::bundle::SpannedText;
use crate::bundle::name::ResourceName;
use crate::bundle::read::{check_keys, map, non_empty_text, optional};
use crate::bundle::vocabulary::{HTTP, PAIR};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;

#[derive(Debug, Clone)]
pub struct HttpAction {
    pub name: SpannedText,
    pub method: Option<SpannedText>,
    pub address: RequestTarget,
    pub headers: Vec<NameValue>,
    pub query: Vec<NameValue>,
    pub body: Option<TemplatedValue>,
    pub connection: Option<SpannedText>,
}

#[derive(Debug, Clone)]
pub enum RequestTarget {
    /// A complete URL.
    Url(TemplatedValue),
    /// A path of the account's own Zendesk.
    Path(TemplatedValue),
}

#[derive(Debug, Clone)]
pub struct NameValue {
    pub key: SpannedText,
    pub value: TemplatedValue,
}

/// A value with templates.
#[derive(Debug, Clone)]
pub struct TemplatedValue {
    pub node: Node,
    /// Whether the key ends in `.$`, which makes a text a path or a template.
    pub reference: bool,
}

impl HttpAction {
    /// Whether a name in a state, with or without prefix, is exactly that of the action.
    pub fn is_called(&self, name: &SpannedText) -> bool {
        ResourceName::short(&name.text) == self.name.text
    }
}

pub fn read(node: &Node, name: &SpannedText, diagnostics: &mut Diagnostics) -> Option<HttpAction> {
    let entries = map(node, "an action's definition", diagnostics)?;
    check_keys(entries, &HTTP, diagnostics);
    let address = read_address(node, name, diagnostics);
    let headers = read_pairs(node, "headers", diagnostics);
    let query = read_pairs(node, "queryParams", diagnostics);
    Some(HttpAction {
        name: name.clone(),
        method: optional(node, "method", diagnostics),
        address: address?,
        headers: headers?,
        query: query?,
        body: templated_value(node, "requestBody"),
        connection: optional(node, "connectionName", diagnostics),
    })
}

fn read_address(
    node: &Node,
    name: &SpannedText,
    diagnostics: &mut Diagnostics,
) -> Option<RequestTarget> {
    match (templated_value(node, "url"), templated_value(node, "path")) {
        (Some(url), None) => {
            non_empty_text(&url.node, "url", diagnostics).map(|_| RequestTarget::Url(url))
        }
        (None, Some(path)) => {
            non_empty_text(&path.node, "path", diagnostics).map(|_| RequestTarget::Path(path))
        }
        (Some(_), Some(path)) => {
            let help = "keep one: `path` for your own Zendesk, `url` for any other server";
            diagnostics.error(
                Code::InvalidValue,
                path.node.at,
                "this action has `url` and `path`",
                help,
            );
            None
        }
        (None, None) => {
            let message = format!("the action `{}` has no address", name.text);
            let help = "add `path: /api/v2/…` for your own Zendesk, or `url: https://…`";
            diagnostics.error(Code::MissingKey, node.at, message, help);
            None
        }
    }
}

/// Returns the value under a key, or under the key with the suffix `.$`.
fn templated_value(node: &Node, key: &str) -> Option<TemplatedValue> {
    let plain = node.get(key).map(|node| (node, false));
    let (node, reference) = plain.or_else(|| Some((node.get(&format!("{key}.$"))?, true)))?;
    Some(TemplatedValue {
        node: node.clone(),
        reference,
    })
}

fn read_pairs(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Vec<NameValue>> {
    let Some(list) = node.get(key) else {
        return Some(Vec::new());
    };
    let Some(items) = list.as_list() else {
        let message = format!("`{key}` takes a list, found {}", list.kind());
        let help = "write `[{ key: Accept, value: application/json }]`";
        diagnostics.error(Code::WrongType, list.at, message, help);
        return None;
    };
    let pairs: Vec<Option<NameValue>> = items
        .iter()
        .map(|item| read_pair(item, key, diagnostics))
        .collect();
    pairs.into_iter().collect()
}

fn read_pair(node: &Node, of: &str, diagnostics: &mut Diagnostics) -> Option<NameValue> {
    let entries = map(node, &format!("an item of `{of}`"), diagnostics)?;
    check_keys(entries, &PAIR, diagnostics);
    let (key, value) = (node.get("key"), templated_value(node, "value"));
    if key.is_none() || value.is_none() {
        let message = format!("an item of `{of}` has `key` and `value`");
        let help = "write `{ key: Accept, value: application/json }`";
        diagnostics.error(Code::MissingKey, node.at, message, help);
    }
    Some(NameValue {
        key: non_empty_text(key?, "key", diagnostics)?,
        value: value?,
    })
}
