//! Reads the Zendesk account of a source: its id and its subdomain.

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Node, Yaml};

pub fn lower_account_id(node: &Node, diagnostics: &mut Diagnostics) -> Option<u64> {
    let id = match &node.value {
        Yaml::Number(number) => number.as_u64().filter(|id| *id > 0),
        Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    if id.is_none() {
        diagnostics.wrong_type(node, "account_id", "the number of the account");
    }
    id
}

pub fn lower_subdomain(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = diagnostics.text(node, "subdomain")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(plain) {
        return Some(text);
    }
    let host = text.trim_start_matches("https://");
    let name = host.split(['.', '/']).next().unwrap_or_default();
    let help = match name.is_empty() || !name.chars().all(plain) {
        true => "write the part before `.zendesk.com`".to_owned(),
        false => format!("write the part before `.zendesk.com`: `{name}`"),
    };
    let message = format!("`{text}` is not a subdomain");
    diagnostics.error(Code::InvalidValue, node.at, message, &help);
    None
}
